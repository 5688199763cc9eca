"""The JSON of a request's body, in its shortest form, and the headers that go with it.

What is written is made of what was read: nothing in it can hold itself.
"""

import json
from typing import Any

from ...errors import Refusal

STREAMED = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}
WHOLE = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity"}

JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def to_bytes(body: Any) -> bytes:
    try:
        return JSON.encode(body).encode()
    except RecursionError:  # reading it, with a little more of the stack left, just went well
        raise Refusal("invalid_request", "The body is nested too deeply. Send a flatter JSON object.") from None
