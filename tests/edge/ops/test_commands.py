"""The operators' commands against a stage in an AWS account, and what each says where it cannot go on."""

import json
import os
import subprocess
import sys

import boto3
import httpx
import pytest

from ops import cli
from ops.local.settings import ROOT
from signalbox.admission.keys import KeyRing
from signalbox.admission.operators import OPERATIONS, PERMISSIONS, USAGE, Operator, authenticate_admin
from signalbox.errors import Refusal

NOBODY = 2**30  # beyond any process
ANN = Operator("ann", frozenset(PERMISSIONS))


@pytest.fixture
def stage(deployed, api):
    """signalbox-dev, with what the commands look for; the key secret's fields as they are now."""
    fields = {"mac_key": "m", "admin_keys": {}, "data_keys": {"d": {"key_id": "k", "tenant": "t", "team": "default"}}}
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="keys", SecretString=json.dumps(fields))["ARN"]
    deployed(KeySecretArn=arn, ApiUrl=api.url)
    return lambda: json.loads(client.get_secret_value(SecretId=arn)["SecretString"])


def who(fields, key):
    return authenticate_admin(key, KeyRing.parse(json.dumps(fields)))


def test_an_admin_key_is_drawn_once_and_kept_as_its_digest(stage, capsys):
    before = stage()
    assert cli.main(["admin-key", "ann", "--stage", "dev"]) == 0
    key = capsys.readouterr().out.strip()
    assert who(stage(), key) == ANN
    assert key not in json.dumps(stage())
    assert {name: value for name, value in stage().items() if name != "admin_keys"} == {"mac_key": "m", "data_keys": before["data_keys"]}

    assert cli.main(["admin-key", "ann", "--stage", "dev"]) == 1
    assert "signalbox: ann has an admin key: --replace" in capsys.readouterr().err
    assert who(stage(), key) == ANN

    cli.main(["admin-key", "ben", "--stage", "dev"])
    capsys.readouterr()
    assert cli.main(["admin-key", "ann", "--stage", "dev", "--replace"]) == 0
    assert who(stage(), capsys.readouterr().out.strip()) == ANN
    assert sorted(stage()["admin_keys"].values()) == ["ann", "ben"]
    with pytest.raises(Refusal):
        who(stage(), key)


def test_an_admin_key_is_drawn_into_a_secret_that_has_had_none(stage, capsys):
    boto3.client("secretsmanager").put_secret_value(SecretId="keys", SecretString='{"mac_key": "m"}')
    assert cli.main(["admin-key", "ann", "--stage", "dev"]) == 0
    assert who(stage(), capsys.readouterr().out.strip()) == ANN


@pytest.mark.parametrize("text", ["sk-ill", "[]", '{"admin_keys": {}}', '{"mac_key": "sk-ill", "admin_keys": ["sk-ill"]}'])
def test_a_key_secret_that_lets_nobody_in_is_told_of_and_stays(stage, capsys, text):
    client = boto3.client("secretsmanager")
    client.put_secret_value(SecretId="keys", SecretString=text)
    assert cli.main(["admin-key", "ann", "--stage", "dev"]) == 1
    told = capsys.readouterr()
    assert "is not as it should be, and lets nobody in" in told.err
    assert "sk-ill" not in told.err + told.out
    assert client.get_secret_value(SecretId="keys")["SecretString"] == text


def test_an_admin_key_has_the_permissions_that_it_was_drawn_with(stage, capsys):
    draw = ["admin-key", "ann", "--stage", "dev"]
    assert cli.main([*draw, "--permission", USAGE, "--permission", OPERATIONS, "--permission", USAGE]) == 0
    drawn = capsys.readouterr()
    assert who(stage(), drawn.out.strip()) == Operator("ann", frozenset({USAGE, OPERATIONS}))
    assert drawn.err == "ann: operations:manage, usage:read; shown this once, and good within a minute\n"
    assert cli.main([*draw, "--permission", USAGE]) == 1  # by its name it is found again
    assert cli.main([*draw, "--replace"]) == 0
    assert who(stage(), capsys.readouterr().out.strip()) == ANN
    assert list(stage()["admin_keys"].values()) == ["ann"]
    with pytest.raises(SystemExit):
        cli.main([*draw, "--permission", "everything"])
    said = capsys.readouterr().err
    assert all(name in said for name in PERMISSIONS)


def test_the_stages_own_api_is_called_and_its_refusals_are_said(stage, api, monkeypatch, tmp_path, capsys):
    (tmp_path / "routing.yaml").write_text("version: 1\n")
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", "ak-1")
    publish = ["config", "publish", str(tmp_path / "routing.yaml"), "--stage", "dev", "--message", "why"]
    warning = {"line": 3, "path": "models", "message": "a price is old"}
    api.answer = 200, json.dumps({"version": 7, "changed": True, "warnings": [warning]}).encode()
    assert cli.main(publish) == 0
    assert capsys.readouterr().out == f"{tmp_path}/routing.yaml:3: warning: models: a price is old\nversion 7 is live\n"
    [(method, path, headers, body)] = api.seen
    assert (method, path, headers["authorization"]) == ("POST", "/dev/admin/config/publish", "Bearer ak-1")
    assert json.loads(body) == {"document": "version: 1\n", "message": "why"}

    api.answer = 400, b'{"error": {"message": "The document cannot go live.\\nline 1: no", "code": "invalid_request"}}'
    assert cli.main(publish) == 1
    assert capsys.readouterr().err == "signalbox: The document cannot go live.\nline 1: no\n"

    api.answer = 502, b"<html>"
    assert cli.main(publish) == 1
    assert "/dev/admin/config/publish answered 502" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("admin-key ann --stage staging", "no stack signalbox-staging in this account and region: `make deploy ENV=staging`"),
        ("admin-key ann", "no local stack runs here"),
        ("admin-key a/b", "a name is up to 64"),
        ("config publish routing.yaml", "no local stack runs here"),
        ("config publish nothing.yaml", "nothing.yaml cannot be read"),
        ("config publish routing.yaml --stage dev", "no SIGNALBOX_ADMIN_KEY in the environment: `signalbox admin-key NAME --stage dev`"),
    ],
)
def test_what_is_missing_is_said_in_one_line(account, words, said, capsys):
    assert cli.main(words.split()) == 1
    error = capsys.readouterr().err
    assert error.startswith("signalbox: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_local_stack_that_was_killed_is_told_from_none(account, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SIGNALBOX_HOME", str(tmp_path))
    (tmp_path / "running.json").write_text(json.dumps({"pid": NOBODY, "url": "http://127.0.0.1:9", "aws": "http://127.0.0.1:9"}))
    for words in ("config history", "replay"):
        assert cli.main(words.split()) == 1
        assert capsys.readouterr().err.startswith("signalbox: the local stack that ran here was killed: start it again with `make run`")


def test_so_is_what_aws_refuses(account, monkeypatch, capsys):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    assert cli.main(["admin-key", "ann", "--stage", "dev"]) == 1
    assert "signalbox: AWS refused: You must specify a region" in capsys.readouterr().err


def test_an_answer_that_is_nobody_of_ours_is_told_as_such(stage, api, monkeypatch, capsys):
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", "ak-1")
    api.answer = 200, b"<html>hello</html>"
    assert cli.main(["flags", "list", "--stage", "dev"]) == 1
    assert "answered 200, and not as Signalbox does" in capsys.readouterr().err


@pytest.mark.parametrize(("variable", "sent"), [("", "ak-signalbox-local"), ("ak-bob", "ak-bob")])
def test_the_local_stack_too_is_asked_with_the_key_that_the_environment_holds(account, api, monkeypatch, tmp_path, capsys, variable, sent):
    """Or nobody could see what an operator's own key lets him do."""
    (tmp_path / "running.json").write_text(json.dumps({"pid": os.getpid(), "url": api.url, "aws": api.url}))
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", variable)
    api.answer = 401, b'{"error": {"message": "This needs an admin key.", "code": "invalid_key"}}'
    assert cli.main(["flags", "list"]) == 1
    assert [headers["authorization"] for _, _, headers, _ in api.seen] == [f"Bearer {sent}"]
    told = capsys.readouterr().err
    assert told.startswith("signalbox: This needs an admin key.")
    assert ("unset SIGNALBOX_ADMIN_KEY for the local stack's own" in told) == bool(variable)


@pytest.mark.parametrize("key", ["ak-ключ", "ak-1\nx: y"])
def test_a_key_that_is_none_is_sent_nowhere(stage, api, monkeypatch, capsys, key):
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", key)
    assert cli.main(["flags", "list", "--stage", "dev"]) == 1
    assert "SIGNALBOX_ADMIN_KEY holds what no key does" in capsys.readouterr().err
    assert api.seen == []


def test_whoever_reads_no_further_is_told_nothing_more():
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "ops.cli", "config", "check", "routing.yaml"]
    checked = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(writes)
    assert (checked.returncode, checked.stderr) == (cli.CUT_OFF, b"")


def test_who_interrupts_a_command_is_told_so_in_a_line(stage, operator, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx, "request", interrupted)
    assert cli.main(["keys", "list", "--stage", "dev"]) == 130
    assert capsys.readouterr().err == "signalbox: interrupted; what was asked for may have been done\n"


def test_a_file_that_is_not_there_is_named_once(capsys):
    assert cli.main(["config", "check", "nosuch.yaml"]) == 1
    assert capsys.readouterr().err == "signalbox: nosuch.yaml cannot be read: No such file or directory\n"
