"""The upstreams that are simulated. Another wire format is another file here, and another row in PROVIDERS."""

from .anthropic import ANTHROPIC
from .azure import AZURE, ENTRA_TOKEN
from .bedrock import BEDROCK
from .compatible import provider
from .compatible_rows import ROWS
from .gemini import GEMINI
from .google_token import GOOGLE_TOKEN
from .mistral import MISTRAL
from .ollama import OLLAMA, OLLAMA_CLOUD
from .openai import OPENAI
from .perplexity import PERPLEXITY
from .provider import Provider
from .vertex import VERTEX

ALL = (
    OPENAI,
    MISTRAL,
    ANTHROPIC,
    BEDROCK,
    GEMINI,
    VERTEX,
    GOOGLE_TOKEN,
    *map(provider, ROWS),
    AZURE,
    ENTRA_TOKEN,
    PERPLEXITY,
    OLLAMA,
    OLLAMA_CLOUD,
)
PROVIDERS: dict[str, Provider] = {each.name: each for each in ALL}
