"""What README.md shows of code works as it stands there."""

import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from signalbox.config.compiler import compile_text
from signalbox.money import Tokens
from signalbox.providers import registry
from signalbox.providers.contract import Wire
from signalbox.providers.rows import ROWS
from signalbox.reply import gather
from signalbox.request import Message, Request, Text
from signalbox.routing.catalog import to_snapshot

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def shown(language: str, word: str) -> str:
    (block,) = [block for block in re.findall(rf"```{language}\n(.*?)```", README, re.S) if word in block]
    return block


def document(extra: str = "") -> str:
    return f"version: 1\nproviders:\n  openai: {{}}\nmodels:\n  openai/gpt: {{context_window: 9, max_output_tokens: 9}}\n{extra}"


@pytest.fixture
def acme() -> Wire:
    loaded: dict[str, Any] = {}
    exec(shown("python", "signalbox.wires"), loaded)
    found = loaded["WIRE"]
    assert isinstance(found, Wire)
    return found


def test_the_wire_writes_and_reads(acme: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: acme)
    point = EntryPoint("acme", "acme:WIRE", registry.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    text = document().replace("openai: {}", "openai: {}\n  mine: {base_url: https://llm.example.com, wire: acme}")
    snapshot = to_snapshot(json.loads(compile_text(text + "  mine/big: {context_window: 9, max_output_tokens: 9}\n").json), 1, "")
    target = snapshot.targets["mine/big"]
    assert target.wire == "acme"
    request = Request("openai_chat", "x", (Message("user", (Text("hello"),)),))
    sent = acme.to_http(request, target, snapshot.providers["mine"], 5)
    assert (sent.url, json.loads(sent.body)) == ("https://llm.example.com/generate", {"model": "big", "prompt": "hello", "most": 5})
    answer = b'{"text": "hi", "in": 3, "out": 1}'
    assert gather(acme.to_chunks([answer[:9], answer[9:]])) == gather(acme.from_body(answer))
    (choice,), tokens = gather(acme.from_body(answer))
    assert (choice.text, choice.finish, tokens) == ("hi", "stop", Tokens(input=3, output=1))
    registry.wire.cache_clear()


def test_the_documents_parts_are_taken() -> None:
    providers, models = shown("yaml", "llm.example.com").removeprefix("providers:\n").split("models:\n")
    text = document().replace("  openai: {}\n", f"  openai: {{}}\n{providers}") + models + shown("yaml", "redact")
    compiled = json.loads(compile_text(text).json)
    assert {"mine/big", "openai/*"} <= set(compiled["targets"])
    assert compiled["guardrails"][0]["use"] == "redact"


def test_the_ports_of_ones_own_machine_are_as_the_rows_have_them() -> None:
    told = re.search(r"usual ports: Ollama (\d+), vLLM (\d+), llama.cpp (\d+), llama-cpp-python (\d+)", README)
    assert told
    for name, port in zip(("ollama", "vllm", "llama_cpp", "llama_cpp_python"), told.groups(), strict=True):
        assert f":{port}" in ROWS[name].base_url
    assert "twenty-one providers" in README
    assert len(ROWS) == 21
