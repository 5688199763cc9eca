"""When something is to end, as it is asked for: in the future, and no later than every calendar and clock here can tell."""

from datetime import UTC, datetime
from decimal import Decimal

import stage

from signalbox.errors import Refusal

LAST = datetime(2200, 1, 1, tzinfo=UTC)


def future_ms(at: datetime, field: str, over: str, never: str) -> int:
    """`over` and `never` say what to do instead of naming a moment that is over, or one that nobody lives to see."""
    if at <= stage.now():
        raise Refusal("invalid_request", f"{field}: {at.isoformat(timespec='seconds')} is over. {over}", param=field)
    if at > LAST:
        message = f"{field}: {at.isoformat(timespec='seconds')} is too far off: {LAST:%Y-%m-%d} is the last. {never}"
        raise Refusal("invalid_request", message, param=field)
    return int(Decimal(at.timestamp()) * 1000)
