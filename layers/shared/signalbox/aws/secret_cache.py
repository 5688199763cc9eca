"""Secrets as a container keeps them: read on first use, again every five minutes after an answer, and once when one is refused."""

import os
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from . import secrets, telemetry
from .client import UNREADABLE, Aws, AwsError

FRESH_S = 300
TRY_AGAIN_S = 1  # where it could not be read
REREAD_AFTER_S = 60  # a key that is refused again and again does not read its secret again and again
GONE = "ResourceNotFoundException"

T = TypeVar("T")


class SecretCache(Generic[T]):
    """`parse` makes of a secret's text what is kept; where it raises any of UNREADABLE the secret counts as such."""

    def __init__(self, aws: Aws, parse: Callable[[str], T], wall: Callable[[], float] = time.time) -> None:
        self._aws = aws
        self._parse = parse
        self._wall = wall
        self._kept: dict[str, T] = {}
        self._tried_s: dict[str, float] = {}
        self._anew_s: dict[str, float] = {}
        self._unread: set[str] = set()

    def get(self, name: str, anew: bool = False) -> T | None:
        """None where there is none, or it was never readable. `anew` reads it again, once a minute at the most."""
        now_s = self._wall()
        missing = name not in self._kept and now_s - self._tried_s.get(name, 0.0) > TRY_AGAIN_S
        anew = anew and now_s - self._anew_s.get(name, 0.0) > REREAD_AFTER_S
        if anew:
            self._anew_s[name] = now_s
        if missing or anew:
            self._read(name)
        return self._kept.get(name)

    def unread(self, name: str) -> bool:
        """Whether there may be one all the same: the last try to read it said neither what it is nor that it is gone."""
        return name in self._unread

    def refresh(self) -> None:
        """After the answer. The jitter keeps containers from reading all at once."""
        jitter_s = os.urandom(1)[0] / 4
        for name, tried_s in list(self._tried_s.items()):
            if self._wall() - tried_s > FRESH_S + jitter_s:
                self._read(name)

    def _read(self, name: str) -> None:
        self._tried_s[name] = self._wall()
        try:
            self._kept[name] = self._parse(secrets.fetch(self._aws, name))
            self._unread.discard(name)
        except (AwsError, *UNREADABLE) as error:
            if getattr(error, "code", "") == GONE:
                self._kept.pop(name, None)
                self._unread.discard(name)
            else:
                self._unread.add(name)
            telemetry.error(f"the secret {name} could not be read", error)
