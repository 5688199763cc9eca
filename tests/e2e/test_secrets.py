"""Providers' keys while everything runs: several that take turns, new ones, a tenant's own; set and taken back by the operators' command.

Each test brings a provider of its own, whose secret no container has read yet. Which key was shown,
the simulated provider tells by what it refuses.
"""

import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from .published import AT_ONCE, followed
from .stack import ROOT
from .waiting import eventually

SIGNALBOX = Path(sys.executable).parent / "signalbox"
PRICES = "{{input: 1, output: 2, source: 'https://example.com', as_of: 2026-11-21}}"
MODEL = f"{{{{context_window: 128000, max_output_tokens: 16384, capabilities: [tools, streaming], prices: {PRICES}}}}}"


@pytest.fixture
def secrets(stack):
    """signalbox secrets …: what it printed."""

    def run(*words, stdin=""):
        command = [SIGNALBOX, "secrets", *words]
        done = subprocess.run(command, cwd=ROOT, env=stack.environment, input=stdin, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def providers(stack):
    """New ones, at the simulated OpenAI. `<name>/gpt-4o-mini` is the model of each, and route `<name>` has another provider's after it."""
    before = stack.admin("GET", "/admin/config").json()
    names = [f"p{uuid.uuid4().hex[:8]}" for _ in range(6)]
    rows = {
        "providers": f"  {{}}: {{{{kind: openai, base_url: {stack.sim_url}/openai/v1}}}}\n",
        "models": f"  {{}}/gpt-4o-mini: {MODEL}\n",
        "routes": "  {0}: {{targets: [{0}/gpt-4o-mini, mistral/mistral-small-latest]}}\n",
    }
    text = before["document"]
    for section, row in rows.items():
        assert text.count(f"\n{section}:\n") == 1
        text = text.replace(f"\n{section}:\n", f"\n{section}:\n" + "".join(row.format(name) for name in names))
    followed(stack, stack.admin("POST", "/admin/config/publish", {"document": text}).json()["version"])
    yield iter(names)
    stack.admin("POST", "/admin/config/rollback", {"version": before["version"]})


@pytest.fixture
def provider(providers):
    return next(providers)


@pytest.fixture
def told(stack):
    """told(answer): how each of its attempts ended, once it is recorded."""

    def told(headers, key):
        path = f"/v1/requests/{headers['x-signalbox-request-id']}"
        found = eventually(lambda: stack.get(path, key), lambda answer: answer.status_code == 200).json()
        return [attempt["outcome"] for attempt in found["attempts"]]

    return told


def ask(client, model, **more):
    answer = client.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": "say: hi"}], **more)
    assert "hi" in answer.http_response.read().decode()
    return answer.headers


def refusal(client, model):
    with pytest.raises(openai.APIStatusError) as error:
        ask(client, model)
    return error.value


@pytest.mark.parametrize(("fault", "outcome"), [("bad_keys", "key_refused"), ("limited_keys", "key_limited")])
def test_the_next_key_serves_and_the_target_is_not_blamed(stack, client, secrets, provider, faults, told, fault, outcome):
    assert secrets("set", provider, stdin="sk-one\nsk-two\n").startswith(f"{provider}: 2 keys stored")
    faults("openai", **{fault: ["sk-one"]})
    headers = ask(client, f"{provider}/gpt-4o-mini", stream=True)
    assert headers["x-signalbox-attempts"] == "2"
    assert told(headers, stack.key) == [outcome, "ok"]
    for _ in range(6):  # as many as would open the circuit, were it blamed; a second container finds out by itself
        assert ask(client, f"{provider}/gpt-4o-mini")["x-signalbox-attempts"] in ("1", "2")
    assert eventually(lambda: ask(client, f"{provider}/gpt-4o-mini")["x-signalbox-attempts"], "1".__eq__)
    circuits = stack.admin("GET", "/admin/circuits").json()["circuits"]
    assert [row["state"] for row in circuits if row["target"].startswith(provider)] in ([], ["closed"])


def test_where_every_key_is_refused_the_next_target_serves_or_the_client_is_told(stack, client, secrets, provider, faults, told):
    secrets("set", provider, stdin="sk-one\nsk-two\n")
    faults("openai", bad_keys=["sk-one", "sk-two"])
    headers = ask(client, provider)
    assert (headers["x-signalbox-target"], headers["x-signalbox-attempts"]) == ("mistral/mistral-small-latest", "3")
    assert told(headers, stack.key) == ["key_refused", "auth", "ok"]
    error = refusal(client, f"{provider}/gpt-4o-mini")
    assert (error.status_code, error.code) == (502, "upstream_failed")
    assert "ended in auth" in error.message


def test_a_key_that_is_changed_while_everything_runs_serves_the_next_request(stack, client, secrets, provider, faults, told):
    secrets("set", provider, stdin="sk-old")

    def outcomes():
        """Of as many at once as there are containers: whoever was free last is the first to be asked again."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            asked = list(pool.map(lambda _: ask(client, f"{provider}/gpt-4o-mini"), range(AT_ONCE)))
        return [told(headers, stack.key) for headers in asked]

    assert outcomes() == [["ok"]] * AT_ONCE
    secrets("set", provider, stdin="sk-new")
    faults("openai", bad_keys=["sk-old"])
    changed = outcomes()
    assert ["key_refused", "ok"] in changed
    assert [seen for seen in changed if seen not in (["key_refused", "ok"], ["ok"])] == []  # a new container knows the new one alone
    eventually(outcomes, lambda seen: seen == [["ok"]] * AT_ONCE)


def test_a_tenant_with_a_key_of_its_own_is_served_with_it_and_nobody_else_is(stack, secrets, provider, faults, new_key):
    mine, others = (stack.client(new_key(tenant=f"{name}-{provider}")["secret"]) for name in ("mine", "others"))
    tenant, model = f"mine-{provider}", f"{provider}/gpt-4o-mini"
    secrets("set", provider, stdin="sk-shared")
    assert f"{tenant} is served with these alone by {provider}" in secrets("set", provider, "--tenant", tenant, stdin="sk-own")
    assert f"{tenant}/{provider}: 1 key" in secrets("list")
    faults("openai", bad_keys=["sk-shared"])
    assert ask(mine, model)["x-signalbox-attempts"] == "1"
    assert refusal(others, model).status_code == 502
    faults("openai", bad_keys=["sk-own"])
    assert ask(others, model)["x-signalbox-attempts"] == "1"
    assert refusal(mine, model).status_code == 502
    assert ask(mine, "mistral/mistral-small-latest")  # of which it brings no key


def test_a_tenant_whose_own_key_is_missing_is_told_so_and_is_served_again_once_it_gives_it_up(
    stack, secrets, provider, new_key, upstream_ledger
):
    tenant, model = f"t-{provider}", f"{provider}/gpt-4o-mini"
    client = stack.client(new_key(tenant=tenant)["secret"])
    secrets("set", provider, stdin="sk-shared")
    stack.admin("PUT", f"/admin/tenants/{tenant}/own_keys", {"own_keys": [provider]})
    error = refusal(client, model)
    assert (error.status_code, error.code) == (502, "upstream_failed")
    assert error.body["message"] == f"There is no key for {provider}. Set one: signalbox secrets set {provider} --tenant {tenant}."
    assert upstream_ledger() == []
    secrets("unset", provider, "--tenant", tenant)

    def answered():
        try:
            return ask(client, model)["x-signalbox-attempts"]
        except openai.APIStatusError:
            return None

    assert eventually(answered) == "1"
