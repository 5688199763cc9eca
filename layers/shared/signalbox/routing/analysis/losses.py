"""What happens to a route when a provider, a region or a target is lost: whose loss takes it down, and who goes down together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..catalog import Target
from .fates import KINDS, Shares, all_down, correlation, groups, independent


@dataclass(frozen=True, slots=True)
class Loss:
    """`fails` is the probability that the route fails once `name` is gone: 1 where nobody is left, which is a single point of failure."""

    kind: str  # provider, region or target
    name: str
    single_point: bool
    fails: float


@dataclass(frozen=True, slots=True)
class Group:
    """Targets that share a cause, and how likely they are all down at once: as they are, and were nothing shared."""

    kind: str
    name: str
    targets: tuple[str, ...]
    all_down: float
    all_down_independent: float


@dataclass(frozen=True, slots=True)
class Pair:
    """`correlation` is that of their being down: 0 where they have nothing in common, 1 where one is never down without the other."""

    targets: tuple[str, str]
    correlation: float


def losses(tried: Sequence[Target], shares: Shares) -> Iterator[Loss]:
    """Of each provider, each region and each target."""
    for kind in (*KINDS, "id"):
        for name in dict.fromkeys(getattr(target, kind) for target in tried):
            left = [target for target in tried if getattr(target, kind) != name]
            if name:
                yield Loss("target" if kind == "id" else kind, name, not left, all_down(left, shares))


def shared(tried: Sequence[Target], shares: Shares) -> Iterator[Group]:
    for kind in KINDS:
        for name, members in groups(tried, kind):
            yield Group(kind, name, tuple(target.id for target in members), all_down(members, shares), independent(members))


def pairs(tried: Sequence[Target], shares: Shares) -> Iterator[Pair]:
    """Those that have something in common."""
    for one, other in combinations(tried, 2):
        if one.provider == other.provider or (one.region and one.region == other.region):
            yield Pair((one.id, other.id), correlation(one, other, shares))
