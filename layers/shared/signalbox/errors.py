"""Every error a caller can meet, with its stable code and status. A dialect puts it into its own error object.

Refusal          what Signalbox answers instead of a completion
UpstreamFailure  what one attempt at one target came to; `plan` decides what follows
"""

STATUS = {
    "invalid_request": 400,
    "unsupported_parameter": 400,
    "content_refused": 400,
    "invalid_key": 401,
    "permission_denied": 403,
    "unpriced_model": 403,
    "model_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "idempotency_conflict": 409,
    "request_in_progress": 409,
    "request_too_large": 413,
    "rate_limited": 429,
    "budget_exceeded": 429,
    "internal_error": 500,
    "upstream_failed": 502,
    "no_route": 503,
    "llm_disabled": 503,
    "ledger_unavailable": 503,
    "deadline_exceeded": 504,
}


def whose(scope: str) -> str:
    """A scope as messages name it, and commands take it: team acme/red, global."""
    kind, _, id = scope.partition("#")
    return kind if kind == "global" else f"{kind} {id}"


class Refusal(Exception):
    """An answer that is an error. `message` says what was wrong and what to do, and holds no secret and no prompt."""

    def __init__(self, code: str, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        return STATUS[self.code]


class UpstreamFailure(Exception):
    """One attempt failed. `kind` is a row of `routing.failures`. `detail` holds names and no words of the provider's: `providers.errors`.

    `param` is what of the request was wrong, where the provider says it. `counted`: what was counted before it is all there is to bill.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        param: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
        counted: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.param = param
        self.status = status
        self.retry_after_s = retry_after_s
        self.counted = counted
