"""`signalbox requests`: a sample as an operator reads it, and as it is thrown away."""

import json

import pytest

from ops import cli, control_api

SAMPLE = {
    "id": "req_1",
    "at_ms": 1_795_230_000_000,
    "expires_at": 1_795_834_800,
    "tenant": "acme",
    "team": "default",
    "key": "k1",
    "route": "chat",
    "target": "openai/gpt-4.1-mini",
    "outcome": "ok",
    "status": 200,
    "stream": False,
    "prompt": [{"role": "user", "text": "I am [name].\n\x1b[2J", "parts": ["[image]"]}, "an input"],
    "answer": [{"text": "Hello, [name].", "finish": "stop"}],
    "cut": True,
    "redacted": {"name": 2},
}


@pytest.fixture
def asked(monkeypatch):
    asked = []

    def call(stage, method, path, body=None):
        asked.append((stage, method, path))
        return SAMPLE

    monkeypatch.setattr(control_api, "call", call)
    return asked


def test_a_sample_is_read_as_it_was_said(asked, capsys):
    assert cli.main(["requests", "sample", "req_1", "--stage", "dev"]) == 0
    assert asked == [("dev", "GET", "/admin/requests/req_1/sample")]
    assert capsys.readouterr().out.splitlines() == [
        "req_1, 2026-11-21 03:00:00 UTC, of acme/default by k1",
        "chat to openai/gpt-4.1-mini: ok, 200; kept until 2026-11-28 03:00:00 UTC",
        "redacted: 2 name; cut: there was more",
        "",
        "user:",
        "  I am [name].",
        "  \\x1b[2J",
        '  {"parts": ["[image]"]}',
        "",
        "input:",
        "  an input",
        "",
        "answer:",
        "  Hello, [name].",
        '  {"finish": "stop"}',
    ]


def test_it_is_json_for_a_program(asked, capsys):
    assert cli.main(["requests", "sample", "req_1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SAMPLE


def test_it_is_forgotten_by_its_id_and_by_nothing_beside_it(asked, capsys):
    assert cli.main(["requests", "forget", "../keys/k1"]) == 0
    assert asked == [("local", "DELETE", "/admin/requests/..%2Fkeys%2Fk1/sample")]
    assert "is deleted" in capsys.readouterr().out
