"""AWS over http.client and SigV4: boto3 would cost 300 ms of every cold start.

    AwsError         what a call came to instead of its answer; `code` is AWS's own
    ├── Unavailable      no answer in time, a 5xx, or one that cannot be read: it may have been done, or be done yet
    ├── Throttled        not done; trying again is fine
    ├── ConditionFailed  not done; `item` is what is stored, raw, where the call asked for it
    ├── Cancelled        a transaction that was not done, for a condition; `reasons` are one (code, raw item) per part
    └── Rejected         not done, and would not be if tried again: access, validation, nothing there

Every call that is made here may be sent twice: the ledger's writes carry their own conditions, and events their own id.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from ..wire import HttpRequest
from .http import Exchange, Pool, TransportError
from .sign import Credentials, presigned, signed

Json = Any

TIMEOUT_S = 1.0  # of one try, unless SIGNALBOX_AWS_TIMEOUT_S says otherwise
READ_S = 0.02  # for an answer that came while others were waited for: a container's share of a processor comes in pieces
TRIES = 2
MORE_WHEN_THROTTLED = 4  # tries, for each that a call without an answer has: this one was not done, and soon it may be
BACKOFF_S = 0.05

# service: (the prefix of X-Amz-Target, the version of its JSON)
PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
    "sqs": ("AmazonSQS", "1.0"),
}
THROTTLES = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "SlowDown",
}
# What reading an answer raises that is of another form than AWS's own: a proxy's page, a body cut short. A mistake of ours may look the
# same; the log tells the line.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
# Why a transaction's part was not done where nothing is the matter with it: others were at its item, or too many at its partition.
BUSY = {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class AwsError(Exception):
    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class Unavailable(AwsError):
    pass


class Throttled(AwsError):
    pass


class ConditionFailed(AwsError):
    item: Json = None


class Cancelled(AwsError):
    reasons: tuple[tuple[str, Json], ...] = ()


class Rejected(AwsError):
    pass


class Call(NamedTuple):
    """One action of one service, as data. `to_answer` reads the JSON (S3: the bytes) of the answer.

    `patience_s`: an answer that takes longer is none, and it is not asked for again, however long the others of its wave are waited for.
    """

    service: str
    action: str
    payload: Mapping[str, Json]
    to_answer: Callable[[Any], Any] = lambda answer: answer
    patience_s: float | None = None


class Wire(Protocol):
    """What carries a service that does not speak HTTP, in the same waves."""

    def begin(self, call: Call, timeout_s: float) -> "InFlight":
        """Sends, and returns at once; never raises."""

    def close(self) -> None: ...


class InFlight:
    """A call that was sent; or that could not be, which `answer` then tells."""

    def __init__(self, call: Call, sent: Exchange | AwsError, timeout_s: float = TIMEOUT_S) -> None:
        self.call = call
        self._sent = sent
        self._timeout_s = timeout_s

    def answer(self, timeout_s: float | None = None) -> Any:
        """The answer; raises AwsError."""
        if isinstance(self._sent, AwsError):
            raise self._sent
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            until_s = time.monotonic() + timeout_s
            status = self._sent.head(timeout_s)
            body = self._sent.read(max(0.001, until_s - time.monotonic()))
        except TransportError as error:
            raise Unavailable(type(error).__name__, str(error)) from error
        try:
            if status >= 300:
                raise _to_error(status, body)
            return self.call.to_answer(body if self.call.service == "s3" else json.loads(body or b"{}"))
        except UNREADABLE as error:  # its text may quote what was said
            raise Unavailable("UnreadableAnswer", f"status {status}, {type(error).__name__}") from error


class Aws:
    """Credentials, region and endpoints from the environment; one connection pool. `draw` (0 to 1) is the jitter of retries."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        pool: Pool | None = None,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = lambda: os.urandom(1)[0] / 255,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = Credentials.from_env(environ)
        self._region = environ.get("AWS_REGION") or environ["AWS_DEFAULT_REGION"]
        self._endpoint = environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
        self._timeout_s = float(environ.get("SIGNALBOX_AWS_TIMEOUT_S") or TIMEOUT_S)
        self._pool = pool or Pool()
        self._clock, self._draw, self._sleep = clock, draw, sleep
        self._wires: dict[str, Wire] = {}

    def call(self, call: Call, *, timeout_s: float | None = None, tries: int = TRIES) -> Any:
        """The answer; raises AwsError."""
        [answer] = self.wave([call], timeout_s=timeout_s, tries=tries)
        if isinstance(answer, AwsError):
            raise answer
        return answer

    def wave(self, calls: Sequence[Call], *, timeout_s: float | None = None, tries: int = TRIES) -> list[Any]:
        """Every call's answer or its AwsError, in order: all are sent first and then all read, so that a wave lasts as long as one call.

        Unanswered calls are tried again, `tries` times in all, and throttled ones more often; each round lasts `timeout_s` from when all
        are sent.
        """
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        answers: list[Any] = [None] * len(calls)
        due = list(range(len(calls)))
        for turn in count():
            # Each by its own time: what was slow to connect keeps those behind it from being sent.
            sent = [(position, self.begin(calls[position], timeout_s=timeout_s), time.monotonic()) for position in due]
            for position, flight, began in sent:
                left_s = began + _bounded(calls[position], timeout_s) - time.monotonic()
                try:
                    answers[position] = flight.answer(max(READ_S, left_s))
                except AwsError as error:
                    answers[position] = error
            due = [position for position in due if turn + 1 < _most_tries(calls[position], answers[position], tries)]
            if not due:
                break
            if any(isinstance(answers[position], Throttled) for position in due):
                self.pause(turn)
        return answers

    def pause(self, turn: int) -> None:
        """Before what others were in the way of is tried again, so that it is not at the same time as theirs."""
        self._sleep(BACKOFF_S * 2**turn * self._draw())

    def begin(self, call: Call, *, timeout_s: float | None = None) -> InFlight:
        """Sends, and returns at once; never raises."""
        timeout_s = _bounded(call, self._timeout_s if timeout_s is None else timeout_s)
        if call.service in self._wires:
            return self._wires[call.service].begin(call, timeout_s)
        request = signed(self._to_request(call), self._credentials, self._region, call.service, self._clock())
        try:
            return InFlight(call, self._pool.send(request, timeout_s), timeout_s)
        except TransportError as error:
            return InFlight(call, Unavailable(type(error).__name__, str(error)))

    def sign(self, request: HttpRequest, region: str | None, service: str) -> HttpRequest:
        """A request to a service that is not called here: it goes out as it is, under this role."""
        return signed(request, self._credentials, region or self._region, service, self._clock())

    def presigned(self, url: str, service: str, expires_s: int) -> str:
        return presigned(url, self._credentials, self._region, service, self._clock(), expires_s)

    def carried(self, service: str, wire: Wire) -> None:
        """This service's calls go by this wire from now on."""
        self._wires[service] = wire

    def close(self) -> None:
        self._pool.close()
        for wire in self._wires.values():
            wire.close()

    def _to_request(self, call: Call) -> HttpRequest:
        endpoint = self._endpoint or f"https://{call.service}.{self._region}.amazonaws.com"
        if call.service == "s3":
            method = "PUT" if call.action == "PutObject" else "GET"
            url = f"{endpoint}/{call.payload['Bucket']}/{quote(call.payload['Key'])}"
            return HttpRequest(method, url, body=call.payload.get("Body", b""))
        target, version = PROTOCOLS[call.service]
        headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{target}.{call.action}"}
        return HttpRequest("POST", endpoint + "/", headers, json.dumps(call.payload, separators=(",", ":")).encode())


def _bounded(call: Call, timeout_s: float) -> float:
    return timeout_s if call.patience_s is None else min(timeout_s, call.patience_s)


def _most_tries(call: Call, answer: Any, tries: int) -> int:
    """How often a call that came to this is sent in all."""
    if call.patience_s is not None:
        return 1
    if isinstance(answer, Throttled):
        return 1 + MORE_WHEN_THROTTLED * (tries - 1)
    return tries if isinstance(answer, Unavailable) else 1


def _to_error(status: int, body: bytes) -> AwsError:
    try:
        fields = json.loads(body)
    except ValueError:  # S3 speaks XML, a proxy on the way HTML
        fields = {}
    if not isinstance(fields, dict):
        fields = {}
    code = str(fields.get("__type") or f"status {status}").rpartition("#")[2]
    message = str(fields.get("message") or fields.get("Message") or "")
    if code == "ConditionalCheckFailedException":
        failed = ConditionFailed(code)
        failed.item = dict(fields.get("Item") or {}) or None
        return failed
    if code == "TransactionCanceledException":
        return _cancelled(code, fields.get("CancellationReasons", ()))
    if code in THROTTLES or status == 429:
        return Throttled(code, message)
    return (Unavailable if status >= 500 else Rejected)(code, message)


def _cancelled(code: str, reasons: Sequence[Json]) -> AwsError:
    codes = {reason.get("Code", "None") for reason in reasons}
    if codes - {"None"} and codes <= BUSY:
        return Throttled(code, ", ".join(sorted(codes - {"None"})))
    cancelled = Cancelled(code)
    cancelled.reasons = tuple((reason.get("Code", "None"), reason.get("Item")) for reason in reasons)
    return cancelled
