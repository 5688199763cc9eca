"""What operators decided, as a container knows it: the live version, the circuits, the records of scopes. Each item is cached for 5 s."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class View:
    """`live` is config/live ({} before the first publish), `circuits` circuits/state ({} before the first outcome: all closed),

    `records` the scope records asked for, {} for a scope that has none. All in the blueprint's shapes, numbers as int.
    """

    live: Mapping[str, Any]
    circuits: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Any]]
