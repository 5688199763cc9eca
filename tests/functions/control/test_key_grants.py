"""What a key may, from its minting through its changes and rotations, as it is asked for, kept and shown."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signalbox.admission.keys import authenticate

from .client import MODULES, Api, logged, refused

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
WHOLE = {
    "expires_at": "2026-12-01T00:00:00+00:00",
    "models": ["openai/gpt-4.1-mini", "mistral/*"],
    "routes": ["smart"],
    "agents": ["robot"],
    "teams": ["blue"],
    "tags": ["batch"],
    "fallbacks": True,
    "limits": {"requests_per_minute": 5, "tokens_per_minute": None, "concurrency": 0},
}


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the clock of the control function; called, it says to when."""
    now = [NOW]
    monkeypatch.setattr(MODULES["stage"], "now", lambda: now[0])

    def move(**to: float) -> None:
        now[0] = NOW + timedelta(**to)

    return move


def new(api: Api, **more: Any) -> dict[str, Any]:
    status, minted = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"} | more)
    assert status == 201, minted
    return minted


def stored(stage: Any, minted: dict[str, Any]) -> dict[str, Any]:
    return stage.control.get_item(Key={"pk": f"key#{minted['id']}", "sk": "scope"})["Item"]


def test_what_a_key_may_is_kept_and_shown_as_it_was_asked_for(api: Api, stage: Any) -> None:
    minted = new(api, **WHOLE)
    assert {name: minted[name] for name in WHOLE} == WHOLE
    assert api("GET", f"/admin/keys/{minted['id']}")[1] == {name: value for name, value in minted.items() if name != "secret"}
    record = stored(stage, minted)
    assert record["expires_ms"] == datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000
    assert "expires_at" not in record  # by that name DynamoDB would delete it
    assert record["limits"] == {"requests_per_minute": 5, "tokens_per_minute": None, "concurrency": 0}


def test_a_change_changes_what_it_says_and_null_takes_it_back(api: Api, stage: Any, caplog: Any) -> None:
    minted = new(api, **WHOLE)
    path = f"/admin/keys/{minted['id']}"
    shown = {name: value for name, value in minted.items() if name != "secret"}
    assert api("PATCH", path, {}) == (200, shown)
    changed = api("PATCH", path, {"name": "other", "models": None, "tags": [], "limits": {"requests_per_hour": 9}, "status": "disabled"})
    assert changed == (200, shown | {"name": "other", "models": None, "tags": [], "limits": {"requests_per_hour": 9}, "status": "disabled"})
    line = json.loads(logged(caplog)[-1])
    assert line["changed"] == f"key {minted['id']} is disabled and has another limits, models, name, tags"
    api("PATCH", path, dict.fromkeys(WHOLE) | {"status": "active"})
    assert {*stored(stage, minted)} == {"pk", "sk", "name", "tenant", "team", "status", "secrets", "created_at", "created_by"}


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"expires_at": "2026-11-21T12:00:00Z"}, "expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),  # in UTC a year that no calendar here has
        ({"name": "\x1b[2Kroot"}, "name"),
        ({"name": " "}, "name"),
        ({"agents": ["\u202etobor"]}, "agents"),
        ({"tags": ["a\nb"]}, "tags"),
        ({"limits": {"requests_per_second": 1}}, "limits"),
        ({"limits": {"concurrency": -1}}, "limits"),
        ({"limits": {"concurrency": "1"}}, "limits"),
        ({"tags": ["a,b"]}, "tags"),
        ({"models": [""]}, "models"),
        ({"tenant": "a/b"}, "tenant"),
        ({"status": "on"}, "status"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(api: Api, said: Any, param: str) -> None:
    assert param in refused(api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"} | said), "invalid_request")
    if param != "tenant":
        assert param in refused(api("PATCH", f"/admin/keys/{new(api)['id']}", said), "invalid_request")


def test_names_that_lead_nowhere_are_refused_where_a_document_is_live(api: Api, published: Any) -> None:
    path = f"/admin/keys/{new(api)['id']}"
    for field in ("models", "routes"):
        for name in ("opnai/gpt-4.1-mini", "opnai/*", "open*", "openai*", "openai/gpt*", "*", "/*"):
            assert repr(name) in refused(api("PATCH", path, {field: [name]}), "invalid_request")
    assert api("PATCH", path, {"models": ["openai/gpt-4.1-mini", "openai/*"]})[0] == 200


def test_a_key_is_minted_with_its_budgets_or_not_at_all(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = [{"period": "day", "limit_usd": "1.50", "hard": True}, {"period": "total", "limit_usd": "20.00", "hard": False}]
    minted = new(api, budgets=budgets)
    assert (minted["status"], minted["budgets"]) == ("active", budgets)
    assert api("GET", "/v1/usage", key=minted["secret"])[0] == 200
    listed = api("GET", "/admin/budgets", query={"scope": "key", "id": minted["id"]})[1]["budgets"]
    assert [(row["period"], row["limit_nanousd"], row["hard"]) for row in listed] == [
        ("day", 1_500_000_000, True),
        ("total", 20 * 10**9, False),
    ]
    refused(api("POST", "/admin/keys", {"name": "k", "tenant": "acme", "budgets": [budgets[0], budgets[0]]}), "invalid_request")

    def contended(*_: Any, **__: Any) -> None:
        raise MODULES["keys"].boto_budgets.Contended("others")

    monkeypatch.setattr(MODULES["keys"].boto_budgets, "change", contended)
    refused(api("POST", "/admin/keys", {"name": "k", "tenant": "acme", "budgets": budgets}), "request_in_progress")
    assert [key["id"] for key in api("GET", "/admin/keys")[1]["keys"]] == [minted["id"]]


def test_a_minting_that_is_killed_before_its_budgets_are_set_leaves_a_key_that_may_nothing(
    api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(MODULES["keys"].boto_budgets, "change", killed)
    with pytest.raises(SystemExit):
        api("POST", "/admin/keys", {"name": "k", "tenant": "acme", "budgets": [{"period": "day", "limit_usd": 1}]})
    assert [(key["status"], key["budgets"]) for key in api("GET", "/admin/keys")[1]["keys"]] == [("disabled", [])]


def test_a_rotated_key_is_good_under_both_secrets_until_the_old_one_ends(api: Api, noon: Any) -> None:
    minted = new(api)
    path = f"/admin/keys/{minted['id']}/rotate"
    status, rotated = api("POST", path, {"overlap_s": 60})
    assert status == 200
    assert rotated["id"] == minted["id"]
    assert rotated["secret"] != minted["secret"]
    assert rotated["old_secret_until"] == "2026-11-21T12:01:00+00:00"
    noon(seconds=59)
    assert [api("GET", "/v1/usage", key=each["secret"])[0] for each in (minted, rotated)] == [200, 200]
    noon(seconds=60)
    assert "was rotated" in refused(api("GET", "/v1/usage", key=minted["secret"]), "invalid_key")
    assert api("GET", "/v1/usage", key=rotated["secret"])[0] == 200
    assert api("GET", f"/admin/keys/{minted['id']}")[1]["old_secret_until"] is None


def test_a_rotation_lets_no_older_secret_live_longer_and_can_end_them_all(api: Api, stage: Any, noon: Any) -> None:
    keys = [new(api)]
    path = f"/admin/keys/{keys[0]['id']}/rotate"
    for overlap_s in (60, 600):
        keys.append(api("POST", path, {"overlap_s": overlap_s})[1])
    noon(seconds=61)
    assert [api("GET", "/v1/usage", key=key["secret"])[0] for key in keys] == [401, 200, 200]
    last = api("POST", path, {"overlap_s": 0})[1]
    assert [api("GET", "/v1/usage", key=key["secret"])[0] for key in [*keys, last]] == [401, 401, 401, 200]
    assert len(stored(stage, last)["secrets"]) == 1


def test_rotations_do_not_pile_up_and_none_is_lost(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    minted = new(api)
    path = f"/admin/keys/{minted['id']}/rotate"
    answers = [api("POST", path) for _ in range(8)]
    assert [status for status, _ in answers] == [200] * 7 + [409]
    assert "overlap_s" in refused(answers[-1], "conflict")
    refused(api("POST", "/admin/keys/k0/rotate"), "not_found")

    found = MODULES["keys"].boto_keys.find
    monkeypatch.setattr(MODULES["keys"].boto_keys, "find", lambda *asked: found(*asked) | {"secrets": [{"hash": "seen before"}]})
    assert "first" in refused(api("POST", path, {"overlap_s": 0}), "request_in_progress")
    assert len(stored(stage, minted)["secrets"]) == 8


def test_a_rotation_says_who_did_it_and_nothing_of_the_secret(api: Api, stage: Any, caplog: Any) -> None:
    minted = new(api)
    rotated = api("POST", f"/admin/keys/{minted['id']}/rotate", {"overlap_s": 0})[1]
    line = json.loads(logged(caplog)[-1])
    assert (line["who"], line["changed"]) == ("ann", f"key {minted['id']} has a new secret, and the old one no more")
    told = json.dumps(stage.control.scan()["Items"], default=str) + "".join(logged(caplog))
    for secret in (minted["secret"], rotated["secret"]):
        assert secret not in told
    assert authenticate(rotated["secret"], MODULES["access"].ring()).key_id == minted["id"]


def test_a_key_ends_when_it_expires(api: Api, noon: Any) -> None:
    minted = new(api, expires_at="2026-11-21T13:00:00Z")
    noon(minutes=59, seconds=59)
    assert api("GET", "/v1/usage", key=minted["secret"])[0] == 200
    noon(minutes=60)
    assert "expired on 2026-11-21 13:00 UTC" in refused(api("GET", "/v1/usage", key=minted["secret"]), "invalid_key")
    assert [key["status"] for key in api("GET", "/admin/keys")[1]["keys"]] == ["expired"]
    assert api("PATCH", f"/admin/keys/{minted['id']}", {"status": "disabled"})[1]["status"] == "disabled"
    assert api("PATCH", f"/admin/keys/{minted['id']}", {"status": "active"})[1]["status"] == "expired"
    assert api("PATCH", f"/admin/keys/{minted['id']}", {"expires_at": None})[1]["status"] == "active"
    assert api("GET", "/v1/usage", key=minted["secret"])[0] == 200
