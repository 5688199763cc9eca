"""Keys on the running stack: minted, restricted, renewed while the old secret is good, ended; each within five seconds."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openai
import pytest

from .stack import ROOT
from .waiting import eventually

WITHIN_S = 120  # five seconds, and what calls take on a busy machine; test_complete_governed.py holds the five
MINI, OTHER = "openai/gpt-4.1-mini", "openai/gpt-4o-mini"


@pytest.fixture
def signalbox(stack):
    """The operators' command: what it prints."""

    def run(*words, status=0):
        command = [Path(sys.executable).parent / "signalbox", *words]
        ran = subprocess.run(command, cwd=ROOT, env=stack.environment, capture_output=True, text=True)
        assert ran.returncode == status, ran.stderr
        return ran.stdout.strip() if status == 0 else ran.stderr

    return run


@pytest.fixture
def ask(stack):
    """The status, and the code where it is an error."""
    clients = {}

    def ask(secret, model="chat", **headers):
        client = clients.setdefault(secret, stack.client(secret))
        try:
            client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "say: hello"}],
                extra_headers={k.replace("_", "-"): v for k, v in headers.items()},
            )
        except openai.APIStatusError as error:
            return error.status_code, error.code
        return 200, None

    return ask


def test_a_key_is_restricted_renewed_and_ended_while_everything_runs(stack, signalbox, ask):
    secret = signalbox("keys", "create", "robot", "--tenant", "keys-e2e", "--models", MINI, "--quiet")
    [row] = stack.admin("GET", "/admin/keys?tenant=keys-e2e").json()["keys"]
    assert (ask(secret, MINI), ask(secret), ask(secret, OTHER)) == ((200, None), (403, "permission_denied"), (403, "permission_denied"))
    assert {model.id for model in stack.client(secret).models.list()} == {MINI, "gpt-4.1-mini"}  # by its alias, too

    before_s = time.monotonic()
    new = signalbox("keys", "rotate", row["id"], "--overlap", "10s", "--quiet")
    assert ask(new, MINI) == (200, None)  # at once
    assert ask(secret, MINI) == (200, None) or time.monotonic() - before_s >= 10
    eventually(lambda: ask(secret, MINI), lambda told: told == (401, "invalid_key"), 10 + WITHIN_S)
    assert ask(new, MINI) == (200, None)

    signalbox("keys", "update", row["id"], "--models", "", "--tags", "core")  # which each container sees by itself
    eventually(lambda: ask(new), lambda told: told == (200, None), WITHIN_S)
    signalbox("keys", "disable", row["id"])
    eventually(lambda: ask(new), lambda told: told == (401, "invalid_key"), WITHIN_S)
    signalbox("keys", "enable", row["id"])
    eventually(lambda: ask(new), lambda told: told == (200, None), WITHIN_S)
    signalbox("keys", "delete", row["id"])
    eventually(lambda: ask(new), lambda told: told == (401, "invalid_key"), WITHIN_S)
    assert eventually(lambda: stack.get("/v1/usage", new).status_code == 401)


def test_a_key_ends_when_it_says(new_key, ask):
    ends = datetime.now(UTC) + timedelta(seconds=15)
    key = new_key(expires_at=ends.isoformat())
    before = ask(key["secret"])
    assert before == (200, None) or datetime.now(UTC) >= ends
    eventually(lambda: ask(key["secret"]), lambda told: told == (401, "invalid_key"), 15 + WITHIN_S)


def test_a_tenant_and_a_team_are_shut_out_and_let_in(stack, signalbox, new_key, ask):
    signalbox("tenants", "create", "shut-e2e")
    signalbox("tenants", "create", "shut-e2e/red")
    keys = {team: new_key(tenant="shut-e2e", team=team)["secret"] for team in ("red", "blue")}
    assert {team: ask(secret)[0] for team, secret in keys.items()} == {"red": 200, "blue": 200}
    signalbox("tenants", "disable", "shut-e2e/red")
    eventually(lambda: ask(keys["red"]), lambda told: told == (403, "permission_denied"), WITHIN_S)
    assert ask(keys["blue"])[0] == 200
    signalbox("tenants", "disable", "shut-e2e")
    eventually(lambda: ask(keys["blue"]), lambda told: told == (403, "permission_denied"), WITHIN_S)
    assert eventually(lambda: stack.get("/v1/usage", keys["blue"]).status_code == 403)
    assert "Delete them first" in signalbox("tenants", "delete", "shut-e2e/red", status=1)
    signalbox("tenants", "enable", "shut-e2e")
    eventually(lambda: ask(keys["blue"]), lambda told: told == (200, None), WITHIN_S)


def test_who_is_named_counts_where_the_key_permits_it(stack, new_key, ask):
    key = new_key(tenant="named-e2e", agents=["robot"], teams=["blue"], tags=["core"])
    for agent, team in (("robot", "blue"), ("other", "green")):
        assert ask(key["secret"], x_signalbox_agent=agent, x_signalbox_team=team) == (200, None)

    def requests(**asked):
        return stack.used(**asked)["requests"]

    eventually(lambda: requests(key=key["id"]), lambda count: count == 2)
    counts = [requests(team=f"named-e2e/{team}") for team in ("blue", "default", "green")]
    assert (counts, requests(agent="named-e2e/robot"), requests(agent="named-e2e/other")) == ([1, 1, 0], 1, 0)
