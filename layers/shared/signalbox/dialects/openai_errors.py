"""OpenAI's error object, which all of its dialects share. https://platform.openai.com/docs/guides/error-codes"""

from ..errors import Refusal
from .written import dumped

ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "invalid_request_error", 429: "rate_limit_error"}


def to_error(refusal: Refusal, id: str | None = None) -> bytes:
    kind = ERROR_TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "server_error")
    return dumped({"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}})
