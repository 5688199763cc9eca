"""Why an account did not take a request's cost, read from its item as it is; what to do then is `aws.reconcile`."""

from typing import NamedTuple

from .leases import Part
from .shards import Sight


class Unsettled(NamedTuple):
    """Why a part did not take its cost. `gone`: its lease went back. Neither: try again with `covered`, what the lease has for it."""

    missing: bool = False
    gone: bool = False
    covered: int = 0


def why_unsettled(part: Part, cost: int, sight: Sight | None) -> Unsettled | None:
    """The condition of a settling failed on this item. None: it was done before."""
    if sight is None:
        return Unsettled(missing=True)
    lease = sight.leases.get(part.lease)
    if lease is None:
        return Unsettled(gone=True)
    return None if lease.seq >= part.number else Unsettled(covered=min(cost, lease.held))
