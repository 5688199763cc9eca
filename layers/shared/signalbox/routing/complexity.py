"""How hard a request looks, 0 to 100: a score of its own features, the same for the same request."""

from ..request import Request


def score(request: Request, input_tokens: int) -> int:
    """`input_tokens` is the estimate that routing goes by."""
    return min(100, input_tokens // 100 + 20 * bool(request.tools) + 2 * max(0, len(request.messages) - 1))
