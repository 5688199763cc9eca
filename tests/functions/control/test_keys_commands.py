"""`signalbox keys` and `signalbox tenants`, in front of the control API itself."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ops import grants, keys, tenants

from .client import MODULES, Api

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def run(command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(MODULES["stage"], "now", lambda: NOON)
    return command


def test_a_secret_is_alone_on_stdout_once_and_nowhere_else(run: Run, api: Api) -> None:
    assert run("keys", "list") == (0, "no key was minted: signalbox keys create NAME --tenant TENANT", "")
    code, secret, said = run("keys", "create", "robot", "--tenant", "acme", "--team", "red")
    id = api("GET", "/admin/keys")[1]["keys"][0]["id"]
    assert (code, said) == (0, f"key {id} of acme/red: shown this once, and good at once")
    assert api("GET", "/v1/usage", key=secret)[0] == 200
    code, new, said = run("keys", "rotate", id, "--overlap", "0", "--quiet")
    assert (code, said) == (0, "")
    assert [api("GET", "/v1/usage", key=key)[0] for key in (secret, new)] == [401, 200]
    rotated = json.loads(run("keys", "rotate", id, "--overlap", "2h", "--json")[1])
    assert rotated["old_secret_until"] == "2026-11-21T14:00:00+00:00"
    said = run("keys", "rotate", id)[2]
    assert said == f"key {id} has a new secret, shown this once; the old one stays good until 2026-11-22T12:00:00+00:00"
    for words in (("list",), ("list", "--json"), ("show", id), ("show", id, "--json")):
        assert "sk-sb-" not in run("keys", *words)[1]


def test_what_a_key_may_is_said_changed_and_shown(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "until", lambda text, now, option: "2026-12-21T12:00:00+00:00")
    limits = ("--limit", "requests_per_minute=60", "--limit", "concurrency=none")
    lists = ("--models", "openai/gpt-4.1-mini, mistral/*", "--routes", "smart", "--agents", "*", "--teams", "blue", "--tags", "core")
    budgets = ("--budget", "day=5", "--budget", "month=100:soft")
    run("keys", "create", "robot", "--tenant", "acme", *lists, *limits, *budgets, "--expires", "30d", "--fallbacks")
    id = api("GET", "/admin/keys")[1]["keys"][0]["id"]
    assert run("keys", "show", id)[1].splitlines() == [
        f"key {id}: robot",
        "  of          acme/default",
        "  status      active",
        "  made        2026-11-21T12:00:00+00:00 by ann",
        "  expires     2026-12-21T12:00:00+00:00",
        "  may name    openai/gpt-4.1-mini, mistral/*, smart",
        "  agents      *",
        "  teams       blue",
        "  tags        core",
        "  fallbacks   its own, too",
        "  limits      requests_per_minute 60, concurrency no limit",
        "  budgets     $5.00 a day, $100.00 a month (soft)",
    ]
    change = ("--models", "", "--routes", "", "--expires", "never", "--limit", "concurrency=default", "--limit", "tokens_per_minute=9000")
    said = run("keys", "update", id, *change, "--no-fallbacks", "--name", "other")[1].splitlines()
    assert [line for line in said if not line.startswith(("  of", "  made", "  status"))] == [
        f"key {id}: other",
        "  may name    anything",
        "  agents      *",
        "  teams       blue",
        "  tags        core",
        "  limits      requests_per_minute 60, tokens_per_minute 9,000",
        "  budgets     $5.00 a day, $100.00 a month (soft)",
    ]


def test_keys_are_listed_by_tenant_and_team_however_many_there_are(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, team in (("a", "red"), ("b", "blue"), ("c", "red")):
        run("keys", "create", name, "--tenant", "acme", "--team", team, "--models", "one/*,two/*,three/a-model-with-a-long-name")
    run("keys", "create", "d", "--tenant", "rival")
    monkeypatch.setattr(keys, "PAGE", 2)
    rows = json.loads(run("keys", "list", "--json")[1])
    assert {row["name"] for row in rows} == {"a", "b", "c", "d"}
    lines = run("keys", "list", "--tenant", "acme", "--team", "blue")[1].splitlines()
    assert lines[0].split("  ")[0] == "id"
    assert lines[1].split(maxsplit=1)[1] == "b     acme/blue  active  never    one/*, two/*, three/a-model-with-a-long…"
    assert run("keys", "list", "--tenant", "other")[1] == "no key was minted for other"


def test_a_key_is_disabled_enabled_and_deleted(run: Run, api: Api) -> None:
    secret = run("keys", "create", "robot", "--tenant", "acme")[1]
    id = api("GET", "/admin/keys")[1]["keys"][0]["id"]
    for action, status in (("disable", 401), ("enable", 200), ("delete", 401)):
        assert run("keys", action, id)[0] == 0
        assert api("GET", "/v1/usage", key=secret)[0] == status
    for command in (("show", id), ("update", id, "--name", "x"), ("delete", id)):
        said = run("keys", *command)[2]
        assert f"Key {id} is not here: by its id it was minted on " in said
        assert f"GET /admin/audit?path=/admin/keys/{id}" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("keys create a --tenant t --limit requests=1", "--limit requests=1: write one of requests_per_minute"),
        ("keys create a --tenant t --limit concurrency=-1", "--limit concurrency=-1: write one of"),
        ("keys create a --tenant t --budget 5", "--budget 5: write a period"),
        ("keys create a --tenant t --budget year=5", "budgets.0.period: "),
        ("keys create a --tenant t --expires soon", "--expires soon: no moment"),
        ("keys create a --tenant t --expires 2020-01-01T00:00Z", "is over. To end a key now, disable or delete it"),
        ("keys create a --tenant t/u", "tenant: "),
        ("keys update k1", "say what is to change"),
        ("keys update ../x --name a", "No key ..%2Fx was minted here"),
        ("keys rotate k1 --overlap soon", "--overlap soon: no time"),
        ("keys rotate k1 --overlap 1000d", "overlap_s"),
        ("keys list --team red", "name its tenant"),
        ("tenants update acme", "say what is to change: --name or --limit"),
        ("tenants show acme", "No tenant acme was made here"),
        ("tenants create acme/red", "No tenant acme was made here"),
        ("tenants show acme/", "'' is no name"),
        ("tenants show a/b/c", "team: it must be up to 64 letters, digits"),
    ],
)
def test_what_means_nothing_is_said_by_its_name(run: Run, words: str, said: str) -> None:
    code, out, err = run(*words.split())
    assert (code, out) == (1, "")
    assert said in err


def test_tenants_and_teams_are_made_listed_changed_shut_out_and_deleted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("tenants", "list")[1] == "no tenant was made; keys may name any all the same"
    assert run("tenants", "create", "ajax", "--name", "Ajax Inc.", "--limit", "requests_per_minute=600")[1].splitlines() == [
        "tenant ajax is active: Ajax Inc.",
        "  made     2026-11-21T12:00:00+00:00 by ann",
        "  limits   requests_per_minute 600",
    ]
    run("tenants", "create", "rival")
    run("tenants", "create", "ajax/red")
    assert run("tenants", "create", "ajax/blue", "--limit", "concurrency=3")[1].splitlines()[0] == "team ajax/blue is active: blue"
    monkeypatch.setattr(tenants, "PAGE", 1)
    assert run("tenants", "list")[1].splitlines() == [
        "tenant  name       is      limits                                        made",
        "ajax    Ajax Inc.  active  requests_per_minute 600  2026-11-21T12:00:00+00:00",
        "rival   rival      active                           2026-11-21T12:00:00+00:00",
    ]
    assert [line.split()[0] for line in run("tenants", "list", "ajax")[1].splitlines()] == ["team", "ajax/blue", "ajax/red"]
    assert [row["id"] for row in json.loads(run("tenants", "list", "ajax", "--json")[1])] == ["blue", "red"]
    assert run("tenants", "disable", "ajax/red")[1].startswith("team ajax/red is disabled")
    assert run("tenants", "enable", "ajax/red")[1].startswith("team ajax/red is active")
    update = ("--name", "Ajax", "--limit", "tokens_per_minute=none", "--limit", "requests_per_minute=default")
    assert run("tenants", "update", "ajax", *update)[1].splitlines()[2] == "  limits   tokens_per_minute no limit"
    assert "has teams" in run("tenants", "delete", "ajax")[2]
    for id in ("ajax/red", "ajax/blue", "ajax"):
        assert run("tenants", "delete", id)[1] == f"{'team' if '/' in id else 'tenant'} {id} is deleted"
    assert json.loads(run("tenants", "delete", "rival", "--json")[1]) == {"id": "rival", "deleted": True}


def test_a_static_key_is_limited_by_its_id(run: Run, api: Api) -> None:
    """Nobody has changed it yet, so that there is no record of it."""
    code, _, trouble = run("keys", "update", "static", "--limit", "concurrency=4")
    assert (code, trouble) == (0, "")
    assert api("GET", "/admin/keys/static")[1]["limits"] == {"concurrency": 4}
    run("keys", "update", "static", "--limit", "tokens_per_minute=9")
    assert api("GET", "/admin/keys/static")[1]["limits"] == {"concurrency": 4, "tokens_per_minute": 9}
