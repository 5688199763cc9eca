"""A request with its route, and the worst that it may cost put aside; or the reason why not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..admission.budgets import PROVIDER, scopes_of
from ..admission.exceeded import BudgetExceeded
from ..aws.control import View
from ..aws.ledger import Desk, Errand, Hold
from ..aws.live import Live
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from .answered import Answered
from .asked import Asked
from .bounds import Bounds, bounds_of
from .planned import counted_in, embedding, looked_up, planned, provider_of, routed_by, switched_on, told_of
from .routed import Routed, Router, served
from .trip import Trip

TIMES_ROUTED_ANEW = 3


class Admitted(NamedTuple):
    trip: Trip
    hold: Hold
    guards: tuple[Guardrail, ...] = ()


class NotAdmitted(Exception):
    """`refusal` is what the caller is told; `trip` is what was decided last, None where it did not come to that."""

    def __init__(self, refusal: Refusal, trip: Trip | None) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.trip = trip


Decided = Callable[[Trip], None]  # hears of each decision
Replayed = Callable[[Routed, View], None]  # raises Answered


def no_errands(routed: Routed) -> tuple[Errand, ...]:
    return ()


def no_replay(routed: Routed, view: View) -> None:
    pass


def admit(
    asked: Asked,
    desk: Desk,
    live: Live,
    router: Router,
    errands_of: Callable[[Routed], Sequence[Errand]] = no_errands,
    replayed: Replayed = no_replay,
) -> Admitted:
    """Routes by what is known, holds what it may cost, and does both anew where more changed meanwhile than the order. Or NotAdmitted.

    `errands_of` says what else is to be done for what was routed; asked again where it is routed anew, it may answer the same ones.
    Answered, with what was routed, where one of them finds the answer; or where `replayed` does, which is asked of what nobody can serve.
    """
    decided: list[Trip] = []
    spent: dict[str, BudgetExceeded] = {}
    while True:
        try:
            admitted = _admitted(asked, desk, live, router, decided.append, errands_of, replayed, tuple(spent))
            return admitted._replace(trip=_past(admitted.trip, spent)) if spent else admitted
        except Refusal as refusal:
            if isinstance(refusal, BudgetExceeded) and (provider := provider_of(refusal)) and provider not in spent:
                spent[provider] = refusal  # others may serve it
                continue
            raise NotAdmitted(told_of(refusal, spent), _past(decided[-1], spent) if decided else None) from refusal


def _past(trip: Trip, spent: Mapping[str, BudgetExceeded]) -> Trip:
    return trip._replace(passed_over=tuple((refusal.scope, refusal.period) for refusal in spent.values() if refusal.exhausted))


def _admitted(
    asked: Asked,
    desk: Desk,
    live: Live,
    router: Router,
    decided: Decided,
    errands_of: Callable[[Routed], Sequence[Errand]],
    replayed: Replayed,
    spent: tuple[str, ...],
) -> Admitted:
    moved = Refusal("no_route", "The configuration changed faster than the request could be routed. Try again.", retry_after_s=1)
    routed: Routed | None = None
    by_meaning = True
    for _ in range(TIMES_ROUTED_ANEW):
        routed = None
        try:
            routed = looked_up(routed_by(asked, desk, live, router, spent), by_meaning)
            decided(routed.trip)
            routed, scopes, bounds = planned(routed, desk)
        except Refusal as refusal:
            # What is known here may be old, and what was published or raised meanwhile may serve.
            moved = refusal
            if desk.refresh(scopes_of(asked.caller)):
                continue
            break
        try:
            hold = desk.admit(
                asked.caller,
                scopes,
                request_id=asked.id,
                bound_nanousd=bounds.most_nanousd,
                floor_nanousd=bounds.least_nanousd,
                deadline_ms=routed.trip.inputs.deadline_ms,
                errands=errands_of(routed),
            )
        except Answered as found:
            found.routed = routed
            if _stands(found, routed, desk, live, router):
                raise
            continue
        except BudgetExceeded as refusal:
            by_meaning = refusal.scope in counted_in(looked_up(routed, False))
            if by_meaning:
                raise
            continue  # without what only the look-up by meaning is short of
        try:
            fresh = _held(routed, scopes, bounds, hold, live, router, decided)
        except Refusal:
            desk.cancel(hold)
            raise
        if fresh:
            hold.deadline_ms = fresh.trip.inputs.deadline_ms
            router.sets_out(fresh.trip)
            return Admitted(fresh.trip, hold, fresh.guards)
        desk.cancel(hold)
    view = desk.stands(asked.caller)  # who may not ask at all is told that, and not what there is to ask
    if routed and routed.trip.decision.deny is None:
        try:
            replayed(routed, view)
        except Answered as found:
            found.routed = routed
            if found.is_replay or _stands(found, routed, desk, live, router):
                raise
    raise moved


def _held(
    routed: Routed, scopes: tuple[str, ...], bounds: Bounds, hold: Hold, live: Live, router: Router, decided: Decided
) -> Routed | None:
    """By the view that admitted; None where it would have been held for otherwise. Or Refusal."""
    view = hold.view
    switched_on(view)
    if live.snapshot(view.live) is not routed.trip.snapshot:
        return None
    fresh = router.again(routed, view)
    if fresh is None:
        return None
    fresh = looked_up(fresh, routed.trip.by_meaning)
    decided(fresh.trip)
    served(fresh.trip)
    if not set(counted_in(fresh)) <= set(scopes):
        return None
    if hold.binds and not bounds.hard:
        return None  # what has no bound was not refused
    if fresh is not routed and bounds_of(fresh.trip, hold.binds).most_nanousd > bounds.most_nanousd:
        return None
    # By an old view a tenant that brings its own keys would be served with the stage's.
    own_keys = frozenset(view.records[f"tenant#{fresh.trip.tenant}"].get("own_keys", ()))
    granted = hold.granted_nanousd if hold.period_by_scope else None
    is_same = fresh.trip.decision.cache == routed.trip.decision.cache
    less = {scope.removeprefix(PROVIDER): nanousd for scope, nanousd in hold.less_nanousd.items()}
    is_short = granted is not None and granted < bounds.most_nanousd  # and kept for the answer
    near = bounds.near_nanousd if is_same and not (is_short or less.keys() & embedding(fresh.trip)) else None
    trip = fresh.trip._replace(granted_nanousd=granted, less_nanousd=less, near_nanousd=near, binds=hold.binds, own_keys=own_keys)
    return fresh._replace(trip=trip)


def _stands(found: Answered, routed: Routed, desk: Desk, live: Live, router: Router) -> bool:
    """Whether what was found is what would be found now, and told by the same guardrails: it was routed by a view that may have been old.

    Or Refusal. A replay is what it is, whoever would serve the request now.
    """
    caller, permits = routed.asked.caller, routed.permits
    view = desk.look(dict.fromkeys((*scopes_of(caller), *scopes_of(caller, team=permits.team, agent=permits.agent))))
    if not found.is_replay:
        switched_on(view)
    if live.snapshot(view.live) is not routed.trip.snapshot:
        return False
    fresh = router.again(routed, view)
    return fresh is not None and (found.is_replay or _looked_up_by(fresh.trip) == _looked_up_by(routed.trip))


def _looked_up_by(trip: Trip) -> tuple[Any, ...]:
    """What of a decision says which answers are good for it."""
    return trip.decision.route, trip.decision.policies, trip.decision.cache, trip.decision.deny
