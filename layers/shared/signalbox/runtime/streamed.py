"""A streamed answer as Lambda takes it: chunks, of which the first is the prelude, and error trailers where it breaks midway.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

import binascii
import json
from collections.abc import Mapping
from typing import Any

from .failures import to_json

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
HEADERS = (
    "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    "Transfer-Encoding: chunked\r\n"
    f"Trailer: {ERROR_TYPE}, {ERROR_BODY}\r\n"
)
END_OF_PRELUDE = b"\0" * 8
END = b"0\r\n\r\n"


def to_prelude(status: int, headers: Mapping[str, str]) -> bytes:
    prelude = {"statusCode": status, "headers": headers}
    return to_chunk(json.dumps(prelude, separators=(",", ":")).encode() + END_OF_PRELUDE)


def to_chunk(data: bytes) -> bytes:
    """Nothing for nothing: an empty chunk would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def to_broken_end(error: Mapping[str, Any]) -> bytes:
    """The end of a stream that did not reach it: Lambda hands the error on to whoever invoked."""
    body = binascii.b2a_base64(to_json(dict(error)), newline=False)
    kind = error["errorType"].encode("ascii", "replace")
    return b"0\r\n%b: %b\r\n%b: %b\r\n\r\n" % (ERROR_TYPE.encode(), kind, ERROR_BODY.encode(), body)
