"""A handler of the loop where the managed runtime calls it, as the embedded AWS does whoever invokes a function by its name."""

import json
import time
from typing import Any

from .buffered import to_proxy_answer
from .invocation import Context
from .loading import Handler


def answered(handler: Handler, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """In one piece, and with the work after it done. `context` is Lambda's own."""
    deadline_ms = round(time.time() * 1000) + context.get_remaining_time_in_millis()
    response = handler(event, Context(context.aws_request_id, deadline_ms, context.invoked_function_arn))
    try:
        answer: dict[str, Any] = json.loads(to_proxy_answer(response))
        return answer
    finally:
        if response.after:
            response.after()
