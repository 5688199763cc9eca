"""The time that a request is served in: an argument, so that tests and replays have their own."""

from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """`wall` is epoch seconds, `monotonic` measures durations, `sleep` takes seconds."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
