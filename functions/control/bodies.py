"""What is sent, as JSON: numbers as they are written, nothing twice, and neither too long nor damaged on its way."""

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from signalbox.errors import Refusal

JSON = "application/json"
MOST_DIGITS = 400  # before the point or behind it; nothing is counted in so many
MOST_CHARS = 1_048_576
WITH_DOCUMENTS = ("/admin/config/", "/admin/simulations")  # which have a length of their own, and are longer once they are escaped
DAMAGED = "\ufffd"  # as API Gateway hands over each byte that is no UTF-8


def as_json(event: Mapping[str, Any]) -> dict[str, Any]:
    """JSON is all this API takes; curl calls whatever it sends a form unless it is told otherwise."""
    length = len(event.get("body") or "")
    if length > MOST_CHARS and not event["path"].startswith(WITH_DOCUMENTS):
        raise Refusal("request_too_large", f"The body has {length:,} characters; {MOST_CHARS:,} are the most.")
    names = ("headers", "multiValueHeaders")
    plain, many = ({name: value for name, value in (event.get(of) or {}).items() if name.lower() != "content-type"} for of in names)
    return {**event, "headers": plain | {"content-type": JSON}, "multiValueHeaders": many | {"content-type": [JSON]}}


def read(text: str) -> Any:
    if DAMAGED in text:
        raise Refusal(
            "invalid_request", "The body is not UTF-8, or was damaged on its way: U+FFFD is in it. Who means that writes \\ufffd."
        )
    return json.loads(text, parse_float=_number, parse_int=_whole, object_pairs_hook=_mapping)


def _number(text: str) -> Decimal | float:
    """As it is written. What has more digits than anything is counted in takes minutes to make an int of: it is infinite, or nothing."""
    exact = Decimal(text)
    return exact if abs(exact.adjusted()) < MOST_DIGITS else float(text)


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= MOST_DIGITS else float(text)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As in a document, what is said twice is refused: nobody knows which is meant."""
    data = dict(pairs)
    if len(data) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise Refusal("invalid_request", f"{twice[:100]}: it is there twice; keep one of them.", param=twice[:100])
    return data
