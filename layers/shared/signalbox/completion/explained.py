"""What would become of a request, told with nothing put aside."""

from collections.abc import Callable
from typing import Any

from ..aws.ledger import Desk, Errand
from ..aws.live import Live
from ..errors import Refusal
from ..routing.explain import explain
from .asked import Asked
from .planned import counted_in, planned, routed_by, switched_on
from .routed import Routed, Router, lacks_of


def explained(asked: Asked, desk: Desk, live: Live, router: Router, errand_of: Callable[[Routed], Errand]) -> dict[str, Any]:
    """What would become of the request now. Refusal only where there is nothing to decide: no such model, a key that may not ask, or what
    the errand raises that is done for it.
    """
    view = desk.stands(asked.caller)
    routed = routed_by(asked, desk, live, router)
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
            known=counted_in(routed),
        )
        desk.cancel(nothing)
    told = explain(trip.inputs, trip.snapshot, trip.route, lacks_of(trip))
    try:
        switched_on(view)
        planned(routed, desk)
    except Refusal as refusal:
        told["refused"] = {"status": refusal.status, "code": refusal.code, "message": refusal.message}
    return told
