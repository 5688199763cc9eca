"""What one usage event adds, and to whose counters: a row for each that it concerns."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

from . import observed
from .events import Attempt, Tokens, UsageRecorded
from .record import CRASHED

ALL = "all"  # the id of the dimension that has every request
MODEL = "model:"  # a key's own use of each model stands in the key's item: asking for it takes no further read, keeping it no further write
REPORT = "report"  # a team's use by model, key and route, which its daily report is made of
REPORTED_BY = ("model", "key", "route")
MOST_NAME_BYTES = 200


class Reported(NamedTuple):
    """Whose use a counter of the reports is: `by` is all, with no id, or model, key or route."""

    tenant: str
    team: str
    by: str
    id: str


def rows(event: UsageRecorded) -> Iterator[tuple[str, str, Counter[str]]]:
    """(dimension, id, counters). What belongs to a tenant is named with it: two tenants' agents, users and tags are never one."""
    was_sent = bool(event.attempts) or event.outcome == CRASHED
    whole = Counter(
        requests=1,
        refused=not was_sent and event.outcome != "ok",
        failed=was_sent and event.outcome != "ok",
        attempts=len(event.attempts),
        cache_hits=event.cache == "hit",
        cache_misses=event.cache == "miss",
        estimated=event.estimated,
        slow=event.slow,
        duration_ms=event.duration_ms,
        baseline_cost_nanousd=event.baseline_cost_nanousd,
    ) + _spent(event.tokens, event.cost_nanousd)
    watched = observed.is_watched(event)
    flags, went = observed.of_flags(event), whole + observed.of_comparison(event)
    if watched:
        went += observed.of_request(event)
    made_up = _made_up(event)
    models = _sorted(event.attempts, lambda id: f"{_provider(id)}/*" if id in made_up else id)
    providers = _sorted(event.attempts, _provider)
    used = {target: _used(attempts) for target, attempts in models.items()}
    named = {
        "tenant": (event.tenant, whole),
        "team": (_of(event.tenant, event.team), whole),
        "agent": (_of(event.tenant, event.agent), whole),
        "key": (event.key, sum((_named(target, counters) for target, counters in used.items()), whole + flags)),
        "user": (_of(event.tenant, event.user), whole),
        "route": (event.route, went),
        "policy": (event.policy, went),
        "all": (ALL, went + flags),
    }
    yield from ((dimension, id, counters) for dimension, (id, counters) in named.items() if id)
    yield from (("tag", _of(event.tenant, tag), whole) for tag in sorted(set(event.tags)) if tag)
    for dimension, attempts_of in (("model", models), ("provider", providers)):
        for id, attempts in attempts_of.items():
            yield dimension, id, _used(attempts) + (observed.of_attempts(attempts, event) if watched else Counter())
    team = in_reports(event.tenant, event.team)
    parted = [("all", "", whole), ("key", event.key, whole), ("route", event.route, whole)]
    yield from ((REPORT, f"{team}{by}/{_short(id)}", counters) for by, id, counters in parted if id or by == "all")
    yield from ((REPORT, f"{team}model/{_short(target)}", counters) for target, counters in used.items())


def in_reports(*names: str) -> str:
    """How the ids of a tenant's counters in the reports begin, or with its team's name beside it those of the team."""
    return "".join(f"{_short(name.replace('%', '%25').replace('/', '%2F'))}/" for name in names)


def to_reported(id: str) -> Reported:
    tenant, team, by, name = id.split("/", 3)
    tenant, team = (written.replace("%2F", "/").replace("%25", "%") for written in (tenant, team))
    return Reported(tenant, team, by, name)


def named_model(name: str) -> tuple[str, str]:
    """Of a key's counter: its target and what it counts. ("", …) of one that is of no model."""
    if not name.startswith(MODEL):
        return "", name
    target, _, counter = name.removeprefix(MODEL).rpartition(":")
    return target, counter


def _short(name: str) -> str:
    """For a sort key, which takes 1,024 bytes: a longer name's beginning, with its digest in place of the rest."""
    told = name.encode()
    return name if len(told) <= MOST_NAME_BYTES else f"{told[:150].decode(errors='ignore')}~{sha256(told).hexdigest()[:16]}"


def _of(tenant: str, name: str) -> str:
    return f"{tenant}/{name}" if name else ""


def _sorted(attempts: Iterable[Attempt], by: Callable[[str], str]) -> dict[str, list[Attempt]]:
    sorted: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        sorted.setdefault(by(attempt.target), []).append(attempt)
    return sorted


def _made_up(event: UsageRecorded) -> set[str]:
    """Names that only a `*` covers and that nothing came of: callers have no end of them, so that they are counted together."""
    known = {attempt.target for attempt in event.attempts if attempt.outcome == "ok" or attempt.cost_nanousd}
    return {*event.unlisted} - known


def _provider(target: str) -> str:
    return target.split("/", 1)[0]


def _used(attempts: Iterable[Attempt]) -> Counter[str]:
    """A failed first attempt costs its own target, whichever target answered in the end."""
    used = Counter(requests=1)
    for attempt in attempts:
        used.update(attempts=1, failed=attempt.outcome != "ok", outrun=attempt.outcome == "outrun", estimated=attempt.estimated)
        used.update(duration_ms=attempt.duration_ms)
        used.update(_spent(attempt.tokens, attempt.cost_nanousd))
    return used


def _named(target: str, counters: Counter[str]) -> Counter[str]:
    return Counter({f"{MODEL}{target}:{name}": value for name, value in counters.items()})


def _spent(tokens: Tokens, cost_nanousd: int) -> Counter[str]:
    return Counter(tokens.model_dump() | {"cost_nanousd": cost_nanousd})
