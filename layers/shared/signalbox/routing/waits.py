"""How long before a target is asked again: as long as it says, else a jittered backoff; the same for the same inputs."""

from hashlib import blake2b
from math import ceil

LONGEST_WAIT_S = 60  # waiting is billed: who asks for more is not waited for
BACKOFF_MS = 250  # at the most after a first failure, doubled by each that follows
BACKOFF_MOST_MS = 8_000


def wait_ms(stated_s: float | None, failures: int, draw: float, number: int) -> int | None:
    """None: too long to wait for. `failures` are the target's so far, `number` is the attempt's that failed."""
    if stated_s is None:
        return int(jitter(draw, number) * backoff_ms(failures))
    return max(0, ceil(stated_s * 1000)) if stated_s <= LONGEST_WAIT_S else None


def backoff_ms(failures: int) -> int:
    """The longest that is waited where nothing is stated."""
    return min(BACKOFF_MOST_MS, BACKOFF_MS << min(failures - 1, 16))


def jitter(draw: float, number: int) -> float:
    """Uniform in [0, 1), by request and by attempt. Not the draw itself: those who were sent to one target by theirs would wait alike."""
    return int.from_bytes(blake2b(f"{draw!r}#{number}".encode(), digest_size=6).digest()) / 2**48
