"""Whether a request's answer may come from the cache, and go into it: by its route or policy, by itself, and by its `cache-control`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..circuits.state import CLOSED
from ..request import Image, Raw, Request, ToolResult
from .trip import Trip

KB = 1024
FOR_EVER_S = 2**31  # as which whatever is larger is read: https://www.rfc-editor.org/rfc/rfc9111#name-delta-seconds
LINKS = frozenset({"url", "file_url", "file_id"})  # of parts that are a dialect's own
# Parameters by which an answer comes from more than the request: what the provider looks up, runs or remembers.
OUTSIDE = frozenset({"web_search_options", "conversation", "background", "mcp_servers", "container", "plugins", "modalities"})


class Terms(NamedTuple):
    """`reads`: a kept answer may be given, if it is not older than `max_age_s`, where that is said. `most_bytes` is what one may take."""

    ttl_s: int
    reads: bool = True
    max_age_s: int | None = None
    most_bytes: int = 64 * KB

    def is_young(self, age_s: int) -> bool:
        return age_s <= self.ttl_s and (self.max_age_s is None or age_s <= self.max_age_s)


def terms_of(cache: Mapping[str, Any] | None, request: Request, cache_control: str) -> Terms | None:
    """None: not kept, and not looked for. `cache` is the decision's, as the document has it."""
    if not cache or not cache["ttl_s"]:
        return None
    said = directives(cache_control) if cache_control else {}
    if "no-store" in said:
        return None
    max_age_s = _seconds(said["max-age"]) if "max-age" in said else None
    if not (cache.get("any") or max_age_s or is_deterministic(request)):
        return None
    reads = "no-cache" not in said and max_age_s != 0
    return Terms(cache["ttl_s"], reads, max_age_s, cache.get("max_kb", 64) * KB)


def is_deterministic(request: Request) -> bool:
    """Whether it asks for the same answer each time. What it has the provider fetch, look up or run may be another by then; tools that the
    client runs are no part of the answer.
    """
    if OUTSIDE & request.extra.keys() or any(isinstance(tool, Raw) for tool in request.tools):
        return False
    if any(_is_fetched(part) for message in request.messages for part in message.parts):
        return False
    return bool(request.inputs) or request.temperature == 0 or request.seed is not None


def _is_fetched(part: Any) -> bool:
    """Whether the provider reads it from elsewhere, where it may be replaced."""
    match part:
        case Image(url):
            return not url.startswith("data:")
        case ToolResult(parts=parts):
            return any(map(_is_fetched, parts))
        case Raw(json):
            return _has_link(json)
    return False


def _has_link(json: Any) -> bool:
    match json:
        case dict():
            links = (value for name, value in json.items() if name in LINKS)
            return any(isinstance(link, str) and not link.startswith("data:") for link in links) or any(map(_has_link, json.values()))
        case list():
            return any(map(_has_link, json))
    return False


def is_usual(trip: Trip, target: str) -> bool:
    """Whether it answers such requests on other days too: this one did not bring it along, and it stands in for none that is ill, full or
    without means.

    Else an outage of a minute would go on until what was kept has expired.
    """
    route, inputs = trip.snapshot.route(trip.decision.route), trip.inputs
    own = route.targets if route else ()
    if target not in own and target in inputs.features.fallbacks:
        return False
    ahead = own[: own.index(target)] if target in own else own
    ill = {id for id, circuit in inputs.circuits.items() if circuit.state != CLOSED}
    spent = {id for id in ahead if id.partition("/")[0] in inputs.spent}
    return not ill.union(inputs.full, spent).intersection(ahead)


def directives(header: str) -> dict[str, str]:
    """https://www.rfc-editor.org/rfc/rfc9111#name-cache-control"""
    parts = (part.strip().lower().partition("=") for part in header.split(","))
    return {name.strip(): value.strip().strip('"') for name, _, value in parts if name}


def _seconds(text: str) -> int:
    """What cannot be read counts as stale."""
    if not (text.isascii() and text.isdecimal()):
        return 0
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) < 10 else FOR_EVER_S
