"""The worked example of docs/analysis.md, made of the shipped routing.yaml: `python -m ops.analysis` writes it, `--check` compares."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from signalbox.config.compiler import compile_text
from signalbox.money import Prices
from signalbox.routing.analysis.fates import MONTH_S, all_down, down
from signalbox.routing.analysis.reach import reach
from signalbox.routing.analysis.report import RouteAnalysis, of_route
from signalbox.routing.analysis.spending import INPUT_TOKENS, longest_nanousd
from signalbox.routing.catalog import Route, Snapshot, to_snapshot

from .generated import Part

ROOT = Path(__file__).resolve().parents[1]
ROUTE = "chat"


def example() -> str:
    snapshot = to_snapshot(json.loads(compile_text((ROOT / "routing.yaml").read_text()).json), 0, "")
    route = snapshot.routes[ROUTE]
    rows = _rows(route, snapshot, of_route(route, snapshot))
    head = "| | reckoned | comes to |\n| --- | --- | --- |\n"
    return head + "".join(f"| {name} | `{reckoned}` | {value} |\n" for name, reckoned, value in rows)


def _rows(route: Route, snapshot: Snapshot, found: RouteAnalysis) -> Iterator[tuple[str, str, str]]:
    reached = reach(route, snapshot)
    tried = reached.tried
    for number, target in enumerate(tried, 1):
        yield f"*u*{number}, `{target.id}`", f"1 - {target.availability:g}", f"{down(target):.4g}"
    yield "*U*, were nothing shared", _times(down(target) for target in tried), f"{found.independent.unavailability:.4g}"
    shared = ", ".join(dict.fromkeys(f"{group.kind} {group.name}" for group in found.groups))
    by_hand = f"what is shared: {shared}" if shared else _times(down(target) for target in tried)
    yield "*U*, with what is shared", by_hand, f"{found.correlated.unavailability:.4g}"
    yield "nines", f"-log10({found.correlated.unavailability:.4g})", f"{found.correlated.nines or 0:.4g}"
    yield "down a month", f"{found.correlated.unavailability:.4g} * {MONTH_S / 86_400:g} * 86400", f"{found.correlated.down_s:.4g} s"
    for loss in found.losses:
        if loss.kind == "provider":
            left = [target for target in tried if target.provider != loss.name]
            reckoned = "1" if loss.single_point else _times(down(target) for target in left)
            yield f"fails without {loss.name}", reckoned if len(left) < 2 else "U of the others", f"{loss.fails:.4g}"
    served = [member for member in found.targets if member.serves]
    if route.strategy == "sequential":
        down_before = [all_down(tried[:count]) for count in range(len(tried) + 1)]
        for member, (before, after) in zip(served, pairwise(down_before), strict=False):
            reckoned = f"({before:.9g} - {after:.9g}) / (1 - {down_before[-1]:.9g})"
            yield f"answered by `{member.target}`", reckoned, f"{member.serves:.9g}"
    terms = " + ".join(f"-{member.serves:.12g} * log2({member.serves:.12g})" for member in served)
    yield f"entropy, by {found.entropy_by}", terms, f"{found.entropy_bits:.4g} bits"
    costs = [f"{member.serves:.12g} * {_usd(member.cost_nanousd)}" for member in served]
    yield "expected cost", " + ".join(costs), f"${_usd(found.expected_cost_nanousd)}"
    dearest = sorted(((longest_nanousd(target) or 0, target) for target in reached.all), key=lambda row: -row[0])[: route.max_attempts]
    worst = [_longest(target.max_output_tokens, target.prices) for _, target in dearest if target.prices]
    yield "worst cost", " + ".join(worst), f"${_usd(found.worst.cost_nanousd)}"
    hanging = " + ".join(f"{reached.ttft_s(target):g}" for target, _ in reached.hanging())
    yield "longest to a first byte", f"min({reached.total_s:g}, {hanging})", f"{found.worst.first_byte_s:g} s"


def _times(values: Iterable[float]) -> str:
    return " * ".join(f"{value:.4g}" for value in values)


def _longest(output_tokens: int, prices: Prices) -> str:
    """Prices in dollars a million tokens, as routing.yaml has them."""
    return f"({INPUT_TOKENS} * {prices.dearest_input / 1e9:g} + {output_tokens} * {prices.dearest_output / 1e9:g}) / 1000000"


def _usd(nanousd: int | None) -> str:
    return f"{(nanousd or 0) / 1e9:.9f}".rstrip("0")


PART = Part(ROOT / "docs" / "analysis.md", "ops.analysis", "routing.yaml comes to", example)


if __name__ == "__main__":
    sys.exit(PART.main(sys.argv[1:]))
