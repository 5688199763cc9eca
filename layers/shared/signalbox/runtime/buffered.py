"""An answer in one piece, in API Gateway's proxy format: for `sam local` and wherever the integration does not stream.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import binascii
import json

from .failures import RuntimeFailure
from .invocation import Response

LIMIT_BYTES = 6 * 1024 * 1024  # Lambda's, for what it does not stream


def to_proxy_answer(response: Response) -> bytes:
    """Drains the body. Base64 where it is not UTF-8."""
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    try:
        text, binary = body.decode(), False
    except UnicodeDecodeError:
        text, binary = binascii.b2a_base64(body, newline=False).decode(), True
    answer = {"statusCode": response.status, "headers": response.headers, "body": text, "isBase64Encoded": binary}
    payload = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    if len(payload) > LIMIT_BYTES:
        raise RuntimeFailure(
            "Function.ResponseSizeTooLarge",
            f"the answer has {len(payload)} bytes and Lambda takes {LIMIT_BYTES} in one piece; ask for less, or stream",
        )
    return payload
