"""From the document to the flat snapshot that `routing.catalog.to_snapshot` reads, content-addressed by its canonical JSON."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..circuits.machine import DEFAULTS
from ..money import NANOUSD_PER_USD
from ..routing.catalog import ANY
from . import timeouts
from .checks import ERRORS, WARNINGS
from .conditions import to_compiled as to_compiled_conditions
from .defaults import resolved, wire_of
from .document import Circuits, Document, Guardrail, parse
from .rows import DefaultTimeouts, Model, PerToken, Prices
from .rules import Policy, Route
from .source import Check, InvalidDocument, Problem, Source

AVAILABILITY = Decimal("99.9")  # percent, of a target of which nothing is said


@dataclass(frozen=True, slots=True)
class Compiled:
    """`json` is what is stored and what `digest` is the SHA-256 of; `warnings` do not keep a document from going live."""

    json: bytes
    digest: str
    warnings: tuple[Problem, ...]
    document: Document


def compile_text(text: str, overrides: Mapping[str, str] | None = None) -> Compiled:
    """Raises InvalidDocument with everything that is wrong, not the first thing only."""
    document, source = parse(text, overrides)
    if problems := _run(ERRORS, document, source):
        raise InvalidDocument(problems)
    canonical = json.dumps(to_compiled(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return Compiled(canonical, hashlib.sha256(canonical).hexdigest(), warnings(document, source), document)


def warnings(document: Document, source: Source) -> tuple[Problem, ...]:
    return tuple(_run(WARNINGS, document, source))


def to_compiled(document: Document) -> dict[str, Any]:
    """Every model is also a route of its own, of one target, so that whatever a client may name leads to a route. What ends in `*` is no
    name, but the route of whatever is asked for by a name that it fits.

    `circuits` is for `circuits.machine.to_settings`; the rest is for `routing.catalog.to_snapshot`.
    """
    models = [*document.models, *document.named()]
    routes = {id: Route(targets=(id,)) for id in models} | dict(document.routes)
    return {
        "providers": {name: resolved(name, row)._asdict() for name, row in document.providers.items()},
        "targets": {id: _target(id, model, document) for id, model in document.models.items()},
        "routes": {name: _route(name, route, document) for name, route in routes.items()},
        "names": {name: name for name in routes if not name.endswith(ANY)} | {alias: document.meaning(alias) for alias in document.aliases},
        "circuits": _circuits(document.circuits),
        "guardrails": [_guardrail(name, row) for name, row in document.guardrails.items()],
        "chains": {name: row.model_dump(mode="json") for name, row in document.chains.items()},
        "policies": [_policy(id, row) for id, row in _in_order(document) if row.status == "active"],
        "drafts": _digest_of_drafts(document),
        "flags": {name: {"name": name} | row.model_dump(mode="json") for name, row in document.flags.items()},
        "segments": {name: sorted(tenants) for name, tenants in document.segments.items()},
        "health_check_s": document.timeouts.health_check_s,
        **_report(document.timeouts),
    }


def _report(said: DefaultTimeouts) -> dict[str, float]:
    """Where it is said: documents that do not are what they were before it was read."""
    return {} if said.report_s == DefaultTimeouts.model_fields["report_s"].default else {"report_s": said.report_s}


def _run(checks: tuple[Check, ...], document: Document, source: Source) -> list[Problem]:
    problems = [source.problem(path, message) for check in checks for path, message in check(document)]
    return sorted(problems, key=lambda problem: problem.line)


def _target(id: str, model: Model, document: Document) -> dict[str, Any]:
    provider, _, name = id.partition("/")
    return {
        "id": id,
        "provider": provider,
        "model": model.id or name,
        "wire": wire_of(model, document, provider),
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens or 0,
        "capabilities": sorted(model.capabilities),
        "prices": _prices(model.prices) if model.prices else None,
        "timeouts": timeouts.of_target(id, model, document),
        "quality": model.quality,
        "availability": float((model.availability or document.providers[provider].availability or AVAILABILITY) / 100),
        "region": model.region or document.providers[provider].region or "",
        "capacity": model.capacity.model_dump(),
        "chain": model.chain,
    }


def _prices(prices: Prices) -> dict[str, Any]:
    """Without those of batches, in which nothing is sent."""
    fee = {"request": _nanousd(prices.request)}
    if prices.long is None:
        return _per_token(prices) | fee
    return _per_token(prices) | fee | {"long_above": prices.long.above_tokens, "long": _per_token(prices.long) | fee}


def _per_token(prices: PerToken) -> dict[str, int]:
    output = prices.output or Decimal(0)
    cache_write = prices.input if prices.cache_write is None else prices.cache_write
    return {
        "input": _nanousd(prices.input),
        "output": _nanousd(output),
        "cached": _nanousd(prices.input if prices.cached is None else prices.cached),
        "cache_write": _nanousd(cache_write),
        "cache_write_1h": _nanousd(cache_write if prices.cache_write_1h is None else prices.cache_write_1h),
        "reasoning": _nanousd(output if prices.reasoning is None else prices.reasoning),
    }


def _nanousd(usd: Decimal) -> int:
    return int(usd * NANOUSD_PER_USD)  # exact: the document allows nine decimals


def _route(name: str, route: Route, document: Document) -> dict[str, Any]:
    return {
        "name": name,
        "targets": list(route.targets),
        "strategy": route.strategy,
        "timeouts": timeouts.of_route(route.targets, route.timeouts, document),
        "max_attempts": route.max_attempts,
        "weights": dict(route.weights),
        "sticky": route.sticky,
        "max_cost_nanousd": None if route.max_cost_usd is None else _nanousd(route.max_cost_usd),
        "max_cost_a_day_nanousd": None if route.max_cost_a_day_usd is None else _nanousd(route.max_cost_a_day_usd),
        "max_cost_increase": route.max_cost_increase,
        "retries": dict(route.retries),
        "hedge_after_ms": None if route.hedge_after_s is None else int(route.hedge_after_s * 1000),
        "shares": dict(route.shares),
        # What a route does not say is left out: a release that does not know of it could not read it.
        **({"cache": route.cache.model_dump(exclude_none=True)} if route.cache else {}),
        **({"capture": route.capture.model_dump(exclude_defaults=True) | {"days": route.capture.days}} if route.capture else {}),
        **({"max_request_bytes": route.max_request_kb * 1024} if route.max_request_kb else {}),
        **({"slow_ms": max(1, round(route.slow_after_s * 1000))} if route.slow_after_s else {}),
    }


def _in_order(document: Document) -> list[tuple[str, Policy]]:
    return sorted(document.policies.items(), key=lambda row: (row[1].priority, row[0]))


def _digest_of_drafts(document: Document) -> str:
    """Nothing routes by it; with it a policy that is not active makes a version too, and so is stored. Empty where there is none."""
    rows = {id: row.model_dump(mode="json") for id, row in document.policies.items() if row.status != "active"}
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest() if rows else ""


def _policy(id: str, row: Policy) -> dict[str, Any]:
    actions = row.actions
    return {
        "id": id,
        "name": row.name or id,
        "priority": row.priority,
        "flag": row.flag,
        "goes_on": row.goes_on,
        "conditions": to_compiled_conditions(row.conditions),
        "actions": {
            **actions.model_dump(mode="json", include={"strategy", "max_tokens", "deny", "mirror"}),
            "cache": actions.cache.model_dump(exclude_none=True) if actions.cache else None,
            "route": actions.route,
            "add_targets": list(actions.add_targets),
            "remove_targets": list(actions.remove_targets),
            "weights": dict(actions.weights),
            "timeouts": {part: value for part, value in timeouts.said(actions.timeouts).items() if value},
            "max_cost_nanousd": None if actions.max_cost_usd is None else _nanousd(actions.max_cost_usd),
        },
    }


def _guardrail(name: str, row: Guardrail) -> dict[str, Any]:
    return {"name": name, "use": row.use or name, "options": dict(row.options), "routes": None if row.routes is None else list(row.routes)}


def _circuits(row: Circuits) -> dict[str, int]:
    return {
        "consecutive": row.consecutive_failures,
        "ratio_percent": row.failed_percent,
        "minimum": row.minimum_attempts,
        "slot_ms": row.window_s * 1000 // DEFAULTS.slots,
        "open_ms": row.open_s * 1000,
        "open_max_ms": row.open_max_s * 1000,
        "calm_ms": row.calm_s * 1000,
        "successes": row.probes,
    }
