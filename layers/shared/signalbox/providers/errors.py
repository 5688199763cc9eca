"""What may be told of an upstream's error: its names. Its words may quote the prompt or the key, so they reach no log and no caller."""

import re

from ..errors import UpstreamFailure
from ..routing.failures import error_in, kind_of_error

NAMES = ("type", "code", "status", "param")
NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,60}")
# A key can look like a name: what begins as most do, or a long word of letters and digits both. It is looked at once, however long it is.
KEY = re.compile(r"\bsk-|(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16}")
WITHHELD = "withheld"


def names_of(error: object) -> str:
    """Of an error object; empty where it has no names."""
    if not isinstance(error, dict):
        return WITHHELD
    return " ".join(f"{name}={_told(error[name])}" for name in NAMES if error.get(name))


def error_names(body: bytes) -> str:
    """Of the error object in a JSON body, or in the beginning of one."""
    error = error_in(body)
    return "an error body of another form" if error is None else names_of(error)


def failure_of(error: object) -> UpstreamFailure:
    """What an error inside a stream comes to; no status says it there."""
    kind = kind_of_error(error.get("type"), error.get("code")) if isinstance(error, dict) else None
    return UpstreamFailure(kind or "server", f"an error inside the stream: {names_of(error) or 'without a name'}")


def _told(value: object) -> str:
    if type(value) is int and abs(value) < 10**9:
        return str(value)
    return value if isinstance(value, str) and NAME.fullmatch(value) and not KEY.search(value) else WITHHELD
