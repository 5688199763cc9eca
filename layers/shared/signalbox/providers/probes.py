"""How to ask a provider whether it is well, for nothing: one row a wire, and what its answer says of its targets."""

from collections.abc import Callable

from ..routing.catalog import Provider
from ..routing.failures import kind_of
from ..wire import HttpRequest


def _openai(provider: Provider, key: str | None) -> HttpRequest:
    """https://platform.openai.com/docs/api-reference/models/list"""
    return HttpRequest("GET", f"{provider.base_url}/models", {"authorization": f"Bearer {key}"} if key else {}, b"")


PROBES: dict[str, Callable[[Provider, str | None], HttpRequest]] = {"openai": _openai}

SAYS_NOTHING = {404, 405}  # a provider without the list is not ill: its circuit is left to the requests that try it


def outcome_of(status: int) -> str | None:
    """The outcome's kind, or None where the answer says nothing of the targets."""
    if status in SAYS_NOTHING:
        return None
    return "ok" if status < 300 else kind_of(status, b"")
