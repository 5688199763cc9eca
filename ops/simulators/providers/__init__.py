"""The upstreams that are simulated. Another wire format is another file here, and another row in PROVIDERS."""

from .anthropic import ANTHROPIC
from .bedrock import BEDROCK
from .compatible import provider
from .compatible_rows import ROWS
from .mistral import MISTRAL
from .openai import OPENAI
from .provider import Provider

ALL = (
    OPENAI,
    MISTRAL,
    ANTHROPIC,
    BEDROCK,
    *map(provider, ROWS),
)
PROVIDERS: dict[str, Provider] = {each.name: each for each in ALL}
