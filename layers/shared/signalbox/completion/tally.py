"""The tokens of one attempt: the provider's own count, and what it may bill besides where that did not come to its end."""

from typing import NamedTuple

from ..money import Tokens
from ..routing.catalog import Timeouts
from ..usage.estimate import estimated_tokens


class Limits(NamedTuple):
    """What the attempt is held to; `deadline_s` is monotonic. The token bounds are what it may be charged where nothing was counted."""

    timeouts: Timeouts
    deadline_s: float
    input_tokens: int
    output_tokens: int  # of all choices together
    choices: int
    reasons: bool
    priced_otherwise: bool = False


class Tally:
    """Told of each part as it begins, is heard, understood and counted. `is_owed`: something may be billed that no count covers yet."""

    def __init__(self, limits: Limits) -> None:
        self.is_owed = False
        self.is_counted = False  # this part has told a count, of its input at the least
        self.tokens: Tokens | None = None  # the count so far
        self._limits = limits
        self._before: Tokens | None = None  # of the parts before this one
        self._owed_before = False
        self._finishes = 0
        self._delivered_bytes = 0
        self._heard_bytes = self._piece_at = self._understood_at = 0  # of all that was heard: its length, and where a piece of it began

    def begin(self) -> None:
        """A part is sent."""
        self._before, self._owed_before, self.is_owed = self.tokens, self.is_owed, True
        self.is_counted, self._finishes = False, 0

    def end(self) -> None:
        """It came to its end."""
        if self.is_counted:
            self.is_owed = self._owed_before

    def unbilled(self) -> None:
        """Nothing of it is billed that was not counted."""
        self.is_owed = self._owed_before

    def forgiven(self) -> None:
        """Nothing of a broken attempt is billed at all."""
        if self.is_owed:
            self.tokens, self.is_owed = None, False

    def heard(self, size: int) -> None:
        """A piece of so many bytes."""
        self._piece_at, self._heard_bytes = self._heard_bytes, self._heard_bytes + size

    def understood(self) -> None:
        """The piece that was heard last, at least in part."""
        self._understood_at = self._piece_at

    def misunderstood(self) -> None:
        """Whatever came since was written too: a token is a byte at the least here too."""
        self._delivered_bytes += self._heard_bytes - self._understood_at

    def delivered(self, size: int) -> None:
        self._delivered_bytes += size

    def count(self, tokens: Tokens) -> None:
        """Of this part, by the provider."""
        self.tokens = self._before + tokens if self._before else tokens
        self.is_counted = True
        if self._finishes >= self._limits.choices:  # a count after the end is of all; one before it is of what was written by then
            self.is_owed = self._owed_before

    def finish(self) -> None:
        """A choice has told its end."""
        self._finishes += 1

    def charged(self, silent_s: float, whole_s: float) -> Tokens:
        """The provider's own count; where it did not come to its end, never less than what may be billed. Its count of the input holds."""
        known, limits = self.tokens or Tokens(), self._limits
        if not self.is_owed:
            return known
        guess = estimated_tokens(
            input_bound=limits.input_tokens,
            delivered_bytes=self._delivered_bytes,
            silent_s=silent_s,
            whole_s=whole_s,
            choices=limits.choices,
            reasons=limits.reasons,
            output_bound=limits.output_tokens,
        )
        counts = self.is_counted and not self._owed_before
        return known._replace(input=known.input if counts else max(known.input, guess.input), output=max(known.output, guess.output))
