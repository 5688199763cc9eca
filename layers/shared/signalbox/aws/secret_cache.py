"""Secrets as a container keeps them: read on first use, again every five minutes after an answer, and once when one is refused."""

import os
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from . import secrets, telemetry
from .client import Aws, AwsError

FRESH_S = 300
REREAD_AFTER_S = 60  # a key that is refused again and again does not read its secret again and again

T = TypeVar("T")


class SecretCache(Generic[T]):
    """`parse` makes of a secret's text what is kept; where it raises ValueError, KeyError or TypeError the secret counts as unreadable."""

    def __init__(self, aws: Aws, parse: Callable[[str], T], wall: Callable[[], float] = time.time) -> None:
        self._aws = aws
        self._parse = parse
        self._wall = wall
        self._kept: dict[str, tuple[T, float]] = {}

    def get(self, name: str, anew: bool = False) -> T | None:
        """None where it was never readable. `anew` reads it again, once a minute at the most."""
        kept = self._kept.get(name)
        if kept is None or (anew and self._wall() - kept[1] > REREAD_AFTER_S):
            self._read(name)
            kept = self._kept.get(name)
        return kept[0] if kept else None

    def refresh(self) -> None:
        """After the answer. The jitter keeps containers from reading all at once."""
        jitter_s = os.urandom(1)[0] / 4
        for name, (_, read_s) in list(self._kept.items()):
            if self._wall() - read_s > FRESH_S + jitter_s:
                self._read(name)

    def _read(self, name: str) -> None:
        try:
            self._kept[name] = (self._parse(secrets.fetch(self._aws, name)), self._wall())
        except (AwsError, ValueError, KeyError, TypeError) as error:
            telemetry.error(f"the secret {name} could not be read", error)
