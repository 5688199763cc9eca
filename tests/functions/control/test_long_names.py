"""Names longer than any that there is, in every place of a path and a query: refused or not found, and never a fault of ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from ops.openapi import DOCUMENT

from .client import ADMIN, DATA, Api

WIDE = "\U0001d4b3"  # four bytes: what fits in characters may not fit into a table's key
NAMES = ("x" * 3_000, WIDE * 400, WIDE * 300, WIDE * 250, WIDE * 100)
MOST_BYTES = {"pk": 2048, ":pk": 2048, "sk": 1024, ":after": 1024, ":prefix": 1024, ":first": 1024, ":last": 1024}
USUAL = {"day": "2026-11-20", "number": "1", "tenant": "acme", "team": "red", "scope": "provider", "period": "day"}


def named() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Each operation of the control function, with the places that it takes words in."""
    for path, item in json.loads(DOCUMENT.read_text())["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            places = [row for row in operation.get("parameters", []) if row.get("in") in ("path", "query")]
            if places and path.startswith(("/admin", "/v1/requests", "/v1/usage")):
                yield method.upper(), path, places


def too_long(said: Any) -> bool:
    """As DynamoDB measures keys, which moto lets pass."""
    if not isinstance(said, dict):
        return isinstance(said, list) and any(map(too_long, said))
    keys = ((said.get(name), most) for name, most in MOST_BYTES.items())
    return any(isinstance(key, str) and len(key.encode()) > most for key, most in keys) or any(map(too_long, said.values()))


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    call = BaseClient._make_api_call

    def measured(client: Any, operation: str, said: dict[str, Any]) -> Any:
        if too_long(said):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "a key is too long"}}, operation)
        return call(client, operation, said)

    monkeypatch.setattr(BaseClient, "_make_api_call", measured)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{len(name)}x{len(name[0].encode())}")
def test_no_name_is_too_long_to_be_answered(api: Api, published: Any, name: str) -> None:
    for method, path, places in named():
        for long in places:
            said = {row["name"]: USUAL.get(row["name"], "x") for row in places if row.get("required")} | {long["name"]: name}
            asked = path.format_map(said)
            query = {row["name"]: said[row["name"]] for row in places if row["in"] == "query" and row["name"] in said}
            status, _ = api(method, asked, query=query or None, key=DATA if path.startswith("/v1") else ADMIN)
            assert status < 500, (method, path, long["name"])


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{len(name)}x{len(name[0].encode())}")
def test_nor_are_two_together_or_one_in_a_body(api: Api, name: str) -> None:
    for of in ("team", "agent", "user", "tag"):
        for tenant in ("acme", name):
            assert api("GET", "/admin/usage", query={"tenant": tenant, of: name})[0] < 500
    for scope, id in (("tenant", name), ("agent", f"acme/{name}"), ("provider", name), ("key", name)):
        new = {"scope": scope, "id": id, "period": "day"}
        assert api("POST", "/admin/budgets", new | {"limit_usd": 1})[0] < 500
        assert api("POST", "/admin/budgets/raises", new | {"by_usd": 1, "until": "2199-01-01T00:00:00Z"})[0] < 500
        assert api("DELETE", "/admin/budgets/raises", query=new)[0] < 500
