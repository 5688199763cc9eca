"""What an operator should look at before a route goes live: one row a caution, which says what is wrong and how to mend it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..catalog import Target
from .reach import IN_PART, OFF, Reach


@dataclass(frozen=True, slots=True)
class Caution:
    code: str
    message: str


class Case(NamedTuple):
    """`least` is the availability that a route should have; `availability` is what it has with what its targets share."""

    reach: Reach
    availability: float
    least: float


def cautions(case: Case) -> tuple[Caution, ...]:
    return tuple(Caution(code, message) for code, look in CAUTIONS.items() for message in look(case))


def _single_provider(case: Case) -> Iterator[str]:
    tried = case.reach.tried
    if len({target.provider for target in tried}) == 1:
        yield f"all that is tried is {tried[0].provider}'s: it is down whenever {tried[0].provider} is. Add a target of another provider"


def _single_region(case: Case) -> Iterator[str]:
    tried = case.reach.tried
    regions = {target.region for target in tried}
    if len(tried) > 1 and len(regions) == 1 and tried[0].region:
        yield f"all that is tried is in {tried[0].region}: it is down whenever that region is. Add a target elsewhere"


def _no_terminal(case: Case) -> Iterator[str]:
    if case.reach.chains and not case.reach.terminal:
        names = ", ".join(case.reach.chains)
        yield f"no terminal target: {names} names none that comes last of all. Write terminal: … into a chain of its targets"


def _same_provider_last(case: Case) -> Iterator[str]:
    first, last = case.reach.tried[0], case.reach.tried[-1]
    if first.provider == last.provider and len({target.provider for target in case.reach.tried}) > 1:
        yield f"{last.id} comes last and is {last.provider}'s as the first one is. Let one of another provider be the last"


def _fallback(case: Case) -> Iterator[str]:
    if case.reach.fallback == OFF:
        yield "the flag fallback is off: only the first target is tried"
    elif case.reach.fallback == IN_PART:
        yield "the flag fallback is on for some only: for the others the first target alone is tried, and all of this does not hold"


def _unreached(case: Case) -> Iterator[str]:
    reach = case.reach
    if reach.fallback == OFF:
        return
    if left := reach.order[len(reach.tried) :]:
        retries = "" if len(reach.tried) == min(reach.route.max_attempts, len(reach.order)) else ", the retries among them,"
        last = " the terminal one too" if reach.terminal and left[-1].id == reach.terminal else ""
        yield (
            f"max_attempts {reach.route.max_attempts}{retries} leaves {_ids(left)} untried in one request,{last or ' whoever is down'}."
            " Raise max_attempts or shorten the chain"
        )


def _too_late(case: Case) -> Iterator[str]:
    reach = case.reach
    begun = {target.id for target, _ in reach.hanging()}
    if late := [target for target in reach.tried if target.id not in begun]:
        yield (
            f"where those before hang, nobody asks {_ids(late)} within the {reach.total_s:g} s of the whole operation."
            " Lower ttft_s, or set hedge_after_s"
        )


def _unpriced(case: Case) -> Iterator[str]:
    if without := [target for target in case.reach.all if target.prices is None]:
        have, whose = ("has", "its cost is") if len(without) == 1 else ("have", "their cost is")
        yield f"{_ids(without)} {have} no prices: {whose} not known, and whoever has a hard budget is refused. Write prices"


def _unavailable(case: Case) -> Iterator[str]:
    if case.availability < case.least:
        figures = f"{100 * case.availability:.6g} % of the time, less than {100 * case.least:.6g} %"
        yield f"available {figures}. Add a target that shares little with the others"


def _ids(targets: Sequence[Target]) -> str:
    return ", ".join(target.id for target in targets)


CAUTIONS: dict[str, Callable[[Case], Iterator[str]]] = {
    "single_provider": _single_provider,
    "single_region": _single_region,
    "availability": _unavailable,
    "fallback": _fallback,
    "unreached": _unreached,
    "too_late": _too_late,
    "no_terminal": _no_terminal,
    "same_provider_last": _same_provider_last,
    "unpriced": _unpriced,
}
