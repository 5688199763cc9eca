"""How long, and until when, as people write it on a command line."""

import re
from datetime import datetime, timedelta

from .trouble import Trouble

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONG = re.compile(r"(\d{1,6})([smhd])")


def until(text: str, now: datetime, option: str = "--until") -> str:
    """A moment as the API takes it, of one or of how long it is to it."""
    if LONG.fullmatch(text):
        return (now + how_long(text, option)).isoformat(timespec="seconds")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Trouble(f"{option} {text}: no moment; write 30m, 2h, 3d, or 2026-11-21T18:00+01:00") from error
    if at.tzinfo is None:
        raise Trouble(f"{option} {text}: whose clock? write its offset too, as in {text}+01:00 or {text}Z")
    return at.isoformat()


def how_long(text: str, option: str) -> timedelta:
    """Of 90s, 30m, 2h, 3d, or 0."""
    found = LONG.fullmatch(f"{text}s" if text == "0" else text)
    if not found:
        raise Trouble(f"{option} {text}: no time; write 90s, 30m, 2h or 3d, or 0")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
