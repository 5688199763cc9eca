"""What a simulation says, as text: each figure as recorded beside its ends, who would serve what, what changes and why."""

from collections.abc import Iterator, Sequence
from typing import Any

from .table import columns, dollars

Json = dict[str, Any]

ENDS = ("low", "expected", "high")
MOVES = 10  # lines of those that move the most


def report(result: Json, document: str, days: float) -> Iterator[str]:
    yield f"{_requests(result['requests'])} of the last {f'{days:g} days' if days != 1 else 'day'}, decided by {document}"
    yield ""
    yield from columns([("", "recorded", *ENDS, "change"), *_figures(result)], "  ")
    yield ""
    yield from columns([("provider", "recorded", *ENDS), *_shares(result)], "  ")
    yield from _cautions(result)
    yield from _changes(result)
    yield ""
    yield "assumed:"
    yield from (f"  - {said}" for said in result["assumptions"])


def verdicts(rows: Sequence[Json]) -> Iterator[str]:
    """A line for each gate, those that hold first."""
    for row in sorted(rows, key=lambda row: not row["holds"]):
        yield f"{'holds' if row['holds'] else 'FAILS'}  {row['gate']}: {row['figures']}"


def _figures(result: Json) -> Iterator[tuple[str, ...]]:
    cost, latency, denials = result["cost_nanousd"], result["latency_ms"], result["denials"]
    savings, unanswered, changed = result["savings_nanousd"], result["unanswered"], result["changed"]
    yield "cost", *(_usd(cost[name]) for name in ("recorded", *ENDS)), _more(cost)
    yield "saved", "", *(_usd(savings[name]) for name in ENDS), ""
    yield "latency", *(f"{latency[name]:,} ms" if latency["requests"] else "-" for name in ("recorded", *ENDS)), _more(latency)
    yield "refused", *(f"{denials[name]:,}" for name in ("recorded", *ENDS)), f"{denials['new']['expected']:,} new"
    yield "unanswered", f"{unanswered['recorded']:,}", "", f"{unanswered['draft']:,}", "", f"{unanswered['new']:,} new"
    yield "decided otherwise", "", "", f"{changed['requests']:,}", "", f"{changed['percent']:g} %"


def _shares(result: Json) -> Iterator[tuple[str, ...]]:
    for name, row in result["providers"].items():
        yield name, *(f"{row[end]:.1f} %" for end in ("recorded", *ENDS))


def _cautions(result: Json) -> Iterator[str]:
    unpriced, unknown = result["cost_nanousd"]["unpriced_requests"], result["latency_ms"]["unknown"]
    if unpriced:
        yield f"  ! {_requests(unpriced)} would go to targets without prices: what they cost is in none of these figures"
    if admitted := result["denials"]["admitted"]:
        yield f"  ! {_requests(admitted)} refused then would be served: what they cost is in none of these figures"
    for target, count in unknown.items():
        yield f"  ! nobody knows how long {target} takes: {_requests(count)} in none of the latencies"
    if result["without_snapshot"]:
        yield f"  ! the configuration that decided {_requests(result['without_snapshot'])} is gone: of these only who was tried is compared"


def _changes(result: Json) -> Iterator[str]:
    moved = result["moved"]
    if moved:
        yield ""
        yield from columns(
            [("requests", "go from", "to"), *((f"{row['requests']:,}", row["from"], row["to"]) for row in moved[:MOVES])], "  "
        )
    if len(moved) > MOVES:
        yield f"  and {len(moved) - MOVES} more such moves"
    if result["examples"]:
        yield ""
        yield "for example:"
    for row in result["examples"]:
        way = f"{row['from']} -> {row['to']}" if row["from"] != row["to"] else f"{row['from']}, as before"
        yield f"  {row['request']}: {way} ({row['why']}{_by(row['policy'])})"


def _requests(count: int) -> str:
    return f"{count:,} {'request' if count == 1 else 'requests'}"


def _by(policy: str) -> str:
    return f"; policy {policy}" if policy not in ("", "default") else ""


def _usd(nanousd: int) -> str:
    return f"{'-' if nanousd < 0 else ''}{dollars(abs(nanousd))}"


def _more(row: Json) -> str:
    then, now = row["recorded"], row["expected"]
    return f"{100 * (now - then) / then:+.1f} %" if then else "-"
