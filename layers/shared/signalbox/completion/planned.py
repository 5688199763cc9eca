"""What is known of a request before anything is held for it, by what this container knows, however old: its route, what it counts in, its
bounds.
"""

from collections.abc import Mapping

from ..admission.budgets import scopes_of, to_budgets
from ..admission.exceeded import BudgetExceeded
from ..aws.control import View
from ..aws.ledger import Desk
from ..aws.live import Live
from ..errors import Refusal
from ..routing.worst import reachable
from .asked import Asked
from .bounds import Bounds, bounds_of
from .permits import counted_of
from .routed import Routed, Router, served
from .trip import Trip


def routed_by(asked: Asked, desk: Desk, live: Live, router: Router, spent: tuple[str, ...] = ()) -> Routed:
    own = scopes_of(asked.caller)
    counted = counted_of(asked, desk.look(own).records)
    view = desk.look(dict.fromkeys((*own, *scopes_of(asked.caller, **counted._asdict()))))
    return router.routed(asked, live.snapshot(view.live), view, spent)


def planned(routed: Routed, desk: Desk) -> tuple[Routed, tuple[str, ...], Bounds]:
    """By what this container knows, however old: the scopes that it counts in, and its bounds.

    Without the look-up by meaning where only the budget of whoever embeds demands what the request cannot keep.
    """
    served(routed.trip)
    scopes = counted_in(routed)
    try:
        return routed, scopes, bounds_of(routed.trip, _hard(scopes, desk))
    except Refusal:
        alone = looked_up(routed, False)
        fewer = counted_in(alone)
        if fewer == scopes or _hard(fewer, desk):
            raise
        return alone, fewer, bounds_of(alone.trip, False)


def counted_in(routed: Routed) -> tuple[str, ...]:
    """Of all that the decision may lead to."""
    trip = routed.trip
    mirror = (trip.decision.mirror,) if trip.decision.mirror else ()
    providers = {trip.snapshot.targets[id].provider for id in (*reachable(trip.decision), *mirror)} | embedding(trip)
    counted = {"team": routed.permits.team, "agent": routed.permits.agent}
    return scopes_of(routed.asked.caller, **counted, route=trip.decision.route, providers=providers)


def embedding(trip: Trip) -> set[str]:
    """The providers of a look-up by meaning."""
    if not (trip.decision.cache and trip.decision.cache.get("semantic")):
        return set()
    from .meant import embedders

    return {embedder.target.provider for embedder in embedders(trip)}


def looked_up(routed: Routed, by_meaning: bool) -> Routed:
    return routed if routed.trip.by_meaning == by_meaning else routed._replace(trip=routed.trip._replace(by_meaning=by_meaning))


def switched_on(view: View) -> None:
    if view.live.get("llm_disabled"):
        raise Refusal("llm_disabled", "LLM traffic is switched off. Ask the operators, or try again later.", retry_after_s=30)


def provider_of(refusal: Refusal) -> str:
    """Whose budget it was; empty where it was another's, or no budget's."""
    kind, _, id = refusal.scope.partition("#") if isinstance(refusal, BudgetExceeded) else ("", "", "")
    return id if kind == "provider" else ""


def told_of(refusal: Refusal, spent: Mapping[str, Refusal]) -> Refusal:
    """What a caller is told where nobody is left but providers whose budget is spent."""
    nobody = refusal.code in ("no_route", "unsupported_parameter")  # of those that are left
    return next(iter(spent.values())) if spent and nobody else refusal


def _hard(scopes: tuple[str, ...], desk: Desk) -> bool:
    records = desk.look(scopes).records
    return any(budget.hard for scope in scopes for budget in to_budgets(scope, records[scope]))
