"""What of a request the record of its key permits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..admission.keys import NAMED, check_active, record_of
from ..errors import Refusal
from ..routing.catalog import ANY, Route, Snapshot
from .asked import Asked

WHOEVER = "*"
LISTS = ("models", "routes")  # of what `model` may name; one that has neither may name whatever there is

Records = Mapping[str, Mapping[str, Any]]  # by scope
Record = Mapping[str, Any]


class Counted(NamedTuple):
    """Whom a request counts for: the team of its key or another that it may name, and an agent, empty where none is named that counts."""

    team: str
    agent: str = ""


class Permits(NamedTuple):
    """What it counts for, as above; `tags` are all that it has, its key's first; `fallbacks` are the targets that the request brings."""

    team: str = ""
    agent: str = ""
    tags: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()


def permits_of(asked: Asked, snapshot: Snapshot, records: Records) -> Permits:
    """Whoever is not permitted does not count; models and fallbacks that are not are refused, since the caller relies on them."""
    record, counted = record_of(asked.caller, records), counted_of(asked, records)
    check_active(f"team#{asked.caller.tenant}/{counted.team}", records)
    if not may_name(asked.request.model, record, snapshot):
        raise _not_permitted(asked.request.model, "model")
    tags = tuple(dict.fromkeys((*record.get("tags", ()), *asked.tags)))
    if not asked.fallbacks:
        return Permits(*counted, tags)
    if not record.get("fallbacks"):
        message = "This key may not bring `fallbacks` of its own. Leave them out, or ask the operators to permit them: POST /admin/keys."
        raise Refusal("permission_denied", message, param="fallbacks")
    for name in asked.fallbacks:
        if not may_name(name, record, snapshot):
            raise _not_permitted(name, "fallbacks")
    return Permits(*counted, tags, tuple(dict.fromkeys(id for name in asked.fallbacks for id in _targets(name, snapshot))))


def counted_of(asked: Asked, records: Records) -> Counted:
    record = record_of(asked.caller, records)
    team = asked.team if _permitted(asked.team, record.get("teams", ())) and NAMED.fullmatch(asked.team) else asked.caller.team
    return Counted(team, asked.agent if _permitted(asked.agent, record.get("agents", ())) else "")


def may_name(model: str, record: Record, snapshot: Snapshot) -> bool:
    """By what the names mean now: who may name a route may name it by its aliases, and the other way round."""
    if all(record.get(list) is None for list in LISTS):
        return True
    route = snapshot.route(model)
    return route is not None and any(_covers(name, route, snapshot) for list in LISTS for name in record.get(list) or ())


def means(granted: str, snapshot: Snapshot) -> bool:
    """Whether it lets anything be named."""
    if _is_open(granted, snapshot):
        return any(id.startswith(granted[:-1]) for id in snapshot.targets)
    return snapshot.route(granted) is not None


def _covers(granted: str, route: Route, snapshot: Snapshot) -> bool:
    if _is_open(granted, snapshot):
        return route.targets == (route.name,) and route.name.startswith(granted[:-1])
    meant = snapshot.route(granted)
    return meant is not None and meant.name == route.name


def _is_open(granted: str, snapshot: Snapshot) -> bool:
    """`provider/*`, or a model that the document has by such an id. Whatever else ends so would let in providers that nobody named."""
    provider, _, rest = granted.partition("/")
    return (rest == ANY and provider in snapshot.providers) or (granted.endswith(ANY) and granted in snapshot.targets)


def _permitted(name: str, permitted: Any) -> bool:
    return bool(name) and (name in permitted or WHOEVER in permitted)


def _not_permitted(name: str, param: str) -> Refusal:
    """Whether there is any such model or not: who may not name it has no need to know."""
    message = f"This key may not use {name[:100]!r}. GET /v1/models lists what it may; the operators can permit more."
    return Refusal("permission_denied", message, param=param)


def _targets(name: str, snapshot: Snapshot) -> tuple[str, ...]:
    route = snapshot.route(name)
    if route is None:
        message = f"There is no model {name[:100]!r} to fall back to. GET /v1/models lists what this key may use."
        raise Refusal("model_not_found", message, param="fallbacks")
    return route.targets
