"""What of a request the record of its key permits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import Refusal
from ..routing.catalog import Snapshot
from .asked import Asked

Records = Mapping[str, Mapping[str, Any]]  # by scope


class Permits(NamedTuple):
    """`agent` is empty where none is named that counts; `fallbacks` are the targets that the request brings."""

    agent: str = ""
    fallbacks: tuple[str, ...] = ()


def permits_of(asked: Asked, snapshot: Snapshot, records: Records) -> Permits:
    """An agent that is not permitted does not count; fallbacks that are not are refused, since the caller relies on them."""
    agent = agent_of(asked, records)
    if not asked.fallbacks:
        return Permits(agent)
    if not _record(asked, records).get("fallbacks"):
        message = "This key may not bring `fallbacks` of its own. Leave them out, or ask the operators to permit them: POST /admin/keys."
        raise Refusal("permission_denied", message, param="fallbacks")
    return Permits(agent, tuple(dict.fromkeys(id for name in asked.fallbacks for id in _targets(name, snapshot))))


def agent_of(asked: Asked, records: Records) -> str:
    return asked.agent if {asked.agent, "*"} & set(_record(asked, records).get("agents", ())) else ""


def _record(asked: Asked, records: Records) -> Mapping[str, Any]:
    return records[f"key#{asked.caller.key_id}"]


def _targets(name: str, snapshot: Snapshot) -> tuple[str, ...]:
    route = snapshot.route(name)
    if route is None:
        message = f"There is no model {name[:100]!r} to fall back to. GET /v1/models lists what this key may use."
        raise Refusal("model_not_found", message, param="fallbacks")
    return route.targets
