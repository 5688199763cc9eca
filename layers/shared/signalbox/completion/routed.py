"""A request with its route, by what a view of the control table says: everything before money, and nothing that is written."""

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..admission.budgets import scopes_of, used_percent
from ..aws.control import View
from ..circuits.state import view as circuits_at
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from ..providers.fit import lack_of
from ..routing.candidates import LackOf
from ..routing.catalog import Route, Snapshot
from ..routing.decide import decide
from ..routing.inputs import Inputs
from ..routing.refused import refusal_of
from .asked import Asked
from .features import to_features
from .guards import Guards
from .permits import Permits, permits_of
from .trip import Trip
from .turns import TURNED, Turns

TIMES_GUARDED = 4  # what a guardrail changes may lead elsewhere, where there are others

Full = Callable[[int], tuple[str, ...]]


class Routed(NamedTuple):
    """`asked` is as the guardrails let it through."""

    asked: Asked
    trip: Trip
    permits: Permits
    guards: tuple[Guardrail, ...]


class Router:
    """One per container: it counts the turns of its routes. `full` tells the targets that are at their capacity, as `aws.capacity` does.

    `secret` is what users and conversations are named by.
    """

    def __init__(self, guards: Guards, full: Full, secret: Callable[[], bytes]) -> None:
        self._guards = guards
        self._full = full
        self._secret = secret
        self._turns = Turns()

    def routed(self, asked: Asked, snapshot: Snapshot, view: View, spent: tuple[str, ...] = ()) -> Routed:
        """Also where nobody can serve it. `view` has the records of the caller's own scopes. Refusal: no such model, or not permitted.

        `spent` are providers whose budget has refused the request.
        """
        permits, route = permits_of(asked, snapshot, view.records), _route(asked, snapshot)
        if asked.body_bytes > route.max_request_bytes:
            raise _too_large(route)
        secret = self._secret()
        inputs = Inputs(
            features=to_features(asked, permits, snapshot, secret),
            turn=self._turns.of(route.name),
            draw=int.from_bytes(os.urandom(6)) / 2**48,
            now_ms=asked.at_ms,
            spent=spent,
        )
        inputs, names = inputs._replace(**self._known(asked, permits, view)), {route.name}
        for _ in range(TIMES_GUARDED):
            guards = self._guards.of(snapshot, *names)
            guarded = _guarded(asked, guards)
            if guarded is not asked:
                inputs = inputs._replace(features=to_features(guarded, permits, snapshot, secret))
            routed = Routed(guarded, self._trip(guarded, inputs, snapshot, route), permits, guards)
            names.add(routed.trip.decision.route)
            if self._guards.of(snapshot, *names) == guards:
                return routed
        raise Refusal(
            "no_route", f"Policies send this request from one guardrail to the next: {', '.join(sorted(names))}. Ask the operators."
        )

    def again(self, routed: Routed, view: View) -> Routed | None:
        """By a newer view of the same configuration, also where nobody is left; None where more has changed than the decision."""
        asked, trip, permits, guards = routed
        if permits_of(asked, trip.snapshot, view.records) != permits:
            return None
        inputs = trip.inputs._replace(**self._known(asked, permits, view))
        if inputs == trip.inputs:
            return routed
        trip = self._trip(asked, inputs, trip.snapshot, trip.route)
        if self._guards.of(trip.snapshot, trip.route.name, trip.decision.route) != guards:
            return None
        return Routed(asked, trip, permits, guards)

    def sets_out(self, trip: Trip) -> None:
        """It is admitted: the next one has the next turn."""
        self._turns.take(trip.decision, trip.snapshot)

    def _trip(self, asked: Asked, inputs: Inputs, snapshot: Snapshot, route: Route) -> Trip:
        """By the turn of the route that serves it, which only deciding tells, and which no turn changes."""
        trip = _trip(asked, inputs, snapshot, route)
        turn = self._turns.of(trip.decision.route)
        if trip.decision.strategy != TURNED or turn == inputs.turn:
            return trip
        return _trip(asked, inputs._replace(turn=turn), snapshot, route)

    def _known(self, asked: Asked, permits: Permits, view: View) -> dict[str, Any]:
        scopes = scopes_of(asked.caller, agent=permits.agent, team=permits.team)
        return {
            "circuits": circuits_at(view.circuits, asked.at_ms),
            "health": view.health,
            "full": self._full(asked.at_ms),
            "budget_used": used_percent(view.records, scopes, asked.at_ms),
        }


def served(trip: Trip) -> Trip:
    """The trip, if there is anybody to serve it. Or Refusal."""
    refusal = refusal_of(trip.decision, trip.inputs, trip.snapshot)
    if refusal:
        raise refusal
    return trip


def lacks_of(trip: Trip) -> LackOf:
    providers = trip.snapshot.providers
    return lambda target: lack_of(trip.request, target, providers[target.provider])


def unknown_model(name: str, param: str = "model") -> Refusal:
    return Refusal("model_not_found", f"There is no model {name[:100]!r}. GET /v1/models lists what this key may use.", param=param)


def _too_large(route: Route) -> Refusal:
    why = f"The body is over the {route.max_request_bytes:,} bytes that {route.name} takes. Send a shorter conversation, or images by URL;"
    return Refusal("request_too_large", f"{why} `max_request_kb` of a route allows more.")


def _route(asked: Asked, snapshot: Snapshot) -> Route:
    route = snapshot.route(asked.request.model)
    if route is None:
        raise unknown_model(asked.request.model)
    return route


def _guarded(asked: Asked, guards: Iterable[Guardrail]) -> Asked:
    """With the request as its guardrails let it through. Or Refusal."""
    request = asked.request
    for guard in guards:
        request = guard.before(request)
    if request is asked.request:
        return asked
    written = len(repr(request._replace(given={})).encode("utf-8", "replace"))  # more than any format needs to say the same
    return asked._replace(request=request, body_bytes=max(asked.body_bytes, written))


def _trip(asked: Asked, inputs: Inputs, snapshot: Snapshot, route: Route) -> Trip:
    """Its deadline is the caller's, Lambda's or the decision's, whichever is first."""
    providers = snapshot.providers
    decision = decide(inputs, snapshot, route, lambda target: lack_of(asked.request, target, providers[target.provider]))
    total_s = decision.timeouts.total_s
    if total_s is None:
        total_s = (snapshot.targets[decision.targets[0]].timeouts.total_s if decision.targets else None) or 0.0
    deadline_s = min(asked.deadline_s, asked.began_s + total_s)
    return Trip(
        request=asked.request,
        route=route,
        snapshot=snapshot,
        inputs=inputs._replace(deadline_ms=inputs.now_ms + round((deadline_s - asked.began_s) * 1000)),
        decision=decision,
        deadline_s=deadline_s,
        granted_nanousd=None,
        tenant=asked.caller.tenant,
    )
