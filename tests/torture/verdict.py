"""What the ledger says is held against the truth. Pure: lines, events and sights in, figures and complaints out."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from signalbox.admission.shards import Sight

from .storm import TIGHTEST, Storm
from .wire import FAULTS, TORN

LEAST_USED = 0.98
Lines = Sequence[Mapping[str, Any]]


class Figures(NamedTuple):
    """Of one storm, or the sums of several. Amounts are nano-dollars, of the tenant; `false_home` are denials with all leases at home.

    `torn` were killed between two writes of a settling, and `spoilt` are the calls that were lost, late, throttled or never sent.
    """

    storms: int = 0
    limit: int = 0
    admitted: int = 0
    billed: int = 0
    settled: int = 0
    overspent: int = 0
    broken: int = 0
    estimated: int = 0
    twice: int = 0
    denied: int = 0
    false_out: int = 0
    false_home: int = 0
    unanswered: int = 0
    killed: int = 0
    torn: int = 0
    spoilt: int = 0

    @property
    def used(self) -> float:
        return self.settled / self.limit

    def plus(self, other: "Figures") -> "Figures":
        return Figures(*(ours + theirs for ours, theirs in zip(self, other, strict=True)))


def judge(
    storm: Storm, lines: Lines, events: Sequence[Mapping[str, Any]], sights: Mapping[str, Sight | None], pending: int, killed: int
) -> tuple[Figures, list[str]]:
    """`sights` are the accounts' by scope, when all is over; `pending` is what the outbox still holds then."""
    by_what = defaultdict(list)
    for line in lines:
        by_what[line["what"]].append(line)
    begun = {line["id"]: line["bills"] for line in by_what["begun"]}
    asked = {line["id"]: line["cost"] for line in by_what["billed"]}
    broken = {line["id"] for line in by_what["billed"] if line["broken"]}
    scopes = {line["id"]: line["scopes"] for line in by_what["admitted"]}
    told = [event for event in events if not event["id"].startswith("refused-")]
    crashed = {event["id"] for event in told if event.get("outcome") == "crashed"}
    costs: dict[str, int] = {}
    least: dict[str, int] = {}
    for event in told:
        costs[event["id"]] = max(costs.get(event["id"], 0), event["cost_nanousd"])
        least[event["id"]] = min(least.get(event["id"], costs[event["id"]]), event["cost_nanousd"])
    billed = _by_scope(begun, scopes)
    most_recorded, recorded = _by_scope(costs, scopes), _by_scope(least, scopes)
    complaints: list[str] = []

    def must(holds: bool, complaint: str) -> None:
        if not holds:
            complaints.append(f"storm {storm.number} of {storm.fits}: {complaint}")

    faults = Counter(line["fault"] for line in by_what["spoilt"])
    spoilt = sum(faults[fault] for fault in FAULTS)
    must(killed > 0 and spoilt > 0, f"{killed} were killed and {spoilt} calls spoilt: it proves nothing")
    must(pending == 0, f"{pending} requests are never finished")
    must(costs.keys() <= scopes.keys(), f"nobody asked for {sorted(costs.keys() - scopes.keys())}")
    for event in told:  # who dies as its first write is refused has told the bus what it cost, and the sweeper tells the whole bound
        agrees = event["cost_nanousd"] == costs[event["id"]] or event["id"] in crashed
        must(agrees, f"{event['id']} costs {costs[event['id']]} and {event['cost_nanousd']}")
    for id, bills in begun.items():
        must(id in costs, f"{id} is billed at {bills} and was never recorded")
        must(costs.get(id, bills) >= bills, f"{id} is billed at {bills} and recorded at {costs.get(id)}")
    for id in asked.keys() & costs.keys() - broken - crashed:
        must(costs[id] == begun[id], f"{id} came to its end, is billed at {begun[id]} and recorded at {costs[id]}")
    for scope, sight in sights.items():
        limit = storm.limit(scope)
        if sight is None:
            must(not billed[scope], f"{scope} was spent from and has no account")
            continue
        held = sum(lease.held for lease in sight.leases.values())
        must(sight.limit == limit, f"{scope} has another limit")
        must(sight.settled + held + sight.remaining == limit, f"{scope} does not keep its sum")
        must(held == 0, f"{scope}: {held} never came home")
        must(billed[scope] <= limit, f"{scope} is overspent by {billed[scope] - limit}")
        must(sight.settled <= limit, f"{scope} has settled {sight.settled - limit} beyond its limit")
        must(sight.settled >= billed[scope], f"{scope}: {billed[scope] - sight.settled} was billed and is not settled")
        agrees = recorded[scope] <= sight.settled <= most_recorded[scope]
        must(agrees, f"{scope} has settled {sight.settled}, and the events say {recorded[scope]} to {most_recorded[scope]}")
    tight = sights[TIGHTEST]
    settled = tight.settled if tight else 0
    must(settled >= LEAST_USED * storm.limit(TIGHTEST), f"only {settled} of {storm.limit(TIGHTEST)} could be used")
    false = Counter(line["life"].startswith("last") for line in false_denials(storm, lines, costs))
    must(not false[True], f"{false[True]} requests were refused what they could have had")
    return (
        Figures(
            storms=1,
            limit=storm.limit(TIGHTEST),
            admitted=len(scopes),
            billed=billed[TIGHTEST],
            settled=settled,
            overspent=sum(max(0, billed[scope] - storm.limit(scope)) for scope in sights),
            broken=len(broken),
            estimated=len(crashed),
            twice=len(told) - len(costs),
            denied=len(by_what["denied"]),
            false_out=false[False],
            false_home=false[True],
            unanswered=len(by_what["unanswered"]),
            killed=killed,
            torn=faults[TORN],
            spoilt=spoilt,
        ),
        complaints,
    )


def false_denials(storm: Storm, lines: Lines, costs: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """The refusals of what would have fitted, had every lease come home but those of requests under way.

    A request takes what it was granted from its admission on, and what it cost from when it is settled; one that crashed never is.
    """
    ended = {line["id"]: line["at_s"] for line in lines if line["what"] == "settled"}
    moves: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in lines:
        if line["what"] == "admitted" and line["id"] in costs:
            id = line["id"]
            for scope in line["scopes"]:
                moves[scope].append((line["at_s"], line["granted"]))
                if id in ended:
                    moves[scope].append((ended[id], costs[id] - line["granted"]))
    taken = {scope: _sums(found) for scope, found in moves.items()}
    denials = (line for line in lines if line["what"] == "denied")
    return [line for line in denials if all(_room(storm, taken, scope, line["at_s"]) >= line["floor"] for scope in line["scopes"])]


def _sums(moves: Iterable[tuple[float, int]]) -> tuple[list[float], list[int]]:
    ordered = sorted(moves)
    return [at_s for at_s, _ in ordered], list(accumulate(amount for _, amount in ordered))


def _room(storm: Storm, taken: Mapping[str, tuple[list[float], list[int]]], scope: str, at_s: float) -> int:
    times, sums = taken.get(scope, ([], []))
    place = bisect_right(times, at_s)
    return storm.limit(scope) - (sums[place - 1] if place else 0)


def _by_scope(amounts: Mapping[str, int], scopes: Mapping[str, Sequence[str]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for id, amount in amounts.items():
        for scope in scopes.get(id, ()):
            sums[scope] += amount
    return sums
