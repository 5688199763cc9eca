"""What the record of a key permits: what it may name, for whom its requests count, and until when it is good at all."""

import json
import time
from functools import partial
from typing import Any

import pytest

from signalbox.admission.keys import digest_of, mint
from signalbox.aws import records

from .routes import LARGE, MINI, SMALL, SMALLER, Routed, code
from .test_complete import SLICED
from .world import sample

MAC_KEY = b"x" * 32


class Minted:
    """A minted key of the tenant acme, team red, with its record in the control table."""

    def __init__(self, routed: Routed) -> None:
        self.routed = routed
        self.secret = mint("k1", "acme", "red", MAC_KEY)

    def record(self, *secrets: str, until_ms: int | None = None, **more: Any) -> None:
        """Under these secrets, the first for good and the others until then."""
        rows = [{"hash": digest_of(secret, MAC_KEY)} | ({"until_ms": until_ms} if at else {}) for at, secret in enumerate(secrets)]
        self.put("key#k1", tenant="acme", team="red", status="active", secrets=rows, **more)

    def put(self, scope: str, **record: Any) -> None:
        self.routed.world.table("control").put_item(Item={"pk": scope, "sk": "scope"} | record)

    def ask(self, secret: str = "", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.routed.ask(headers={"authorization": f"Bearer {secret or self.secret}"} | named)


@pytest.fixture
def minted(routed: Routed) -> Minted:
    minted = Minted(routed)
    minted.record(minted.secret)
    return minted


def models(routed: Routed) -> list[str]:
    event = sample("complete_chat") | {"httpMethod": "GET", "path": "/v1/models", "body": None}
    return [row["id"] for row in json.loads(routed.world.ask(event).body)["data"]]


def model(routed: Routed, name: str) -> int:
    event = sample("complete_chat") | {"httpMethod": "GET", "path": f"/v1/models/{name}", "body": None}
    return routed.world.ask(event).status


@pytest.mark.parametrize(
    ("record", "may", "may_not"),
    [
        ({}, {"chat", "cheap", MINI, LARGE, "smart-one"}, set()),
        ({"models": [MINI]}, {MINI}, {"chat", "cheap", SMALLER, "smart-one"}),
        ({"models": ["openai/*"]}, {MINI, SMALLER}, {"chat", SMALL, "smart-one"}),
        ({"routes": ["chat"]}, {"chat"}, {"cheap", MINI}),
        ({"routes": ["chat"], "models": [LARGE]}, {"chat", LARGE, "smart-one"}, {"cheap", MINI}),
        ({"models": ["smart-one"]}, {"smart-one", LARGE}, {"chat", MINI}),
        ({"models": []}, set(), {"chat", MINI, "smart-one"}),
        ({"models": ["gone/from-the-document"]}, set(), {"chat", MINI}),
        ({"models": ["open*", "openai*", "openai/gpt*", "*"]}, set(), {"chat", MINI}),  # `provider/*` alone is of all that there is
    ],
)
def test_a_key_may_name_what_its_lists_mean_and_sees_no_more(routed: Routed, record: Any, may: set[str], may_not: set[str]) -> None:
    routed.permit(**record)
    listed = set(models(routed))
    assert may <= listed
    assert not may_not & listed
    for name in may:
        assert (routed.ask(name).status, model(routed, name)) == (200, 200)
    for name in may_not:
        response = routed.ask(name)
        assert (response.status, code(response)) == (403, "permission_denied")
        assert name in json.loads(response.body)["error"]["message"]
        assert (routed.calls, routed.usage[0]["outcome"], model(routed, name)) == ([], "permission_denied", 404)


def test_a_restricted_key_is_told_the_same_of_what_is_there_and_what_is_not(routed: Routed) -> None:
    routed.permit(models=[MINI])
    answers = [json.loads(routed.ask(name).body)["error"] | {"message": ""} for name in ("cheap", "no-such-model")]
    assert answers[0] == answers[1]
    routed.permit()
    assert code(routed.ask("no-such-model")) == "model_not_found"


def test_a_request_brings_only_fallbacks_that_its_key_may_name(routed: Routed) -> None:
    routed.permit(fallbacks=True, models=[MINI, SMALLER])
    assert routed.ask(MINI, fallbacks=[SMALLER]).status == 200
    response = routed.ask(MINI, fallbacks=[SMALLER, LARGE])
    assert (response.status, code(response)) == (403, "permission_denied")
    assert json.loads(response.body)["error"]["param"] == "fallbacks"


def test_a_route_leads_where_it_leads_whatever_else_its_key_may_name(routed: Routed) -> None:
    """It is the operators' own, and so are the policies on its way."""
    routed.permit(routes=["chat"])
    assert routed.ask("chat", tags="batch").headers["x-signalbox-target"] == SMALL


def test_the_tags_of_a_key_are_on_each_of_its_requests_beside_its_own(routed: Routed) -> None:
    routed.permit(tags=["batch", "core"])
    response = routed.ask(tags="mine, core")
    assert response.headers["x-signalbox-policy"] == "by-tag"
    assert routed.usage[0]["tags"] == ["batch", "core", "mine"]


@pytest.mark.parametrize(
    ("teams", "named", "team"),
    [
        ([], "blue", "red"),
        (["green"], "blue", "red"),
        (["blue"], "blue", "blue"),
        (["*"], "blue", "blue"),
        (["*"], "blue/x#y", "red"),
        (["*"], "", "red"),
        (["*"], "*", "red"),
        (["*"], "blue\n", "red"),
    ],
)
def test_a_request_counts_for_the_team_that_its_key_may_name_and_else_for_its_own(
    minted: Minted, teams: Any, named: str, team: str
) -> None:
    minted.record(minted.secret, teams=teams)
    budget = {"budgets": {"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}}}
    minted.put("team#acme/red", **budget)
    minted.put("team#acme/blue", **budget)
    assert minted.ask(x_signalbox_team=named).status == 200
    assert (minted.routed.usage[0]["team"], minted.routed.usage[0]["tenant"]) == (team, "acme")
    accounts = minted.routed.world.table("ledger").scan()["Items"]
    assert {item["pk"].split("@")[0].split("#total")[0] for item in accounts if item["pk"].startswith("team#")} == {f"team#acme/{team}"}


def test_a_key_of_a_disabled_team_or_tenant_is_refused_and_so_is_who_names_one(minted: Minted) -> None:
    minted.record(minted.secret, teams=["blue"])
    for scope, named in (("team#acme/red", "blue"), ("team#acme/blue", "blue"), ("tenant#acme", "")):
        minted.put(scope, status="disabled")
        response = minted.ask(x_signalbox_team=named)
        assert (response.status, code(response)) == (403, "permission_denied")
        assert scope.replace("#", " ") in json.loads(response.body)["error"]["message"]
        minted.put(scope, status="active")
    assert minted.ask().status == 200


def test_agents_count_for_their_own_tenant_alone(minted: Minted) -> None:
    """A budget of another tenant's agent of the same name is not theirs to spend."""
    spent = {"budgets": {"total": {"limit_nanousd": 0, "hard": True, "version": 1}}}
    minted.record(minted.secret, agents=["*"])
    minted.put("agent#local/robot", **spent)
    minted.put("agent#robot", **spent)
    assert minted.ask(x_signalbox_agent="robot").status == 200
    minted.put("agent#acme/robot", **spent)
    assert code(minted.ask(x_signalbox_agent="robot")) == "budget_exceeded"
    assert minted.ask(x_signalbox_agent="other").status == 200


def test_a_rotated_key_is_good_under_both_secrets_until_the_old_one_ends(minted: Minted) -> None:
    new = mint("k1", "acme", "red", MAC_KEY)
    minted.record(new, minted.secret, until_ms=int(time.time() * 1000) + 60_000)
    assert [minted.ask(secret).status for secret in (minted.secret, new)] == [200, 200]
    minted.record(new, minted.secret, until_ms=int(time.time() * 1000))
    assert code(minted.ask()) == "invalid_key"
    assert minted.ask(new).status == 200


def test_a_new_secret_is_good_at_once_also_where_the_record_is_known_from_before(minted: Minted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "FRESH_S", 60)
    assert minted.ask().status == 200
    new = mint("k1", "acme", "red", MAC_KEY)
    minted.record(new)
    assert minted.ask(new).status == 200
    assert code(minted.ask()) == "invalid_key"  # and the old one is over, by the record that was read for the new


def test_an_expired_key_is_refused_by_the_clock_and_not_by_what_was_read(minted: Minted, monkeypatch: pytest.MonkeyPatch) -> None:
    minted.record(minted.secret, expires_ms=int(time.time() * 1000) + 3_600_000)
    assert minted.ask().status == 200
    monkeypatch.setattr(records, "FRESH_S", 3_600)
    minted.routed.world.now_s += 3_600
    response = minted.ask()
    assert (response.status, code(response)) == (401, "invalid_key")
    assert "expired" in json.loads(response.body)["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
def test_a_key_without_its_record_is_none_whatever_it_asks_for(minted: Minted, path: str) -> None:
    """A good MAC is not enough; and it learns nothing of what there is."""
    minted.routed.world.table("control").delete_item(Key={"pk": "key#k1", "sk": "scope"})
    event = sample("complete_chat") | {"path": path, "httpMethod": "POST" if "chat" in path else "GET"}
    event["headers"] |= {"authorization": f"Bearer {minted.secret}"}
    assert minted.routed.world.ask(event, model="no-such-model").status == 401


def test_what_is_permitted_is_read_with_what_is_read_anyway(minted: Minted, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much the record says: no call more than for a key of which it says nothing."""
    aws = minted.routed.world.module.aws
    calls: list[str] = []

    def counted(name: str, there: Any, *asked: Any, **named: Any) -> Any:
        calls.append(name)
        return there(*asked, **named)

    for name in ("call", "wave", "begin"):
        monkeypatch.setattr(aws, name, partial(counted, name, getattr(aws, name)))
    counts = []
    whole: dict[str, Any] = {"models": ["chat"], "agents": ["robot"], "teams": ["blue"], "tags": ["core"], "expires_ms": 2**52}
    for more in ({}, whole):
        minted.record(minted.secret, **more)
        for _ in range(1 + SLICED):  # at first, whoever is named is looked for, and limits are taken one by one
            calls.clear()
            assert minted.ask(x_signalbox_agent="robot", x_signalbox_team="blue").status == 200
        counts.append(list(calls))
    assert counts[0] == counts[1] != []
