"""API Gateway's format (REST, Lambda proxy): a request as its event, and an answer out of what the function returns.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-streaming-lambda-configure.html
"""

import base64
import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from .rest_api import Match

SEPARATOR = b"\0" * 8
MAX_PRELUDE_BYTES = 65_536
ACCOUNT = "000000000000"
HOP_BY_HOP = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class Head(NamedTuple):
    status: int
    headers: list[tuple[str, str]]


class Malformed(Exception):
    """The function's answer is not in the proxy format: API Gateway answers 502."""


def event(method: str, target: str, headers: list[tuple[str, str]], body: bytes, match: Match, context: dict[str, Any]) -> bytes:
    """`context` holds what only the gateway knows: requestId, apiId, stage and the caller's address."""
    path, _, query = target.partition("?")
    path = unquote(path)
    parameters, fields = defaultdict(list), defaultdict(list)
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name].append(value)
    for name, value in headers:
        fields[name].append(value)
    now = time.time()
    agent = next((values[-1] for name, values in fields.items() if name.lower() == "user-agent"), None)
    return json.dumps(
        {
            "resource": match.resource,
            "path": path,
            "httpMethod": method,
            "headers": {name: values[-1] for name, values in fields.items()},
            "multiValueHeaders": fields,
            "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
            "multiValueQueryStringParameters": parameters or None,
            "pathParameters": match.parameters or None,
            "stageVariables": None,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": context["apiId"],
                "deploymentId": "local",
                "domainName": "localhost",
                "domainPrefix": "localhost",
                "extendedRequestId": context["requestId"],
                "httpMethod": method,
                "identity": {"sourceIp": context["sourceIp"], "userAgent": agent},
                "path": f"/{context['stage']}{path}",
                "protocol": "HTTP/1.1",
                "requestId": context["requestId"],
                "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "requestTimeEpoch": int(now * 1000),
                "resourceId": match.resource,
                "resourcePath": match.resource,
                "stage": context["stage"],
            },
            "body": body.decode(errors="replace") or None,
            "isBase64Encoded": False,
        }
    ).encode()


def head(answer: dict[str, Any]) -> Head:
    """Status and headers, in the one form that streamed preludes and buffered answers share."""
    try:
        headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            headers = [pair for pair in headers if pair[0].lower() != name.lower()]
            headers += [(name, str(value)) for value in values]
        headers += [("set-cookie", cookie) for cookie in answer.get("cookies") or ()]
        status = int(answer.get("statusCode", 200))
    except (AttributeError, TypeError, ValueError) as error:
        raise Malformed(str(error)) from error
    if not 200 <= status <= 599:
        raise Malformed(f"status {status}")
    return Head(status, [pair for pair in headers if pair[0].lower() not in HOP_BY_HOP])


def buffered(payload: bytes) -> tuple[Head, bytes]:
    try:
        answer = json.loads(payload)
        body = answer.get("body") or ""
        return head(answer), base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    except (AttributeError, TypeError, ValueError) as error:
        raise Malformed(str(error)) from error


class Prelude:
    """Collects the beginning of a streamed answer until its head is complete."""

    def __init__(self) -> None:
        self._seen = b""

    def feed(self, piece: bytes) -> tuple[Head, bytes] | None:
        """The head and what follows it in `piece`, or None where the head is still on its way."""
        self._seen += piece
        prelude, separator, rest = self._seen.partition(SEPARATOR)
        if not separator:
            if len(self._seen) > MAX_PRELUDE_BYTES:
                raise Malformed("no end of the prelude")
            return None
        try:
            return head(json.loads(prelude)), rest
        except ValueError as error:
            raise Malformed(str(error)) from error
