"""Errors as Lambda takes them. Only the loop's own messages go out: any other error's text may quote a prompt."""

import json
from typing import Any

WITHHELD = "the message is withheld, it may quote a prompt; see stackTrace"


class RuntimeFailure(Exception):
    """What the loop itself has to say. `type` is `Category.Reason`, as Lambda recommends."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


def to_error(error: BaseException) -> dict[str, Any]:
    """Lambda's error object: errorType, errorMessage, stackTrace (places in the code, no values)."""
    if isinstance(error, RuntimeFailure):
        return {"errorType": error.type, "errorMessage": str(error), "stackTrace": places(error.__cause__)}
    name = type(error).__name__
    return {"errorType": f"Function.{name}", "errorMessage": f"{name}: {WITHHELD}", "stackTrace": places(error)}


def to_json(error: dict[str, Any]) -> bytes:
    return json.dumps(error).encode()


def places(error: BaseException | None) -> list[str]:
    """Where in the code it arose, outermost first, and then where what it is told of did: no values."""
    places = []
    while error:
        trace = error.__traceback__
        while trace:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}")
            trace = trace.tb_next
        error = error.__cause__
    return places
