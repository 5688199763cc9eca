"""What an analysis says, as text: a line a route, and all that is known of one."""

from collections.abc import Iterator
from typing import Any

from .table import available, columns, counted, dollars, duration, percent

Json = dict[str, Any]

HEADING = (
    *("route", "strategy", "tried", "available", "nines", "down a month", "lost with", "bits"),
    *("attempts", "first byte", "in all", "cost", "worst", "cautions"),
)


def overview(analysis: Json) -> Iterator[str]:
    yield from columns([HEADING, *(_row(route) for route in analysis["routes"])])
    last = analysis["last_resorts"]
    if len(analysis["routes"]) > 1:
        counts = ", ".join(f"{provider} {count}" for provider, count in last["providers"].items())
        yield f"last resorts: {counted(len(last['targets']), 'target')} of {counted(len(last['providers']), 'provider')} ({counts})"
    yield from assumed(analysis["assumptions"])


def assumed(row: Json) -> Iterator[str]:
    shares = f"{percent(row['provider_share'])} is its provider's and {percent(row['region_share'])} its region's"
    yield f"assumed: of what takes a target down, {shares}"
    yield f"cost: of {row['input_tokens']:,} tokens in and {row['output_tokens']:,} out; at the worst, all that each model gives"


def details(route: Json) -> Iterator[str]:
    tried = sum(row["tried"] for row in route["targets"])
    yield f"{route['route']}: {route['strategy']}, {tried} of {len(route['targets'])} targets tried"
    yield ""
    yield from columns(
        [
            ("target", "region", "available", "answers", "first byte within", "cost", "tried"),
            *(
                (
                    row["target"],
                    row["region"] or "?",
                    available(1 - row["availability"]),
                    percent(row["serves"]),
                    duration(row["ttft_s"]),
                    dollars(row["cost_nanousd"]),
                    "yes" if row["tried"] else "no",
                )
                for row in route["targets"]
            ),
        ],
        "  ",
    )
    yield ""
    for name, said in _facts(route):
        yield f"  {name:<20}{said}"
    yield from cautions(route, "  ")


def cautions(route: Json, indent: str) -> Iterator[str]:
    for row in route["cautions"]:
        yield f"{indent}! {row['message']} ({row['code']})"


def _row(route: Json) -> tuple[str, ...]:
    standing, worst = route["correlated"], route["worst"]
    return (
        route["route"],
        route["strategy"],
        f"{sum(row['tried'] for row in route['targets'])}/{len(route['targets'])}",
        available(standing["unavailability"]),
        _nines(standing),
        duration(standing["down_s"]),
        next(iter(route["single_points"]), "-"),  # the widest: where a provider is one, so may its target be
        f"{route['entropy_bits']:.2f}",
        str(worst["attempts"]),
        duration(worst["first_byte_s"]),
        duration(worst["total_s"]),
        dollars(route["expected_cost_nanousd"]),
        dollars(worst["cost_nanousd"]),
        str(len(route["cautions"]) or "-"),
    )


def _facts(route: Json) -> Iterator[tuple[str, str]]:
    yield "available", _standing(route["correlated"])
    yield "were nothing shared", _standing(route["independent"])
    place = "of another provider than the first" if route["last_resort_elsewhere"] else "of the same provider as the first"
    yield (
        "last resort",
        f"{route['last_resort']}, {place}" + (", a chain's terminal target" if route["terminal"] == route["last_resort"] else ""),
    )
    yield "lost with", ", ".join(route["single_points"]) or "no single provider, region or target"
    for row in route["losses"]:
        if not row["single_point"]:
            yield f"without {row['kind']}", f"{row['name']}: fails {percent(row['fails'])} of the time"
    for row in route["groups"]:
        both = f"{', '.join(row['targets'])}: all down {percent(row['all_down'])} of the time"
        yield f"same {row['kind']}", f"{both}, were nothing shared {percent(row['all_down_independent'])}"
    yield "entropy", f"{route['entropy_bits']:.3f} bits, by {route['entropy_by']}"
    yield "cost", f"{dollars(route['expected_cost_nanousd'])} expected"
    worst = route["worst"]
    yield (
        "worst case",
        f"{counted(worst['attempts'], 'attempt')}, {duration(worst['first_byte_s'])} to the first byte,"
        f" {duration(worst['total_s'])} in all",
    )
    yield "", f"{dollars(worst['cost_nanousd'])} with the longest answers, {dollars(worst['full_cost_nanousd'])} with full windows as well"


def _standing(row: Json) -> str:
    return f"{available(row['unavailability'])} of the time ({_nines(row)} nines), down {duration(row['down_s'])} a month"


def _nines(row: Json) -> str:
    return "∞" if row["nines"] is None else f"{row['nines']:.1f}"
