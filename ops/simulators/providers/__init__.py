"""The upstreams that are simulated. Another wire format is another file here, and another row in PROVIDERS."""

from .mistral import MISTRAL
from .openai import OPENAI
from .provider import Provider

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (OPENAI, MISTRAL)}
