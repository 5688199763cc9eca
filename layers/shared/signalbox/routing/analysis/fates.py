"""How likely targets are down together. What brings one down is shared in part: with its provider's others, and with its region's.

A target that is up with probability a is up exactly when three independent causes leave it be: its provider's with a^p, its region's with
a^r, its own with a^(1-p-r). A cause that several share strikes them by its force: whom it spares, it spares whoever bears more as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, product
from math import expm1 as less_one
from math import log, log10, prod, sqrt
from operator import attrgetter
from typing import NamedTuple

from ..catalog import Target

MONTH_S = 30.44 * 86_400
KINDS = ("provider", "region")

Strike = tuple[float, frozenset[str]]  # how likely, and who is down by it
NOBODY: Strike = (1.0, frozenset())


class Shares(NamedTuple):
    """Of what brings a target down, how much it has in common with its provider's others, and how much with its region's."""

    provider: float = 0.5
    region: float = 0.2


USUAL = Shares()


def all_down(targets: Sequence[Target], shares: Shares = USUAL) -> float:
    """The probability that none of them is up: summed over what may strike the regions and, with each of that, the providers."""
    own = {target.id: 1.0 for target in targets}
    for kind, share in zip(KINDS, shares, strict=True):
        for _, members in groups(targets, kind):
            own |= {target.id: own[target.id] - share for target in members}
    alone = {target.id: down(target, max(0.0, own[target.id])) for target in targets}
    providers = [(target_ids(members), _strikes(members, shares.provider)) for _, members in groups(targets, "provider", 1)]
    total = 0.0
    for strikes in product(*(_strikes(members, shares.region) for _, members in groups(targets, "region"))):
        lost = frozenset[str]().union(*(hit for _, hit in strikes))
        total += prod(likely for likely, _ in strikes) * prod(_none_left(ids - lost, row, alone) for ids, row in providers)
    return total


def down(target: Target, share: float = 1.0) -> float:
    """The probability that this share of what may bring it down does so."""
    return 0.0 - less_one(share * log(target.availability))  # never -0


def independent(targets: Iterable[Target]) -> float:
    """The same, were nothing shared: the product."""
    return prod(down(target) for target in targets)


def groups(targets: Iterable[Target], kind: str, least: int = 2) -> list[tuple[str, list[Target]]]:
    """Those of one provider or region, where there are so many at least. Of an unknown region nobody knows whose it is."""
    by_name = attrgetter(kind)
    rows = [(name, list(members)) for name, members in groupby(sorted(targets, key=by_name), by_name)]
    return [(name, members) for name, members in rows if name and len(members) >= least]


def target_ids(targets: Iterable[Target]) -> frozenset[str]:
    return frozenset(target.id for target in targets)


def correlation(one: Target, other: Target, shares: Shares = USUAL) -> float:
    """Of their being down, from 0 (nothing in common) to 1; 0 where one of them never is."""
    spread = sqrt(down(one) * one.availability * down(other) * other.availability)
    return (all_down((one, other), shares) - independent((one, other))) / spread if spread else 0.0


def nines(unavailability: float) -> float | None:
    """3 of 99.9 %; None where it never fails."""
    return round(max(0.0, -log10(unavailability)), 9) if unavailability > 0 else None


def _strikes(members: Sequence[Target], share: float) -> list[Strike]:
    """Each way that a shared cause can strike: nobody, the frailest, the frailest two, … all. One target shares nothing."""
    if len(members) < 2:
        return [NOBODY]
    frail_first = sorted(members, key=attrgetter("availability"))
    reach = [1.0, *(down(target, share) for target in frail_first), 0.0]
    ways = [(reach[count] - reach[count + 1], target_ids(frail_first[:count])) for count in range(len(members) + 1)]
    return [way for way in ways if way[0] > 0]


def _none_left(ids: frozenset[str], strikes: list[Strike], alone: Mapping[str, float]) -> float:
    return sum(likely * prod(alone[id] for id in ids - hit) for likely, hit in strikes)
