"""When something is to end, as it is asked for: in the future, and no later than every calendar and clock here can tell."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import stage
from pydantic import AwareDatetime, BeforeValidator

from signalbox.errors import Refusal

LAST = datetime(2200, 1, 1, tzinfo=UTC)


def _said(value: Any) -> Any:
    """Of a number nobody knows whether it counts seconds or milliseconds."""
    if not (value is None or (isinstance(value, str) and ":" in value)):
        raise ValueError("it must be a date and a time with its offset, as 2027-01-31T00:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_said)]


def future_ms(at: datetime, field: str, over: str, never: str) -> int:
    """`over` and `never` say what to do instead of naming a moment that is over, or one that nobody lives to see."""
    if at <= stage.now():
        raise Refusal("invalid_request", f"{field}: {at.isoformat(timespec='seconds')} is over. {over}", param=field)
    if at > LAST:
        message = f"{field}: {at.isoformat(timespec='seconds')} is too far off: {LAST:%Y-%m-%d} is the last. {never}"
        raise Refusal("invalid_request", message, param=field)
    return int(Decimal(at.timestamp()) * 1000)
