"""A small configuration, and what is decided of a request by it. Prices are nano-dollars a token."""

from signalbox.money import Prices
from signalbox.routing.catalog import Route, Snapshot, Target, Timeouts
from signalbox.routing.decide import decide
from signalbox.routing.inputs import Features, Health, Inputs
from signalbox.routing.policies import Actions, Policies, Policy

NOW_MS = 10_000_000
FEATURES = Features("r1", "acme", "core", "k1", "chat", input_tokens=1_000, max_tokens=100)


def priced(input_nanousd, output_nanousd=0):
    return Prices(input_nanousd, output_nanousd, *(input_nanousd,) * 4)


def target(id, price=None, **more):
    known = {"context_window": 10_000, "max_output_tokens": 1_000} | more
    return Target(id, "acme", id, capabilities=frozenset(), prices=None if price is None else priced(price * 1_000_000), **known)


def route(*targets, strategy="sequential", **more):
    return Route("chat", targets, strategy, Timeouts(None, None, 30.0), 3)._replace(**more)


def policy(id="p", priority=1, goes_on=False, flag=None, **actions):
    return Policy(id, id, priority, ["all", []], Actions(**actions), flag, goes_on)


def health(ttft_ms=100, duration_ms=1_000, success=1_000, at_ms=NOW_MS):
    return Health(ttft_ms, duration_ms, success, at_ms)


def decided(route, targets, features=FEATURES, lacks=(), policies=(), flags=(), routes=(), chains=(), **inputs):
    rows = {row.name: row for row in (route, *routes)}
    snapshot = Snapshot(1, "d", {}, {row.id: row for row in targets}, rows, {name: name for name in rows})._replace(
        policies=Policies(policies), flags={flag.name: flag for flag in flags}, chains=dict(chains)
    )
    given = Inputs(features, **{"now_ms": NOW_MS, "deadline_ms": NOW_MS + 30_000, "draw": 0.5} | inputs)
    return decide(given, snapshot, route, lambda row: ("tools", "the model has no tools") if row.id in lacks else None)
