"""The operators' commands against the local stack."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox.admission.keys import KeyRing
from signalbox.admission.operators import PERMISSIONS, USAGE, Operator, authenticate_admin

from .stack import ROOT

SIGNALBOX = Path(sys.executable).parent / "signalbox"


@pytest.fixture
def signalbox(stack):
    def run(*words, stdin=""):
        return subprocess.run(
            [SIGNALBOX, *words], cwd=ROOT, env=stack.environment, input=stdin, capture_output=True, text=True, timeout=600
        )

    return run


def test_an_admin_key_for_the_local_stack(stack, signalbox):
    drawn = signalbox("admin-key", "ann")
    assert drawn.returncode == 0, drawn.stderr
    secret = stack.aws("secretsmanager").get_secret_value(SecretId=stack.outputs["KeySecretArn"])["SecretString"]
    assert authenticate_admin(drawn.stdout.strip(), KeyRing.parse(secret)) == Operator("ann", frozenset(PERMISSIONS))
    assert "local" in json.loads(secret)["admin_keys"].values()
    assert "--replace" in signalbox("admin-key", "ann").stderr
    drawn = signalbox("admin-key", "ann", "--replace", "--permission", USAGE)
    assert drawn.stderr == "ann: usage:read; shown this once, and good within a minute\n"
    secret = stack.aws("secretsmanager").get_secret_value(SecretId=stack.outputs["KeySecretArn"])["SecretString"]
    assert authenticate_admin(drawn.stdout.strip(), KeyRing.parse(secret)) == Operator("ann", frozenset({USAGE}))


def test_a_document_is_published(stack, signalbox, tmp_path):
    before = stack.admin("GET", "/admin/config").json()
    other = tmp_path / "other.yaml"
    other.write_text(before["document"].replace("ttft_s: 5\n", "ttft_s: 6\n"))
    try:
        published = signalbox("config", "publish", str(other), "--message", "a trial")
        assert published.stdout.splitlines()[-1:] == [f"version {before['version'] + 1} is live: 1 timeout"], published.stderr
        live = stack.admin("GET", "/admin/config").json()
        assert (live["author"], live["message"], live["document"]) == ("local", "a trial", other.read_text())
        other.write_text(other.read_text().replace("version: 1\n", "version: 2\n"))
        assert "version: 2 is none of: 1" in signalbox("config", "publish", str(other)).stderr
    finally:
        stack.admin("POST", "/admin/config/rollback", {"version": before["version"]})


def test_a_folder_of_the_control_api_says_where_to_look(stack):
    answer = stack.get("/admin", stack.admin_key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "GET /openapi.json" in answer.json()["error"]["message"]
