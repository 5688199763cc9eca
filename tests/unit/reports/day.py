"""What is counted of days of calls, as the usage table would tell it."""

import json
import random

from signalbox.money import Tokens
from signalbox.reports.report import reports
from signalbox.usage.events import UsageRecorded
from signalbox.usage.record import Attempt, UsageRecord
from signalbox.usage.rows import REPORT, to_reported
from signalbox.usage.totals import increments

MODELS = {  # nano-dollars a token, in and out
    "openai/gpt-4.1-mini": (400, 1_600),
    "anthropic/claude-sonnet-4-5": (3_000, 15_000),
    "bedrock/eu.amazon.nova-micro-v1:0": (35, 140),
    "mistral/mistral-small-latest": (100, 300),
}
ROUTES = {"chat": 0, "smart": 1, "economy": 2, "auto": 0}


def event(id, *, tenant="acme", team="search", key="k1", route="chat", target="openai/gpt-4.1-mini", outcome="ok", **over):
    tokens, cost = over.pop("tokens", Tokens(input=100, output=10)), over.pop("cost_nanousd", 1_000)
    attempts = over.pop("attempts", (Attempt(target, outcome, 1, 1_200, tokens=tokens, cost_nanousd=cost),))
    record = UsageRecord(
        id=id,
        at_ms=over.pop("at_ms", 1_795_230_000_000),
        tenant=tenant,
        team=team,
        key=key,
        model=route,
        route=route,
        target=target,
        outcome=outcome,
        status=200,
        stream=False,
        prompt_chars=9,
        duration_ms=over.pop("duration_ms", 1_300),
        attempts=attempts,
        tokens=tokens,
        cost_nanousd=cost,
        **over,
    )
    return UsageRecorded.model_validate_json(json.dumps(record.to_detail()))


def counted(*events):
    return {to_reported(total.id): counters for total, counters in increments(events).items() if total.dimension == REPORT}


def report_of(tenant, team, today, before=(), *, finished=True):
    made = reports("2026-11-20", tenant, counted(*today), counted(*before), finished=finished)
    return next((report for report in made if report.team == team), None)


def mixed_day(seed, calls, tenant="acme"):
    """Three teams, five keys, four routes and models; some calls fail over, some are refused, some slow, some from the cache."""
    draw = random.Random(seed)
    for number in range(calls):
        team = draw.choice(["search", "search", "support", "batch"])
        route = draw.choice(list(ROUTES))
        names = list(MODELS)
        first, second = names[ROUTES[route]], draw.choice(names)
        kind = draw.random()
        tokens = Tokens(input=draw.randint(80, 6_000), output=draw.randint(10, 900), cached=draw.choice([0, 0, 500]))
        price_in, price_out = MODELS[first]
        cost = tokens.input * price_in + tokens.output * price_out
        named = {"tenant": tenant, "team": team, "key": f"{team}-{draw.choice(['web', 'worker'])}", "route": route}
        if kind < 0.03:
            yield event(f"r{number}", **named, outcome="budget_exceeded", attempts=(), target="", cost_nanousd=0, tokens=Tokens())
        elif kind < 0.12:
            yield event(f"r{number}", **named, cache="hit", attempts=(), target="", cost_nanousd=0, tokens=Tokens(), duration_ms=9)
        elif kind < 0.17:
            tries = (
                Attempt(first, "timeout", 1, 5_000),
                Attempt(second, "ok", 2, 1_900, tokens=tokens, cost_nanousd=cost),
            )
            yield event(f"r{number}", **named, target=second, attempts=tries, tokens=tokens, cost_nanousd=cost, duration_ms=6_900)
        elif kind < 0.2:
            yield event(f"r{number}", **named, target=first, outcome="upstream_failed", tokens=Tokens(), cost_nanousd=0)
        else:
            ms = draw.choice([420, 900, 1_800, 12_500])
            attempt = Attempt(first, "ok", 1, ms - 20, tokens=tokens, cost_nanousd=cost)
            more = {"slow": ms > 10_000, "cache": draw.choice(["none", "none", "miss"]), "duration_ms": ms}
            yield event(f"r{number}", **named, target=first, attempts=(attempt,), tokens=tokens, cost_nanousd=cost, **more)
