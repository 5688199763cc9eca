"""What may be told of an upstream's error: its names. Its words may quote the prompt or the key, so they reach no log and no caller."""

import re
from collections.abc import Iterator
from typing import Any

from ..errors import UpstreamFailure
from ..routing.failures import error_in, kind_of_error

NAMES = ("type", "code", "status", "param")
NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,60}")
# A key can look like a name: what begins as most do, or a long word of letters and digits both. It is looked at once, however long it is.
KEY = re.compile(r"\bsk-|(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16}")
WITHHELD = "withheld"
# Anthropic's messages begin with what they mind, behind Bedrock too, and Cohere's: of these only, which are ours and nobody's words.
FIELDS = (
    "inferenceConfig|max_tokens|messages|metadata|model|output_config|stop_sequences|system|temperature|thinking|tool_choice|tools|top_[kp]"
)
BEGINS = re.compile(rf"(?:The model returned the following errors: |invalid request: )?((?:{FIELDS})\b[A-Za-z0-9_.\[\]]*): ")


def names_of(error: object) -> str:
    """Of an error object; empty where it has no names."""
    if not isinstance(error, dict):
        return WITHHELD
    names = {name: _told(error[name]) for name in NAMES if error.get(name)}
    if "param" not in names and (param := _param(error)):
        names["param"] = param
    return " ".join(f"{name}={told}" for name, told in names.items())


def error_names(body: bytes) -> str:
    """Of the error object in a JSON body, or in the beginning of one."""
    error = error_in(body)
    return "an error body of another form" if error is None else names_of(error)


def param_of(body: bytes) -> str | None:
    """What of the request was wrong, by the provider's name for it; None where it gives none, or one that may quote something."""
    error = error_in(body)
    return _param(error) if isinstance(error, dict) else None


def failure_of(error: object) -> UpstreamFailure:
    """What an error inside a stream comes to; no status says it there."""
    kind = kind_of_error(error.get("type"), error.get("code")) if isinstance(error, dict) else None
    return UpstreamFailure(kind or "server", f"an error inside the stream: {names_of(error) or 'without a name'}")


def _param(error: dict[str, Any]) -> str | None:
    return next((name for name in _params(error) if isinstance(name, str) and name and _told(name) == name), None)


def _params(error: dict[str, Any]) -> Iterator[object]:
    yield error.get("param")
    message = error.get("message")
    for detail in _objects(error.get("details")):  # https://cloud.google.com/apis/design/errors#error_details
        for violation in _objects(detail.get("fieldViolations")):
            yield violation.get("field")
    for row in _objects((message if isinstance(message, dict) else error).get("detail")):  # FastAPI's, and so many a small server's
        match row.get("loc"):
            case [_, *path]:
                yield ".".join(map(str, path))
    if isinstance(message, str) and (begins := BEGINS.match(message)):
        yield begins[1]


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _told(value: object) -> str:
    if type(value) is int and abs(value) < 10**9:
        return str(value)
    return value if isinstance(value, str) and NAME.fullmatch(value) and not KEY.search(value) else WITHHELD
