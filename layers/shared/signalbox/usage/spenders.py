"""Who has spent the most below a budget's scope, by the sums that daily reports are made of: those of whole days, in UTC."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .rows import Reported, in_reports

MOST = 3  # of each kind

# Below which scope who is named, and which sums are theirs. Nothing is summed below a key or an agent.
Below = Mapping[str, Callable[[Reported, str], bool]]
BELOW: Mapping[str, Below] = {
    "global": {"tenant": lambda of, id: of.by == "all"},
    "tenant": {"team": lambda of, id: of.by == "all" and bool(of.team), "key": lambda of, id: of.by == "key"},
    "team": {"key": lambda of, id: of.by == "key"},
    "route": {"tenant": lambda of, id: of.by == "route" and of.id == id},
    "provider": {"tenant": lambda of, id: of.by == "model" and of.id.startswith(f"{id}/")},
}
NAMES: Mapping[str, Callable[[Reported], str]] = {
    "tenant": lambda of: of.tenant,
    "team": lambda of: f"{of.tenant}/{of.team}",
    "key": lambda of: of.id,
}


class Spender(NamedTuple):
    """`scope` as budgets name it: team#acme/red."""

    scope: str
    cost_nanousd: int


class Spent(NamedTuple):
    """By whom the most, of these days, as far as it was counted when somebody looked."""

    first_day: str
    last_day: str
    spenders: tuple[Spender, ...]


def within(scope: str) -> str | None:
    """How the ids begin of all that may count below it. None where nothing does."""
    kind, _, id = scope.partition("#")
    if kind not in BELOW:
        return None
    return in_reports(*{"tenant": [id], "team": id.split("/", 1)}.get(kind, ()))


def largest(scope: str, costs: Mapping[Reported, int]) -> tuple[Spender, ...]:
    """`costs` are in nano-dollars."""
    kind, _, id = scope.partition("#")
    found: list[Spender] = []
    for below, counts in BELOW.get(kind, {}).items():
        sums = Counter[str]()
        for of, cost in costs.items():
            if counts(of, id):
                sums[f"{below}#{NAMES[below](of)}"] += cost
        dearest = sorted((-cost, scope) for scope, cost in sums.items() if cost > 0)[:MOST]
        found += (Spender(scope, -cost) for cost, scope in dearest)
    return tuple(found)
