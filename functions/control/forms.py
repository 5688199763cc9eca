"""The forms of what people say, as patterns and in words: who mistypes one is told the words."""

from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

from signalbox.admission.keys import NAME

Switch = Annotated[bool, Field(strict=True)]  # "yes" and 1 are none
Whole = Annotated[int, Field(strict=True)]  # true and "1" are none

MAX_USD = 1_000_000_000
MOST_KEY_BYTES = 900  # of what becomes part of a sort key, which has 1,024

KeyId = Annotated[str, Path(max_length=300)]
RequestId = Annotated[str, Path(max_length=200)]

NO_PARTING = "^[^#]*$"
TAG = r"^[^,\s][^,]{0,63}$"
OVERRIDE = "^[A-Za-z0-9_]{1,200}$"
SIMULATION = r"^s[0-9a-f]{22}$"

IN_WORDS = {
    NAME: "it must be up to 64 letters, digits and . _ - and begin with a letter or a digit, as acme-2 does",
    NO_PARTING: "it must have no # in it",
    TAG: "a tag is up to 64 characters, without a comma and without a space at its begin, as night-batch",
    OVERRIDE: "it must be up to 200 letters, digits and _, as PROVIDERS__OPENAI__BASE_URL",
    SIMULATION: "it must be the id of a simulation: s and 22 digits and letters from a to f",
}


def _usd(value: Any) -> Any:
    """A number is often a float's, and what that leaves behind (0.1 + 0.2) nobody meant. What is written as text is meant to the digit."""
    if isinstance(value, Decimal) and 0 < value <= MAX_USD:
        return round(value, 9)
    if isinstance(value, str) and not (value.isascii() and value == value.strip() and "_" not in value):  # which Decimal takes
        raise PydanticKnownError("decimal_parsing")
    return value


IN_USD = BeforeValidator(_usd)
LimitUsd = Annotated[Decimal, Field(ge=0, le=MAX_USD, decimal_places=9), IN_USD]


def _fits(text: str) -> str:
    if len(text.encode()) > MOST_KEY_BYTES:
        raise PydanticCustomError("bytes", f"it must have {MOST_KEY_BYTES} bytes at the most")
    return text


IN_A_KEY = AfterValidator(_fits)


def no_truth(value: Any) -> Any:
    """Which pydantic takes for 1: a flag that was meant to be on would be so for one in a hundred."""
    if isinstance(value, bool):
        raise ValueError("it must be a number, as 12.5, and not true or false")
    return value
