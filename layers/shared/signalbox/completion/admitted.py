"""A request with its route, and the worst that it may cost put aside; or the reason why not."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from ..admission.budgets import scopes_of, to_budgets
from ..aws.control import View
from ..aws.ledger import Desk, Hold
from ..aws.live import Live
from ..circuits.state import view as circuits_at
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from ..providers.fit import lack_of
from ..routing import bound
from ..routing.catalog import Route, Snapshot, Target
from ..routing.decide import Decision, decide
from ..routing.inputs import Inputs, Lack
from .asked import Asked
from .features import to_features
from .guards import Guards
from .journey import Trip

TIMES_ROUTED_ANEW = 3


class Admitted(NamedTuple):
    trip: Trip
    hold: Hold
    agent: str
    guards: tuple[Guardrail, ...] = ()


def admit(asked: Asked, desk: Desk, live: Live, guards: Guards) -> Admitted:
    """Routes by what is known, holds what it may cost, and does both anew where the configuration moved meanwhile. Or Refusal."""
    moved = Refusal("no_route", "The configuration changed faster than the request could be routed. Try again.", retry_after_s=1)
    for _ in range(TIMES_ROUTED_ANEW):
        try:
            trip, scopes, agent, (most, least) = _planned(asked, desk, live, guards)
        except Refusal as refusal:
            # What is known here may be old, and what was published or raised meanwhile may serve.
            moved = refusal
            if not desk.refresh(scopes_of(asked.caller)):
                raise
            continue
        hold = desk.admit(
            asked.caller, scopes, request_id=asked.id, bound_nanousd=most, floor_nanousd=least, deadline_ms=trip.inputs.deadline_ms
        )
        if hold.view.live.get("llm_disabled"):
            desk.cancel(hold)
            raise Refusal("llm_disabled", "LLM traffic is switched off. Ask the operators, or try again later.", retry_after_s=30)
        if live.snapshot(hold.view.live) is trip.snapshot:
            granted = hold.granted_nanousd if hold.period_by_scope else None
            fresh = _decided(trip, trip.inputs._replace(circuits=circuits_at(hold.view.circuits, asked.at_ms)))
            if _providers(fresh) <= _providers(trip):  # else the hold is not in every budget that it may count in
                trip = fresh._replace(granted_nanousd=granted, own_keys=_own_keys(asked, hold.view))
                return Admitted(trip, hold, agent, guards.of(trip.snapshot, trip.route.name))
        desk.cancel(hold)
    raise moved


def _planned(asked: Asked, desk: Desk, live: Live, guards: Guards) -> tuple[Trip, tuple[str, ...], str, tuple[int, int]]:
    """By what this container knows, however old: the trip, the scopes it counts in, the agent that the key permits, and the bounds."""
    caller, key = asked.caller, f"key#{asked.caller.key_id}"
    view = desk.look()
    snapshot = live.snapshot(view.live)
    route = _route(asked, snapshot)
    asked = _guarded(asked, guards.of(snapshot, route.name))
    key_record = desk.look((key,)).records[key]
    agent = asked.agent if {asked.agent, "*"} & set(key_record.get("agents", ())) else ""
    trip = _trip(asked, route, agent, snapshot, view)
    scopes = scopes_of(caller, agent=agent, route=trip.decision.route, providers=_providers(trip))
    view = desk.look(scopes)
    hard = any(budget.hard for scope in scopes for budget in to_budgets(scope, view.records[scope]))
    return trip, scopes, agent, _bounds(trip, hard)


def _providers(trip: Trip) -> set[str]:
    """All that the decision may lead to."""
    behind = (id for kinds in trip.decision.behind.values() for targets in kinds.values() for id in targets)
    mirror = (trip.decision.mirror,) if trip.decision.mirror else ()
    return {trip.snapshot.targets[id].provider for id in (*trip.decision.targets, *behind, *mirror)}


def _own_keys(asked: Asked, view: View) -> frozenset[str]:
    """Of the view that admitted: by an old one a tenant that brings its own would be served with the stage's keys."""
    return frozenset(view.records[f"tenant#{asked.caller.tenant}"].get("own_keys", ()))


def _route(asked: Asked, snapshot: Snapshot) -> Route:
    route = snapshot.route(asked.request.model)
    if route is None:
        raise unknown_model(asked.request.model)
    return route


def unknown_model(name: str) -> Refusal:
    message = f"There is no model {name[:100]!r}. GET /v1/models lists what this key may use."
    return Refusal("model_not_found", message, param="model")


def _guarded(asked: Asked, guards: Iterable[Guardrail]) -> Asked:
    """With the request as its guardrails let it through. Or Refusal."""
    request = asked.request
    for guard in guards:
        request = guard.before(request)
    if request is asked.request:
        return asked
    written = len(repr(request._replace(given={})).encode("utf-8", "replace"))  # more than any format needs to say the same
    return asked._replace(request=request, body_bytes=max(asked.body_bytes, written))


def _trip(asked: Asked, route: Route, agent: str, snapshot: Snapshot, view: View) -> Trip:
    features = to_features(asked, agent, snapshot)
    inputs = Inputs(
        features=features,
        circuits=circuits_at(view.circuits, asked.at_ms),
        draw=int.from_bytes(os.urandom(6)) / 2**48,
        now_ms=asked.at_ms,
    )
    trip = Trip(
        request=asked.request,
        route=route,
        snapshot=snapshot,
        inputs=inputs,
        decision=None,  # type: ignore[arg-type]  # in the next line
        deadline_s=asked.deadline_s,
        granted_nanousd=None,
        tenant=asked.caller.tenant,
        began_s=asked.began_s,
    )
    return _decided(trip, inputs)


def _decided(trip: Trip, inputs: Inputs) -> Trip:
    """With the decision by these inputs. Or Refusal, where no target can serve the request."""
    request, snapshot = trip.request, trip.snapshot

    def lacks(target: Target) -> Lack | None:
        return lack_of(request, target, snapshot.providers[target.provider])

    decision = decide(inputs, snapshot, trip.route, lacks)
    if not decision.targets:
        raise _nobody(decision, trip)
    total_s = decision.timeouts.total_s or snapshot.targets[decision.targets[0]].timeouts.total_s or 0.0
    deadline_s = min(trip.deadline_s, trip.began_s + total_s)
    inputs = inputs._replace(deadline_ms=inputs.now_ms + int((deadline_s - trip.began_s) * 1000))
    return trip._replace(inputs=inputs, decision=decision, deadline_s=deadline_s)


def _nobody(decision: Decision, trip: Trip) -> Refusal:
    first = trip.route.targets[0]
    if first not in decision.lacks:
        return Refusal("no_route", f"Route {decision.route} has no target left: {'; '.join(': '.join(row) for row in decision.passed)}.")
    parameter, why = decision.lacks[first]
    others = "" if len(decision.lacks) == 1 else f" None of {', '.join(decision.lacks)} can serve the request."
    return Refusal("unsupported_parameter", f"{first} cannot serve `{parameter}`: {why}.{others}", param=parameter)


def _bounds(trip: Trip, hard: bool) -> tuple[int, int]:
    """The worst this request may cost over all its attempts, and the least that makes sense to begin with."""
    request, decision = trip.request, trip.decision
    targets = [trip.snapshot.targets[id] for id in decision.targets[: decision.max_attempts]]
    name = bound.unbounded(request) if hard else None
    if name:
        message = f"The cost of what `{name}` holds has no bound here, and a hard budget holds this call. Send text, at the usual tier."
        raise Refusal("unsupported_parameter", message, param=name)
    priced = [(target, target.prices) for target in targets if target.prices]
    if hard and len(priced) < len(targets):
        unpriced = next(target.id for target in targets if not target.prices)
        raise Refusal("unpriced_model", f"{unpriced} has no price, and a hard budget holds this call. Give it a price in routing.yaml.")
    each = [
        bound.bound_nanousd(trip.input_bound, bound.output_tokens_bound(request, target), request.n, prices) for target, prices in priced
    ]
    if not priced or priced[0][0] is not targets[0]:
        return sum(each), sum(each)
    first, prices = priced[0]
    least = min(bound.output_tokens_bound(request, first), bound.MIN_OUTPUT_TOKENS)
    return sum(each), bound.bound_nanousd(trip.input_bound, least, request.n, prices)
