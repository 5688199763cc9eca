"""Waiting for what the bus brings: on a condition, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WITHIN_S = 240  # a message that a consumer could not take is given to it again after 190 s


def eventually(look: Callable[[], T], wanted: Callable[[T], bool] = bool, within_s: float = WITHIN_S) -> T:
    """What `look` sees once it is `wanted`; AssertionError with the last sight where it never was."""
    until = time.monotonic() + within_s
    while True:
        seen = look()
        if wanted(seen):
            return seen
        assert time.monotonic() < until, f"after {within_s} s still: {seen!r}"
        time.sleep(0.05)
