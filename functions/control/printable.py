"""Text that others will read, in a terminal too: nothing in it that would move a cursor, hide, or turn the line around."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise PydanticCustomError("printable", "text must be printable, and neither begin nor end with a space")
    return text


Printable = Annotated[str, AfterValidator(_printable)]
