"""What an `idempotency-key` promises: run once, charged once, and the same answer whenever it is asked for again within a day.

new ──▶ ours ──▶ answered (or ended in an error that cost something), and replayed from then on
  │       ├────▶ free again: nothing was sent, or what was sent came to nothing and cost nothing
  │       └────▶ unknown: crashed between the two; it is said, and not repeated
  └──▶ another's: in progress, answered, unknown, or of another body
"""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from ..admission.leases import GRACE_MS
from ..aws import dynamodb, kept_claims, telemetry
from ..aws.client import Aws, AwsError, Call, ConditionFailed, InFlight
from ..aws.control import View
from ..aws.kept import PATIENCE_S
from ..data_api import IDEMPOTENCY_KEY as KEY
from ..errors import Refusal
from .answered import Answered
from .kept import Kept, from_bytes, to_bytes

MOST_WAIT_S = 30
LARGE_S = 3.0  # for what is kept in S3
SOON_S = max(3.0, PATIENCE_S)  # for whatever is kept, while the client waits for the end of its answer


class Claim:
    """An errand of the admission: the claim goes along with its wave. `until_ms` is when the request has ended, whatever became of it."""

    def __init__(self, aws: Aws, table: str, bucket: str, name: str, body: str, request_id: str) -> None:
        self.until_ms = 0
        self.is_ours = False
        self._aws = aws
        self._table, self._bucket, self._name = table, bucket, name
        self._body = body
        self._request = request_id
        self._at_ms = self._claimed_ms = 0
        self._is_doubtful = False
        self._found: Answered | None = None
        self._written: InFlight | None = None
        self._large: bytes | None = None

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        if self._found:
            raise self._found
        until_ms = self.until_ms + GRACE_MS
        if self.is_ours and until_ms == self._claimed_ms:
            return ()
        self._at_ms, self._claimed_ms = now_ms, until_ms
        if self.is_ours:  # routed anew
            return [kept_claims.last(self._table, self._name, self._request, until_ms)]
        return [kept_claims.claim(self._table, self._name, body=self._body, request=self._request, at_ms=now_ms, until_ms=until_ms)]

    def heard(self, answers: Sequence[Any]) -> None:
        [answer] = answers
        if isinstance(answer, ConditionFailed):
            stored = dynamodb.old_item(answer)
            if stored is None:
                return  # it was given back a moment ago: asked again in the next turn
            self.is_ours = stored["request"] == self._request
            if not self.is_ours:
                self._of_another(stored)
        elif isinstance(answer, AwsError):
            self._is_doubtful = True
            telemetry.say("ERROR", "a claim was not answered for", code=answer.code)
            message = f"The {KEY} could not be looked up, and nothing is run twice. Try again."
            raise Refusal("ledger_unavailable", message, retry_after_s=1)
        else:
            self.is_ours = True

    def keep(self, kept: Kept) -> None:
        """What came of it. Sends, and returns at once; `soon` or `settled` hears. What is large waits until then. Never raises."""
        packed = to_bytes(kept)
        if len(packed) > kept_claims.MOST_BYTES:
            self._large = packed
        else:
            self._written = self._aws.begin(kept_claims.answer(self._table, self._name, self._request, packed))

    def free(self) -> None:
        """Gives it back: the key is as if it had never been used. Never raises."""
        if self.is_ours or self._is_doubtful:
            self._written = self._aws.begin(kept_claims.free(self._table, self._name, self._request))

    def soon(self) -> None:
        """Waits for what was sent while the client waits too, and so for `SOON_S` at the most: what is not there by then `settled` sends
        again. Never raises.
        """
        if self._is_doubtful:
            return  # the table has not answered a moment ago, and the client is told to come back later
        until_s = monotonic() + SOON_S
        try:
            if self._large is not None:
                put = self._aws.begin(kept_claims.put_large(self._bucket, self._name, self._large), timeout_s=SOON_S)
                put.answer(_left_s(until_s))
                self._large = None
                answer = kept_claims.answer(self._table, self._name, self._request, None)
                self._written = self._aws.begin(answer, timeout_s=_left_s(until_s))
            if self._written:
                self._hear(self._written, until_s)
        except AwsError:
            pass  # `settled` tries again, and says what it comes to

    def _hear(self, written: InFlight, until_s: float) -> None:
        try:
            written.answer(_left_s(until_s))
            self._written = None
        except AwsError as error:
            self._written = InFlight(written.call, error)

    def settled(self) -> None:
        """Waits for what was sent, and sends it again where it was not answered. Never raises."""
        if self._large is not None:
            self._keep_large(self._large)
        if self._written is None:
            return
        try:
            self._written.answer()
        except ConditionFailed:
            pass  # it is not there: a claim that was never made
        except AwsError:
            [again] = self._aws.wave([self._written.call])
            if isinstance(again, AwsError) and not isinstance(again, ConditionFailed):
                _failed("what came of a claim could not be kept", again)

    def _keep_large(self, packed: bytes) -> None:
        try:
            self._aws.call(kept_claims.put_large(self._bucket, self._name, packed), timeout_s=LARGE_S)
        except AwsError as error:
            return _failed("a large answer could not be kept", error)
        self._written = self._aws.begin(kept_claims.answer(self._table, self._name, self._request, None))
        return None

    def _of_another(self, stored: Mapping[str, Any]) -> None:
        first = stored["request"]
        if stored["body"] != self._body:
            message = f"This {KEY} was used for another request ({first}). Use one key for one request."
            raise Refusal("idempotency_conflict", message, param=KEY)
        kept = self._kept(stored)
        if kept:
            self._found = Answered(kept)
            raise self._found
        if self._at_ms < stored["until_ms"]:
            wait_s = min(MOST_WAIT_S, max(1, (self._at_ms - stored["at_ms"]) // 1000))
            raise Refusal(
                "request_in_progress", f"The first request with this {KEY} ({first}) is under way.", param=KEY, retry_after_s=wait_s
            )
        message = (
            f"What came of the first request with this {KEY} ({first}) is not known. It is not repeated: it may have been answered, and "
            f"charged. GET /v1/requests/{first} knows it within two minutes; to run it again use a new key."
        )
        raise Refusal("idempotency_conflict", message, param=KEY)

    def _kept(self, stored: Mapping[str, Any]) -> Kept | None:
        if not stored.get("is_large"):
            return from_bytes(stored["answer"]) if "answer" in stored else None
        try:
            return from_bytes(self._aws.call(kept_claims.get_large(self._bucket, self._name), timeout_s=LARGE_S))
        except AwsError as error:
            telemetry.say("ERROR", "a large answer could not be read", code=error.code)
            raise Refusal("ledger_unavailable", "The kept answer cannot be read right now. Try again.", retry_after_s=1) from error


def _left_s(until_s: float) -> float:
    return max(0.001, until_s - monotonic())


def _failed(what: str, error: AwsError) -> None:
    telemetry.say("ERROR", what, code=error.code)
    telemetry.count("KeepFailures")
