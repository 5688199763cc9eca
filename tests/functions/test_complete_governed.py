"""What operators change over HTTP, policy by policy and flag by flag, and what the next request meets."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities import parameters

from signalbox.aws import boto_bus, boto_tables, records

from .control.client import ADMIN, Api, digest
from .routes import LARGE, MINI, SMALL, Routed, code
from .world import sample

FRESH_S = records.FRESH_S  # before `routed` lets nothing be kept


def forget() -> None:
    """The clients that others have made for another AWS."""
    boto_tables.table.cache_clear()
    boto_bus.client.cache_clear()
    parameters.clear_caches()


@pytest.fixture
def api(routed: Routed, context: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The control API of the world in which requests are answered."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("SIGNALBOX_ALERT_TOPIC", raising=False)
    monkeypatch.setenv("SIGNALBOX_FIELD_KEY", "none")
    secrets = routed.world.client("secretsmanager")
    ring = json.loads(secrets.get_secret_value(SecretId="keys")["SecretString"])
    secrets.put_secret_value(SecretId="keys", SecretString=json.dumps(ring | {"admin_keys": {digest(ADMIN): "ann"}}))
    forget()
    api = Api(sample("control_list_keys"), context)

    def done(method: str, path: str, body: Any = None) -> Any:
        status, answer = api(method, path, body)
        assert status < 300, answer
        return answer

    yield done
    forget()


def met(routed: Routed, **asked: Any) -> tuple[str, str, str]:
    headers = routed.ask(**asked).headers
    return headers["x-signalbox-target"], headers["x-signalbox-policy"], headers["x-signalbox-config-version"]


def test_a_policy_decides_from_its_activation_to_its_disabling(routed: Routed, api: Callable[..., Any]) -> None:
    row = {"id": "new", "priority": 1, "conditions": {"tags": "new", "tokens": {"lt": 1000}}, "actions": {"route": "cheap"}}
    before = met(routed, tags="new")
    assert before == (MINI, "default", "1")
    assert api("POST", "/admin/policies", row)["version"] == 2
    assert met(routed, tags="new") == (MINI, "default", "2")
    assert api("POST", "/admin/policies/new/activate")["version"] == 3
    assert met(routed, tags="new") == (SMALL, "new", "3")
    assert met(routed) == (MINI, "default", "3")
    api("PUT", "/admin/policies/new", row | {"status": "active", "actions": {"route": LARGE}})
    assert met(routed, tags="new") == (LARGE, "new", "4")
    api("PUT", "/admin/policies/new", row | {"status": "active", "actions": {"deny": "Not today."}})
    assert code(routed.ask(tags="new")) == "permission_denied"
    api("POST", "/admin/policies/new/disable")
    assert met(routed, tags="new") == (MINI, "default", "6")
    api("POST", "/admin/policies/new/activate")
    api("DELETE", "/admin/policies/new")
    assert met(routed, tags="new") == (MINI, "default", "8")


def test_a_version_that_means_the_same_is_named_all_the_same(routed: Routed, api: Callable[..., Any]) -> None:
    assert met(routed)[2] == "1"
    api("POST", "/admin/config/publish", {"document": api("GET", "/admin/config")["document"] + "# a remark\n"})
    assert met(routed)[2] == "2"
    api("POST", "/admin/config/rollback", {"version": 1})
    assert met(routed)[2] == "3"


@pytest.mark.parametrize("flag", ["unfinished", "routing_policies"])
def test_a_flag_is_followed_within_seconds_both_ways(routed: Routed, api: Callable[..., Any], flag: str) -> None:
    api("PUT", "/admin/flags/unfinished", {})
    assert met(routed, tags="hidden")[:2] == (SMALL, "hidden")
    api("PUT", f"/admin/flags/{flag}", {"enabled": False})
    assert met(routed, tags="hidden")[:2] == (MINI, "default")
    api("PUT", f"/admin/flags/{flag}", {"enabled": True})
    assert met(routed, tags="hidden")[:2] == (SMALL, "hidden")
    assert FRESH_S <= 5


def test_a_container_asks_for_the_live_version_again_after_seconds(
    routed: Routed, api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FRESH_S", FRESH_S)
    assert met(routed, tags="batch")[1] == "by-tag"
    api("PUT", "/admin/flags/routing_policies", {"enabled": False})
    assert met(routed, tags="batch")[1] == "by-tag"
    routed.world.now_s += FRESH_S + 0.001
    assert met(routed, tags="batch")[1] == "default"


def test_a_flag_is_on_for_the_tenants_of_a_segment_that_was_set_up_over_http(routed: Routed, api: Callable[..., Any]) -> None:
    api("PUT", "/admin/segments/beta-testers", {"tenants": ["somebody"]})
    api("PUT", "/admin/flags/unfinished", {"segments": ["beta-testers"]})
    assert met(routed, tags="hidden")[1] == "default"
    api("PUT", "/admin/segments/beta-testers", {"tenants": ["somebody", "local"]})
    assert met(routed, tags="hidden")[1] == "hidden"
