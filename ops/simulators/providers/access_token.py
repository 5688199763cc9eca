"""Tokens for access that one simulated provider issues and another takes: they end by the clock, and cannot be guessed by accident."""

import time

from .wire import mark

LASTS_S = 3600
SECRET = "simulated token issuer"


def issued(issuer: str, lasts_s: int = LASTS_S) -> str:
    ends = f"{int(time.time()) + lasts_s}"
    return f"sim-{issuer}.{ends}.{mark(SECRET, issuer, ends, length=40)}"


def is_valid(issuer: str, token: str) -> bool:
    """Issued by this one, and not over."""
    kind, _, rest = token.partition(".")
    ends, _, seal = rest.partition(".")
    good = kind == f"sim-{issuer}" and seal == mark(SECRET, issuer, ends, length=40)
    return good and time.time() < int(ends)
