"""What the caller is told where no target has answered, or not to the end."""

from collections.abc import Sequence
from math import ceil

from ..aws import telemetry
from ..data_api import internal_error
from ..errors import Refusal, UpstreamFailure
from ..routing.failures import KINDS
from ..routing.refused import at_capacity
from .flight import Flight

ADVICE = {
    "timeout": "Allow more time, or try again.",
    "deadline": "Allow more time, or try again.",
    "auth": "The provider refused the key: another try helps once a good one is set.",
}


def to_refusal(failure: UpstreamFailure | None, flights: Sequence[Flight], now_ms: int, begun: str = "") -> Refusal:
    """By the failure that says the most, which is usually the last; None where there was no time for any.

    `begun` is the target whose answer broke off, if one had begun.
    """
    tried = ", ".join(dict.fromkeys(flight.step.target for flight in flights)) or "none, since none could be asked"
    if failure is None or (failure.kind == "deadline" and not flights):
        return Refusal("deadline_exceeded", "The time was up before a target could be tried. Allow more in x-signalbox-timeout-ms.")
    code = KINDS[failure.kind].code
    wait = None if failure.retry_after_s is None else max(1, ceil(failure.retry_after_s))
    if failure.kind == "no_key":
        return Refusal(code, failure.detail, retry_after_s=wait)
    if failure.kind == "at_capacity" and not flights:
        return at_capacity(now_ms)
    if code == "invalid_request":
        return Refusal(code, f"{tried} refused the request ({failure.kind}; {failure.detail or 'no reason given'}).", param=failure.param)
    if code == "model_not_found":
        return Refusal(code, f"{tried}: the provider has no model of that name. GET /v1/models lists what is known.", param="model")
    nobody = f"No target answered (tried {tried}; the last ended in {failure.kind})."
    said = f"The answer of {begun} broke off ({failure.kind})." if begun else nobody
    return Refusal(code, f"{said} {ADVICE.get(failure.kind, 'Try again.')}", retry_after_s=wait)


def as_refusal(error: Exception) -> Refusal:
    """A fault of ours, too, is answered, and above all settled."""
    if isinstance(error, Refusal):
        return error
    telemetry.error("a completion ended in an error of ours", error)
    if isinstance(error, RecursionError):  # it could be read, and what is made of it goes deeper
        return Refusal("invalid_request", "The body is nested too deeply. Send a flatter JSON object.")
    return internal_error()
