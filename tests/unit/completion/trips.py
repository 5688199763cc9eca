"""Journeys to set out on: a route of targets a/m and b/m, whose upstreams are fakes, with a purse and keys as told."""

from signalbox.completion.clock import Clock
from signalbox.completion.journey import Journey
from signalbox.completion.trip import BOUNDLESS, Trip
from signalbox.money import Prices
from signalbox.providers.auth import with_key
from signalbox.request import Message, Request, Text
from signalbox.routing.catalog import Provider, Route, Snapshot, Target, Timeouts
from signalbox.routing.decide import decide
from signalbox.routing.inputs import Features, Inputs

from .fakes import Answer, FakeUpstream, delta, ending

PRICES = Prices(1_000_000, 2_000_000, 1_000_000, 1_000_000, 2_000_000, 1_000_000)  # a nano-dollar an input token, two an output token
ROUTE = Route("chat", ("a/m", "b/m"), "sequential", Timeouts(ttft_s=5, between_chunks_s=2, total_s=20), max_attempts=2)
SNAPSHOT = Snapshot(
    version=1,
    digest="d",
    providers={name: Provider(name, "openai", f"http://{name}", name) for name in "ab"},
    targets={f"{name}/m": Target(f"{name}/m", name, "m", 1000, 500, frozenset({"streaming"}), PRICES) for name in "ab"},
    routes={"chat": ROUTE},
    names={"chat": "chat"},
)
GOOD = Answer(parts=[delta("Hel"), 0.5, delta("lo"), *ending(10, 3)])


class Ring:
    """The provider's keys, and those that a second reading finds."""

    def __init__(self, keys, fresh):
        self.keys, self.fresh = list(keys), list(fresh)

    def of(self, provider, owner, anew=False):
        if anew:
            self.keys = self.fresh
        return tuple(self.keys)

    def refused(self, provider, owner, key):
        self.keys = [other for other in self.keys if other != key] + [key]

    def shown(self, request, provider, key):
        return with_key(request, provider.auth, key)


def journey(
    now,
    granted=None,
    keys=("old",),
    fresh=(),
    max_tokens=None,
    n=1,
    reasons=False,
    total_s=20.0,
    route=ROUTE,
    ring=None,
    send=None,
    change=lambda trip: trip,
    capacities=BOUNDLESS,
    **answers,
):
    """`change` has the last word on the trip; `send` is called in place of the upstream's own, with that as its first argument."""
    upstream = FakeUpstream(now, **answers)
    capabilities = frozenset({"streaming", "reasoning"} if reasons else {"streaming"})
    targets = {id: target._replace(capabilities=capabilities) for id, target in SNAPSHOT.targets.items()}
    now_ms = int(now.s * 1000)
    features = Features("r", "t", "core", "k", "chat", input_bound=100)
    inputs = Inputs(features, draw=0.5, now_ms=now_ms, deadline_ms=now_ms + 20_000)
    snapshot = SNAPSHOT._replace(targets=targets)
    trip = Trip(
        request=Request("openai_chat", "chat", (Message("user", (Text("hi"),)),), max_tokens=max_tokens, n=n),
        route=route,
        snapshot=snapshot,
        inputs=inputs,
        decision=decide(inputs, snapshot, route, lambda target: None),
        deadline_s=now.s + total_s,
        granted_nanousd=granted,
    )
    sent = (lambda request, timeout_s: send(upstream, request, timeout_s)) if send else upstream.send
    return Journey(change(trip), sent, ring or Ring(keys, fresh or keys), Clock(now, now, now.sleep), capacities), upstream


def kinds(journey):
    return [(attempt.target, attempt.outcome) for attempt in journey.attempts()]
