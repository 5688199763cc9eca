"""The control function as API Gateway calls it, and the keys that may."""

import hashlib
import json
from typing import Any

from ops.openapi import ROOT, load_control
from signalbox.admission.operators import PERMISSIONS
from signalbox.aws import boto_bus
from signalbox.errors import STATUS

MODULES = load_control()
ADMIN, DATA = "ak-test", "sk-static"
MAC_KEY = "m" * 64
SEED = (ROOT / "routing.yaml").read_text()
STATES = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def limited(permission: str = "nothing") -> str:
    """The admin key of somebody who has this permission alone."""
    return f"ak-{permission}"


def key_secret() -> str:
    """Its ARN."""
    keys = {
        "mac_key": MAC_KEY,
        "admin_keys": {
            digest(ADMIN): "ann",
            digest(limited()): {"name": "nothing", "permissions": []},
            **{digest(limited(name)): {"name": name, "permissions": [name]} for name in PERMISSIONS},
        },
        "data_keys": {digest(DATA): {"key_id": "static", "tenant": "acme", "team": "default"}},
    }
    return boto_bus.client("secretsmanager").create_secret(Name="keys", SecretString=json.dumps(keys))["ARN"]


def workflow() -> str:
    """Its ARN. That it does what it should is for the test of roll_back."""
    machine = boto_bus.client("stepfunctions").create_state_machine(
        name="roll_back", definition=json.dumps(STATES), roleArn="arn:aws:iam::123456789012:role/r"
    )
    return machine["stateMachineArn"]


class Api:
    """`sample` is the event that each call is made from."""

    def __init__(self, sample: dict[str, Any], context: Any) -> None:
        self._sample = sample
        self._context = context

    def __call__(
        self, method: str, path: str, body: Any = None, *, key: str | None = ADMIN, query: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, Any]:
        answer = self.raw(method, path, body, key=key, query=query, **more)
        assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
        return answer["statusCode"], json.loads(answer["body"])

    def raw(
        self, method: str, path: str, body: Any = None, *, key: str | None = ADMIN, query: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        event = self._sample | {
            "httpMethod": method,
            "path": path,
            "body": body if isinstance(body, str | None) else json.dumps(body),
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        }
        return MODULES["handler"].handler(event | more, self._context)


def code_of(answer: Any) -> str:
    """Of an error object, whose form is checked on the way."""
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert "Traceback" not in answer["error"]["message"]
    return answer["error"]["code"]


def logged(caplog: Any) -> list[str]:
    """The function's own lines, as they go to the log."""
    formatter = MODULES["stage"].logger.registered_formatter
    return [formatter.format(record) for record in caplog.records if record.name == "signalbox"]


def refused(answer: tuple[int, Any], code: str) -> str:
    """The message of a refusal with this code."""
    assert (answer[0], code_of(answer[1])) == (STATUS[code], code), answer
    return answer[1]["error"]["message"]
