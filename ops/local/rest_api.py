"""The deployed REST API, read from its own definition: which path goes to which function, whether it streams, and how it refuses."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

# Lambda's address in an integration, buffered and streamed:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
TARGET = re.compile(r"/functions/\$\{([A-Za-z0-9]+)(?:\.Arn)?\}/(invocations|response-streaming-invocations)$")
ANY = "x-amazon-apigateway-any-method"
DEFAULT_TIMEOUT_MS = 29_000

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
STATUS = {
    "API_CONFIGURATION_ERROR": 500,
    "BAD_REQUEST_BODY": 400,
    "INTEGRATION_FAILURE": 502,
    "INTEGRATION_TIMEOUT": 504,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "REQUEST_TOO_LARGE": 413,
}
MESSAGE = {
    "BAD_REQUEST_BODY": "Invalid request body",
    "INTEGRATION_TIMEOUT": "Endpoint request timed out",
    "MISSING_AUTHENTICATION_TOKEN": "Missing Authentication Token",
    "REQUEST_TOO_LARGE": "Request Too Long",
}


@dataclass(frozen=True, slots=True)
class Integration:
    """`function` is the logical id that the definition names: a function, or its alias."""

    function: str
    streams: bool
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Match:
    resource: str
    parameters: dict[str, str]
    integration: Integration


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class RestApi:
    logical_id: str
    stage: str
    routes: list[tuple[re.Pattern[str], str, dict[str, Integration]]] = field(default_factory=list)
    refusals: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_template(cls, template: Mapping[str, Any], stage: str) -> "RestApi":
        """From the transformed template, which is what was deployed."""
        resources = template["Resources"].items()
        logical_id, definition = next((id, row["Properties"]["Body"]) for id, row in resources if row["Type"] == "AWS::ApiGateway::RestApi")
        api = cls(logical_id, stage, refusals=definition.get("x-amazon-apigateway-gateway-responses", {}))
        # The most specific path first: literal segments before parameters before the greedy one.
        for path in sorted(definition["paths"], key=lambda path: [_rank(part) for part in path.split("/")]):
            methods = {
                "*" if method == ANY else method.upper(): _integration(operation["x-amazon-apigateway-integration"])
                for method, operation in definition["paths"][path].items()
                if TARGET.search(_uri(operation.get("x-amazon-apigateway-integration", {})))
            }
            api.routes.append((_pattern(path), path, methods))
        return api

    def match(self, method: str, path: str) -> Match | None:
        """The most specific pair of path and method, as was measured on AWS; its documentation says nothing of a path without the method:
        https://github.com/ministackorg/ministack/pull/1423 and https://github.com/floci-io/floci/pull/3399. Our template leans on neither.
        """
        for pattern, resource, methods in self.routes:
            found = pattern.fullmatch(path)
            integration = methods.get(method) or methods.get("*")
            if found and integration:
                values = {_names(resource)[number]: unquote(value) for number, value in enumerate(found.groups())}
                return Match(resource, values, integration)
        return None

    def refuse(self, kind: str, request_id: str) -> GatewayResponse:
        """The template's own gateway response of this kind, or of its family, or else API Gateway's."""
        family = "DEFAULT_4XX" if STATUS[kind] < 500 else "DEFAULT_5XX"
        row = self.refusals.get(kind) or self.refusals.get(family) or {}
        template = row.get("responseTemplates", {}).get("application/json", '{"message":$context.error.messageString}')
        message = MESSAGE.get(kind, "Internal server error")
        values = {
            "error.messageString": json.dumps(message),
            "error.message": message,
            "error.responseType": kind,
            "requestId": request_id,
        }
        body = re.sub(r"\$context\.(error\.\w+|requestId)", lambda found: values.get(found[1], ""), template)
        headers = [
            (name.removeprefix("gatewayresponse.header."), value.strip("'")) for name, value in row.get("responseParameters", {}).items()
        ]
        return GatewayResponse(int(row.get("statusCode", STATUS[kind])), headers, body.encode())


def _uri(integration: Mapping[str, Any]) -> str:
    uri = integration.get("uri", "")
    return uri.get("Fn::Sub", "") if isinstance(uri, dict) else uri


def _integration(definition: Mapping[str, Any]) -> Integration:
    found = TARGET.search(_uri(definition))
    assert found
    timeout_ms = definition.get("timeoutInMillis", DEFAULT_TIMEOUT_MS)
    return Integration(found[1], found[2].startswith("response-streaming"), timeout_ms / 1000)


def _names(path: str) -> list[str]:
    return [name.removesuffix("+") for name in re.findall(r"\{([^}]+)\}", path)]


def _rank(part: str) -> tuple[int, str]:
    return (2 if part.endswith("+}") else 1 if part.startswith("{") else 0, part)


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{[^}]+\})", path)
    return re.compile("".join("(.+)" if p.endswith("+}") else "([^/]+)" if p.startswith("{") else re.escape(p) for p in pieces))
