"""How long an upstream asks to be left alone, in all its spellings.

https://www.rfc-editor.org/rfc/rfc9110#name-retry-after  https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto (RetryInfo)
"""

import re
from collections.abc import Callable, Mapping

NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
DELAY = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')  # Google's, in the error's details


def _seconds(value: str, now_s: float) -> float | None:
    if NUMBER.fullmatch(value):
        return float(value)
    from email.utils import parsedate_to_datetime  # a date is rare, and this module dear

    try:
        return parsedate_to_datetime(value).timestamp() - now_s
    except (ValueError, OverflowError):
        return None


def _milliseconds(value: str, now_s: float) -> float | None:
    return float(value) / 1000 if NUMBER.fullmatch(value) else None


# The finest first.
SPELLINGS: tuple[tuple[str, Callable[[str, float], float | None]], ...] = (
    ("retry-after-ms", _milliseconds),
    ("x-ms-retry-after-ms", _milliseconds),
    ("retry-after", _seconds),
)


def retry_after_s(headers: Mapping[str, str], body: bytes, now_s: float) -> float | None:
    """Seconds from now (`now_s` is epoch), never negative; None where nothing that can be read says it. `headers` are of any case."""
    for name, read in SPELLINGS:
        value = headers.get(name)
        seconds = read(value.strip(), now_s) if value else None
        if seconds is not None:
            return max(0.0, seconds)
    delay = DELAY.search(body)
    return float(delay[1]) if delay else None
