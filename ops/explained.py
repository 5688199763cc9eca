"""A decision in lines: what was looked at, whom the request would go to in which order, what that may cost, and who was passed over."""

from collections.abc import Iterator
from typing import Any

from .table import columns, counted, dollars, duration

Json = dict[str, Any]

FEATURES = {"input_tokens": "about {:,} tokens in", "max_tokens": "{:,} out at the most", "complexity": "complexity {} of 100"}


def explained(decision: Json) -> Iterator[str]:
    """Whatever the stage leaves out is left out here."""
    yield from _heading(decision)
    yield ""
    targets = [*decision.get("targets", ()), *decision.get("only_behind", ())]
    if targets:
        yield from columns([("", "target", "circuit", "expected", "worst", "of late", "within", "why"), *_rows(decision)])
    for id, kinds in decision.get("behind", {}).items():
        for kind, ids in kinds.items():
            yield f"after {id}, {kind}: {', '.join(ids)}"
    for row in decision.get("passed", ()):
        yield f"passed over {row['target']}: {row['why']}"
    yield ""
    yield from (f"{name:<13}{said}" for name, said in _sums(decision) if said)


def _heading(decision: Json) -> Iterator[str]:
    asked, route = decision.get("asked"), decision.get("route")
    yield (
        f"{decision.get('model')} is route {asked}"
        + (f", and by policy {route}" if route != asked else "")
        + f": {decision.get('strategy')}"
    )
    tried = decision.get("policies", ())
    yield "policies     " + (
        ", ".join(f"{row['id']} {'applies' if row['matched'] else 'does not'}" for row in tried) or "none was looked at"
    )
    if decision.get("flags"):
        yield f"flags on     {', '.join(decision['flags'])}"
    if decision.get("warning"):
        yield f"warning      {decision['warning']}"
    if decision.get("mirror"):
        yield f"mirror       {decision['mirror']} is sent it as well; nobody waits for that answer"
    if decision.get("cache"):
        ttl_s = decision["cache"]["ttl_s"]
        yield "cache        " + (f"an answer is kept for {duration(ttl_s)}" if ttl_s else "no answer is kept")
    if refused := decision.get("refused"):
        yield f"REFUSED      {refused['status']} {refused['code']}: {refused['message']}"


def _rows(decision: Json) -> Iterator[tuple[str, ...]]:
    for number, row in enumerate(decision.get("targets", ()), 1):
        yield (str(number), *_row(row))
    for row in decision.get("only_behind", ()):
        yield ("-", *_row(row))


def _row(row: Json) -> tuple[str, ...]:
    late, timeouts = row.get("expected_latency_ms"), row.get("timeouts") or {}
    return (
        row["target"],
        row.get("circuit", ""),
        _money(row.get("expected_cost")),
        _money(row.get("worst_cost")),
        ", ".join(f"{late[name]} ms{what}" for name, what in (("ttft", ""), ("duration", " in all")) if late[name]) if late else "-",
        f"{duration(timeouts['ttft_s'])}, {duration(timeouts['total_s'])} in all" if timeouts else "-",
        row.get("reason", ""),
    )


def _sums(decision: Json) -> Iterator[tuple[str, str]]:
    limits, worst, baseline = (decision.get(name) or {} for name in ("limits", "worst_case", "baseline"))
    yield "limits", ", ".join(_limits(limits))
    if worst:
        total = f", {duration(worst['total_s'])}" if worst.get("total_s") else ""
        yield "worst case", f"{counted(worst['attempts'], 'attempt')}{total}, {_money(worst.get('cost'))}"
    if baseline.get("target"):
        yield "baseline", f"{baseline['target']}, {_money(baseline.get('expected_cost'))} expected"
    features = decision.get("features") or {}
    yield "request", ", ".join(form.format(features[name]) for name, form in FEATURES.items() if features.get(name) is not None)
    yield "known", ", ".join(_known(decision.get("known") or {}))
    yield "decided by", f"configuration version {decision.get('config_version')}, inputs {str(decision.get('inputs', ''))[:12]}"


def _known(known: Json) -> Iterator[str]:
    if known.get("budget_used_percent"):
        yield f"{known['budget_used_percent']} % of a budget is used"
    if known.get("full"):
        yield f"at their capacity: {', '.join(known['full'])}"


def _limits(limits: Json) -> Iterator[str]:
    if "max_attempts" in limits:
        yield counted(limits["max_attempts"], "attempt")
    if limits.get("max_tokens") is not None:
        yield counted(limits["max_tokens"], "token")
    if limits.get("max_cost"):
        yield _money(limits["max_cost"])
    if limits.get("hedge_after_ms") is not None:
        yield f"a rival after {limits['hedge_after_ms']} ms"
    yield from (f"{counted(count, 'retry', 'retries')} of {kind}" for kind, count in limits.get("retries", {}).items() if count)


def _money(amount: Json | None) -> str:
    return dollars(amount["nanousd"] if amount else None)
