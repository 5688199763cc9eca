"""How to ask a provider whether it is well, for nothing: one row a wire, and what its answer says of its targets."""

from ..routing.catalog import Provider
from ..routing.failures import kind_of
from ..wire import HttpRequest
from .auth import AT_THE_EDGE
from .auth import headers as shown

# Where each lists its models. A wire that is not here cannot be asked for nothing: its circuits are left to the requests that try them.
LISTS = {
    "openai": "/models",  # https://platform.openai.com/docs/api-reference/models/list
    "azure": "/openai/models?api-version=2024-10-21",  # https://learn.microsoft.com/rest/api/azureopenai/models/list
    "anthropic": "/v1/models",  # https://docs.claude.com/en/api/models-list
    "gemini": "/models",  # https://ai.google.dev/api/models#method:-models.list
    "ollama": "/api/tags",  # https://docs.ollama.com/api/tags
}
HEADERS = {"anthropic": {"anthropic-version": "2023-06-01"}}


def probe_of(provider: Provider, key: str | None) -> HttpRequest | None:
    """None where there is no such question, or where showing the key takes more than a header."""
    if provider.wire not in LISTS or provider.auth in AT_THE_EDGE:
        return None
    headers = {**HEADERS.get(provider.wire, {}), **shown(provider.auth, key)}
    return HttpRequest("GET", f"{provider.base_url}{LISTS[provider.wire]}", headers)


SAYS_NOTHING = {404, 405}  # a provider without the list is not ill: its circuit is left to the requests that try it


def outcome_of(status: int) -> str | None:
    """The outcome's kind, or None where the answer says nothing of the targets."""
    if status in SAYS_NOTHING:
        return None
    return "ok" if status < 300 else kind_of(status, b"")
