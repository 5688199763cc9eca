"""What the operators' records say, read again in time: with the waves of an admission, or at once."""

from collections.abc import Callable, Iterable
from typing import Any

from ..admission.keys import Caller, check_standing, knows
from ..errors import Refusal
from . import telemetry
from .client import Aws, AwsError, Call
from .control import FRESH_S, USABLE_S, Control, Key, View


class Records:
    """Of one container, through the `control` that keeps them."""

    def __init__(self, aws: Aws, control: Control, now_ms: Callable[[], int]) -> None:
        self._aws = aws
        self._control = control
        self._now_ms = now_ms

    def view(self, scopes: Iterable[str]) -> View:
        """What is known, however old."""
        return self._control.view(scopes)

    def look(self, scopes: tuple[str, ...]) -> View:
        """The same; what was never seen is read. Refusal ledger_unavailable where that fails."""
        if self._control.unseen(scopes):
            self.read(self._control.older_than(FRESH_S, scopes))
        return self._control.view(scopes)

    def refresh(self, scopes: tuple[str, ...]) -> bool:
        """Reads again what is older than 5 s; whether anything was."""
        stale = self._control.older_than(FRESH_S, scopes)
        self.read(stale)
        return bool(stale)

    def check(self, caller: Caller, scopes: Iterable[str], now_ms: int) -> None:
        """Refusal where, by what is known, the key does not stand."""
        check_standing(caller, self._control.view(scopes).records, now_ms)

    def stale(self, caller: Caller, scopes: tuple[str, ...]) -> list[Key]:
        """What of these to read again: the key's record also where it does not name the secret shown, which may be younger."""
        stale, own = self._control.older_than(FRESH_S, scopes), (f"key#{caller.key_id}", "scope")
        if own not in stale and not knows(caller, self._control.view([own[0]]).records, self._now_ms()):
            stale.append(own)
        return stale

    def asked(self, keys: list[Key]) -> Call:
        """The call that reads these; give its answer to `learn`."""
        return self._control.read(keys)

    def read(self, keys: list[Key]) -> None:
        """Now. Refusal ledger_unavailable where the table does not answer."""
        while keys:
            try:
                keys = self._control.learn(keys, self._aws.call(self._control.read(keys)))
            except AwsError as error:
                raise Refusal("ledger_unavailable", "The control table does not answer: try again.", retry_after_s=1) from error

    def learn(self, keys: list[Key], answer: Any, scopes: tuple[str, ...]) -> list[Key]:
        """What is left to read. Where the table does not answer, what is known serves a while longer."""
        if not isinstance(answer, AwsError):
            return self._control.learn(keys, answer)
        telemetry.say("ERROR", "the control table does not answer", code=answer.code)
        if self._control.older_than(USABLE_S, scopes):
            raise Refusal("ledger_unavailable", "The control table does not answer: try again.", retry_after_s=1)
        return []
