"""The analysis of a configuration, route by route: plain rows, as the command and the control API show them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..catalog import ANY, Route, Snapshot, Target
from .cautions import Case, Caution, cautions
from .fates import MONTH_S, USUAL, Shares, all_down, independent, nines
from .losses import Group, Loss, Pair, losses, pairs, shared
from .reach import Reach, reach
from .serving import entropy_bits, orders, serving
from .spending import INPUT_TOKENS, OUTPUT_TOKENS, dearest, fullest_nanousd, longest_nanousd, usual_nanousd

LEAST = 0.999  # a route that is available less is cautioned against


@dataclass(frozen=True, slots=True)
class Assumptions:
    """`provider_share` and `region_share` are of what brings a target down; the tokens are those of the request that costs are told of."""

    provider_share: float = USUAL.provider
    region_share: float = USUAL.region
    least_availability: float = LEAST
    month_s: float = MONTH_S
    input_tokens: int = INPUT_TOKENS
    output_tokens: int = OUTPUT_TOKENS

    @property
    def shares(self) -> Shares:
        return Shares(self.provider_share, self.region_share)


@dataclass(frozen=True, slots=True)
class Standing:
    """Shares of 1. `nines` is null where it never fails; `down_s` is the expected downtime a month."""

    availability: float
    unavailability: float
    nines: float | None
    down_s: float


@dataclass(frozen=True, slots=True)
class Member:
    """A target of the chain. `serves` is its share of the answers; costs are nano-dollars, null without prices."""

    target: str
    provider: str
    region: str
    availability: float
    tried: bool
    serves: float
    ttft_s: float
    cost_nanousd: int | None


@dataclass(frozen=True, slots=True)
class Worst:
    """`first_byte_s` is how long a caller waits for it while one target after the other hangs. Each attempt is billed in full,
    up to the route's `max_cost_usd`: `cost_nanousd` for the reference input and the longest output, `full_cost_nanousd` with full windows.
    """

    attempts: int
    first_byte_s: float
    total_s: float
    cost_nanousd: int | None
    full_cost_nanousd: int | None


@dataclass(frozen=True, slots=True)
class RouteAnalysis:
    """`correlated` is with what the targets share, `independent` were nothing shared. `fails_without_first` is the probability that a
    request fails once the provider of the first target is lost. `last_resort` is whom a request asks last of all.
    """

    route: str
    strategy: str
    targets: tuple[Member, ...]
    correlated: Standing
    independent: Standing
    last_resort: str
    last_resort_provider: str
    terminal: str | None
    last_resort_elsewhere: bool
    losses: tuple[Loss, ...]
    single_points: tuple[str, ...]
    fails_without_first: float
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    entropy_bits: float
    entropy_by: str
    expected_cost_nanousd: int | None
    worst: Worst
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, slots=True)
class LastResorts:
    """Of how many routes each target and each provider is the last resort; a model that is asked for by its own name is no route here."""

    targets: Mapping[str, int]
    providers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Analysis:
    """`version` is 0 for a document that is not published."""

    version: int
    assumptions: Assumptions
    last_resorts: LastResorts
    routes: tuple[RouteAnalysis, ...]


def analyse(snapshot: Snapshot, routes: Sequence[Route] | None = None, assumptions: Assumptions = Assumptions()) -> Analysis:
    """Of these routes; without any, of those that the document declares, and of the models that name a chain."""
    found = tuple(of_route(route, snapshot, assumptions) for route in (declared(snapshot) if routes is None else routes))
    targets, providers = Counter(row.last_resort for row in found), Counter(row.last_resort_provider for row in found)
    return Analysis(snapshot.version, assumptions, LastResorts(dict(targets.most_common()), dict(providers.most_common())), found)


def declared(snapshot: Snapshot) -> list[Route]:
    """Every model is a route too; alone, there is nothing to tell of it."""
    return [route for name, route in sorted(snapshot.routes.items()) if not name.endswith(ANY) and not _is_a_model_alone(route, snapshot)]


def of_route(route: Route, snapshot: Snapshot, assumptions: Assumptions = Assumptions()) -> RouteAnalysis:
    shares, reached = assumptions.shares, reach(route, snapshot)
    tried, last = reached.tried, reached.tried[-1]
    by, ordered = orders(route)
    served = serving([(likely, reach(route, snapshot, targets).tried) for likely, targets in ordered], shares)
    lost = tuple(losses(tried, shares))
    correlated = standing(all_down(tried, shares))
    return RouteAnalysis(
        route=route.name,
        strategy=route.strategy,
        targets=tuple(_member(target, reached, served) for target in reached.order),
        correlated=correlated,
        independent=standing(independent(tried)),
        last_resort=last.id,
        last_resort_provider=last.provider,
        terminal=reached.terminal,
        last_resort_elsewhere=last.provider != tried[0].provider,
        losses=lost,
        single_points=tuple(f"{loss.kind} {loss.name}" for loss in lost if loss.single_point),
        fails_without_first=next(loss.fails for loss in lost if loss.name == tried[0].provider),
        groups=tuple(shared(tried, shares)),
        pairs=tuple(pairs(tried, shares)),
        entropy_bits=entropy_bits(served.values()),
        entropy_by=by,
        expected_cost_nanousd=_expected(reached.order, served),
        worst=_worst(reached),
        cautions=cautions(Case(reached, correlated.availability, assumptions.least_availability)),
    )


def standing(unavailability: float) -> Standing:
    return Standing(1 - unavailability, unavailability, nines(unavailability), unavailability * MONTH_S)


def _is_a_model_alone(route: Route, snapshot: Snapshot) -> bool:
    return route.targets == (route.name,) and not snapshot.targets[route.name].chain


def _member(target: Target, reached: Reach, served: Mapping[str, float]) -> Member:
    return Member(
        target=target.id,
        provider=target.provider,
        region=target.region,
        availability=target.availability,
        tried=target in reached.tried,
        serves=served.get(target.id, 0.0),
        ttft_s=reached.ttft_s(target),
        cost_nanousd=usual_nanousd(target),
    )


def _expected(order: Sequence[Target], served: Mapping[str, float]) -> int | None:
    """Of an answered request: whoever answers is paid."""
    costs = [(served.get(target.id, 0.0), usual_nanousd(target)) for target in order]
    return None if any(cost is None for _, cost in costs) else round(sum(share * (cost or 0) for share, cost in costs))


def _worst(reached: Reach) -> Worst:
    route = reached.route
    return Worst(
        attempts=route.max_attempts,
        first_byte_s=reached.first_byte_s(),
        total_s=reached.total_s,
        cost_nanousd=dearest(map(longest_nanousd, reached.all), route),
        full_cost_nanousd=dearest(map(fullest_nanousd, reached.all), route),
    )
