"""What would become of a request, told with nothing put aside."""

from collections.abc import Callable
from typing import Any

from ..aws.control import View
from ..aws.ledger import Desk, Errand
from ..aws.live import Live
from ..errors import Refusal
from ..routing.explain import explain
from .asked import Asked
from .planned import counted_in, looked_up, planned, provider_of, routed_by, switched_on, told_of
from .routed import Routed, Router, lacks_of


def explained(asked: Asked, desk: Desk, live: Live, router: Router, errand_of: Callable[[Routed], Errand]) -> dict[str, Any]:
    """What would become of the request now. Refusal only where there is nothing to decide: no such model, a key that may not ask, or what
    the errand raises that is done for it.
    """
    view, spent = desk.stands(asked.caller), dict[str, Refusal]()
    while True:
        routed = routed_by(asked, desk, live, router, tuple(spent))
        refusal = _refusal(routed, desk, view, errand_of)
        provider = provider_of(refusal) if refusal else ""
        if refusal is None or not provider or provider in spent:
            break
        spent[provider] = refusal
    trip = routed.trip
    told = explain(trip.inputs, trip.snapshot, trip.route, lacks_of(trip))
    if refusal:
        refusal = told_of(refusal, spent)
        told["refused"] = {"status": refusal.status, "code": refusal.code, "message": refusal.message}
    return told


def _refusal(routed: Routed, desk: Desk, view: View, errand_of: Callable[[Routed], Errand]) -> Refusal | None:
    """What it would be refused for. Raises what the errand does; it is the same one each time."""
    caller, look = routed.asked.caller, desk.looked(counted_in(looked_up(routed, False)))
    if routed.trip.decision.targets:
        nothing = desk.admit(
            caller,
            (),
            request_id=routed.asked.id,
            bound_nanousd=0,
            floor_nanousd=0,
            deadline_ms=routed.trip.inputs.deadline_ms,
            errands=(errand_of(routed), look),
            known=counted_in(routed),
        )
        desk.cancel(nothing)
    try:
        switched_on(view)
        _, _, bounds = planned(routed, desk)
        look.check(bounds.least_nanousd)
    except Refusal as refusal:
        return refusal
    return None
