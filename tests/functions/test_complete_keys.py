"""Whose key is shown to a provider, and which of several; the simulated providers tell by what they refuse."""

import json

from ops.simulators.faults import to_fault
from signalbox.aws import records, secret_cache, secrets
from signalbox.aws.client import AwsError


def keys(world, name: str, *keys: str) -> None:
    client, value = world.client("secretsmanager"), json.dumps({"keys": keys})
    try:
        client.create_secret(Name=f"providers/{name}", SecretString=value)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=f"providers/{name}", SecretString=value)


def owns(world, *providers: str) -> None:
    world.table("control").put_item(Item={"pk": "tenant#local", "sk": "scope", "own_keys": list(providers)})


def refuse(world, **told: list[str]) -> None:
    world.upstreams.faults.tell("openai", to_fault(told))


def outcomes(world) -> list[str]:
    return [attempt["outcome"] for usage in world.usage() for attempt in usage["attempts"]]


def test_who_brings_its_own_key_from_now_on_is_served_with_no_other(world, monkeypatch):
    """Also by a container that knew the tenant without, however long ago."""
    assert world.ask(model="openai/gpt-4.1-mini").status == 200
    keys(world, "local/openai", "sk-own")
    refuse(world, bad_keys=["sk-sim"])
    owns(world, "openai")
    monkeypatch.setattr(records, "FRESH_S", -1)  # five seconds later
    assert world.ask(model="openai/gpt-4.1-mini").status == 200
    refuse(world, bad_keys=["sk-own"])
    assert world.ask(model="openai/gpt-4.1-mini").status == 502
    world.client("secretsmanager").delete_secret(SecretId="providers/local/openai", ForceDeleteWithoutRecovery=True)


def test_whose_own_key_is_missing_is_told_so_and_served_with_no_other(world):
    owns(world, "openai")
    answer = world.ask(model="openai/gpt-4.1-mini")
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (502, "upstream_failed")
    assert error["message"] == "There is no key for openai. Set one: signalbox secrets set openai --tenant local."
    assert world.upstreams.ledger.to_json()["calls"] == []


def test_a_key_that_cannot_be_read_is_not_told_as_one_that_is_missing(world, monkeypatch):
    """Whoever is told to set one would write over a good one."""

    fetch = secrets.fetch

    def fails(aws, name):
        if name.startswith("providers/"):
            raise AwsError("TimedOut", "secretsmanager did not answer")
        return fetch(aws, name)

    with monkeypatch.context() as failing:
        failing.setattr(secrets, "fetch", fails)
        answer = world.ask(model="openai/gpt-4.1-mini")
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"], answer.headers["retry-after"]) == (502, "upstream_failed", "1")
    assert error["message"] == "The key for openai cannot be read right now, for a reason that is logged. Try again."
    monkeypatch.setattr(secret_cache, "TRY_AGAIN_S", -1)  # a second later
    assert world.ask(model="openai/gpt-4.1-mini").status == 200


def test_who_is_refused_for_a_bad_key_is_not_told_to_try_again_at_once(world):
    refuse(world, bad_keys=["sk-sim"])
    error = json.loads(world.ask(model="openai/gpt-4.1-mini").body)["error"]
    assert error["message"].endswith("The provider refused the key: another try helps once a good one is set.")


def test_the_next_key_serves_where_one_is_refused_or_used_up(world):
    keys(world, "openai", "sk-1", "sk-2", "sk-3")
    refuse(world, bad_keys=["sk-1"], limited_keys=["sk-2"])
    answer = world.ask(model="openai/gpt-4.1-mini")
    assert (answer.status, answer.headers["x-signalbox-attempts"]) == (200, "3")
    assert outcomes(world) == ["key_refused", "key_limited", "ok"]
    answer = world.ask(model="openai/gpt-4.1-mini")
    assert (answer.status, answer.headers["x-signalbox-attempts"]) == (200, "1")  # which served is remembered


def test_an_upstream_that_gives_the_key_for_a_name_is_not_repeated(world, capsys):
    """No shape of it tells it from a name: it is known by being the key."""
    keys(world, "openai", "my.plain-key")
    told = ({"status": 400, "echo": True}, {"status": 401, "echo": True}, {"error_in_stream": 400, "echo": True})
    for fault in told:
        world.upstreams.faults.tell("openai", to_fault(fault))
        answer = world.ask(model="openai/gpt-4.1-mini")
        assert answer.status >= 400
        assert b"my.plain-key" not in answer.body
    logged = "".join(capsys.readouterr())
    assert logged.count('"an attempt failed"') == len(told)
    assert "my.plain-key" not in logged
