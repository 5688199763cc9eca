"""A request with its route, and the worst that it may cost put aside; or the reason why not. And the same told, with nothing put aside."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..admission.budgets import PROVIDER, scopes_of, to_budgets
from ..admission.exceeded import BudgetExceeded
from ..aws.control import View
from ..aws.ledger import Desk, Errand, Hold
from ..aws.live import Live
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from ..routing.worst import reachable
from .answered import Answered
from .asked import Asked
from .bounds import Bounds, bounds_of
from .permits import counted_of
from .routed import Routed, Router, lacks_of, served
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
    spent: dict[str, Refusal] = {}
    while True:
        try:
            return _admitted(asked, desk, live, router, decided.append, errands_of, replayed, tuple(spent))
        except Refusal as refusal:
            provider = _provider(refusal)
            if provider and provider not in spent:
                spent[provider] = refusal  # others may serve it
                continue
            nobody = spent and refusal.code in ("no_route", "unsupported_parameter")  # of those that are left
            raise NotAdmitted(next(iter(spent.values())) if nobody else refusal, decided[-1] if decided else None) from refusal


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
            routed = _looked_up(_routed(asked, desk, live, router, spent), by_meaning)
            decided(routed.trip)
            routed, scopes, bounds = _planned(routed, desk)
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
            by_meaning = refusal.scope in _scopes(_looked_up(routed, False))
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


def explained(asked: Asked, desk: Desk, live: Live, router: Router, errand_of: Callable[[Routed], Errand]) -> dict[str, Any]:
    """What would become of the request now. Refusal only where there is nothing to decide: no such model, a key that may not ask, or what
    the errand raises that is done for it.
    """
    from ..routing.explain import explain  # few ask

    view = desk.stands(asked.caller)
    routed = _routed(asked, desk, live, router)
    trip = routed.trip
    if trip.decision.targets:
        deadline_ms, errand = trip.inputs.deadline_ms, errand_of(routed)
        nothing = desk.admit(
            asked.caller,
            (),
            request_id=asked.id,
            bound_nanousd=0,
            floor_nanousd=0,
            deadline_ms=deadline_ms,
            errands=(errand,),
            known=_scopes(routed),
        )
        desk.cancel(nothing)
    told = explain(trip.inputs, trip.snapshot, trip.route, lacks_of(trip))
    try:
        _switched_on(view)
        _planned(routed, desk)
    except Refusal as refusal:
        told["refused"] = {"status": refusal.status, "code": refusal.code, "message": refusal.message}
    return told


def _planned(routed: Routed, desk: Desk) -> tuple[Routed, tuple[str, ...], Bounds]:
    """By what this container knows, however old: the scopes that it counts in, and its bounds.

    Without the look-up by meaning where only the budget of whoever embeds demands what the request cannot keep.
    """
    served(routed.trip)
    scopes = _scopes(routed)
    try:
        return routed, scopes, bounds_of(routed.trip, _hard(scopes, desk))
    except Refusal:
        alone = _looked_up(routed, False)
        fewer = _scopes(alone)
        if fewer == scopes or _hard(fewer, desk):
            raise
        return alone, fewer, bounds_of(alone.trip, False)


def _provider(refusal: Refusal) -> str:
    """Whose budget it was; empty where it was another's, or no budget's."""
    kind, _, id = refusal.scope.partition("#") if isinstance(refusal, BudgetExceeded) else ("", "", "")
    return id if kind == "provider" else ""


def _routed(asked: Asked, desk: Desk, live: Live, router: Router, spent: tuple[str, ...] = ()) -> Routed:
    own = scopes_of(asked.caller)
    counted = counted_of(asked, desk.look(own).records)
    view = desk.look(dict.fromkeys((*own, *scopes_of(asked.caller, **counted._asdict()))))
    return router.routed(asked, live.snapshot(view.live), view, spent)


def _held(
    routed: Routed, scopes: tuple[str, ...], bounds: Bounds, hold: Hold, live: Live, router: Router, decided: Decided
) -> Routed | None:
    """By the view that admitted; None where it would have been held for otherwise. Or Refusal."""
    view = hold.view
    _switched_on(view)
    if live.snapshot(view.live) is not routed.trip.snapshot:
        return None
    fresh = router.again(routed, view)
    if fresh is None:
        return None
    fresh = _looked_up(fresh, routed.trip.by_meaning)
    decided(fresh.trip)
    served(fresh.trip)
    if not set(_scopes(fresh)) <= set(scopes):
        return None
    if fresh is not routed and bounds_of(fresh.trip, hold.binds).most_nanousd > bounds.most_nanousd:
        return None
    # By an old view a tenant that brings its own keys would be served with the stage's.
    own_keys = frozenset(view.records[f"tenant#{fresh.trip.tenant}"].get("own_keys", ()))
    granted = hold.granted_nanousd if hold.period_by_scope else None
    is_same = fresh.trip.decision.cache == routed.trip.decision.cache
    less = {scope.removeprefix(PROVIDER): nanousd for scope, nanousd in hold.less_nanousd.items()}
    is_short = granted is not None and granted < bounds.most_nanousd  # and kept for the answer
    near = bounds.near_nanousd if is_same and not (is_short or less.keys() & _embedding(fresh.trip)) else None
    trip = fresh.trip._replace(granted_nanousd=granted, less_nanousd=less, near_nanousd=near, binds=hold.binds, own_keys=own_keys)
    return fresh._replace(trip=trip)


def _stands(found: Answered, routed: Routed, desk: Desk, live: Live, router: Router) -> bool:
    """Whether what was found is what would be found now, and told by the same guardrails: it was routed by a view that may have been old.

    Or Refusal. A replay is what it is, whoever would serve the request now.
    """
    caller, permits = routed.asked.caller, routed.permits
    view = desk.look(dict.fromkeys((*scopes_of(caller), *scopes_of(caller, team=permits.team, agent=permits.agent))))
    if not found.is_replay:
        _switched_on(view)
    if live.snapshot(view.live) is not routed.trip.snapshot:
        return False
    fresh = router.again(routed, view)
    return fresh is not None and (found.is_replay or _looked_up_by(fresh.trip) == _looked_up_by(routed.trip))


def _looked_up(routed: Routed, by_meaning: bool) -> Routed:
    return routed if routed.trip.by_meaning == by_meaning else routed._replace(trip=routed.trip._replace(by_meaning=by_meaning))


def _looked_up_by(trip: Trip) -> tuple[Any, ...]:
    """What of a decision says which answers are good for it."""
    return trip.decision.route, trip.decision.policies, trip.decision.cache, trip.decision.deny


def _switched_on(view: View) -> None:
    if view.live.get("llm_disabled"):
        raise Refusal("llm_disabled", "LLM traffic is switched off. Ask the operators, or try again later.", retry_after_s=30)


def _scopes(routed: Routed) -> tuple[str, ...]:
    """Of all that the decision may lead to."""
    trip = routed.trip
    mirror = (trip.decision.mirror,) if trip.decision.mirror else ()
    providers = {trip.snapshot.targets[id].provider for id in (*reachable(trip.decision), *mirror)} | _embedding(trip)
    counted = {"team": routed.permits.team, "agent": routed.permits.agent}
    return scopes_of(routed.asked.caller, **counted, route=trip.decision.route, providers=providers)


def _embedding(trip: Trip) -> set[str]:
    """The providers of a look-up by meaning."""
    if not (trip.decision.cache and trip.decision.cache.get("semantic")):
        return set()
    from .meant import embedders

    return {embedder.target.provider for embedder in embedders(trip)}


def _hard(scopes: tuple[str, ...], desk: Desk) -> bool:
    records = desk.look(scopes).records
    return any(budget.hard for scope in scopes for budget in to_budgets(scope, records[scope]))
