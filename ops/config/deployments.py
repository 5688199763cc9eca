"""A model that is called by somebody else's name for it, and the names it may have here."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from signalbox.config.source import Path

from .known_providers import Provider

Group = list["Deployment"]


class Deployment(NamedTuple):
    """`row` is our row of the model; `note` stands above it."""

    name: str
    path: Path
    hint: str  # for its provider's name
    provider: Provider
    model: str
    row: Mapping[str, Any]
    note: str
    order: int = 0
    weight: float | None = None
    weighed: Path | None = None  # where that was said, and by no capacity
    attempts: int | None = None
    timeout_s: float | None = None

    @property
    def embeds(self) -> bool:
        return "embeddings" in self.row["capabilities"]

    @property
    def is_wild(self) -> bool:
        return self.model.endswith("*")


def grouped(deployments: Iterable[Deployment]) -> dict[str, Group]:
    """By the name they are called by."""
    groups: dict[str, Group] = {}
    for one in deployments:
        groups.setdefault(one.name, []).append(one)
    return groups


def strategy(group: Group, wanted: str) -> str:
    """One that orders targets has a sense where there are several, and where nobody has ordered them."""
    return "sequential" if len(group) < 2 or len({one.order for one in group}) > 1 else wanted


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:60] or "model"


def free(name: str, taken: Collection[str], joint: str = "-") -> str:
    number, plain = 2, name
    while name in taken:
        name, number = f"{plain[:60] if joint == '-' else plain}{joint}{number}", number + 1
    return name
