"""The upstreams that are simulated. Another wire format is another file here, and another row in PROVIDERS."""

from .anthropic import ANTHROPIC
from .mistral import MISTRAL
from .openai import OPENAI
from .provider import Provider

ALL = (
    OPENAI,
    MISTRAL,
    ANTHROPIC,
)
PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in ALL}
