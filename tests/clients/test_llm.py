"""The `llm` command line, told of Signalbox's models in a file of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .asks import CALL, CALLED, MOST, PROMPT, SAID
from .conftest import MODELS

LLM = Path(sys.executable).with_name("llm")


@pytest.fixture(scope="module")
def llm(tmp_path_factory, base, key):
    """llm("prompt", …) is what it printed. It reaches nothing else: its proxy is not there."""
    home = tmp_path_factory.mktemp("llm")
    rows = [
        {"model_id": f"{name}-{how}", "model_name": model, "api_base": base, "api_key_name": "signalbox", "responses": how == "responses"}
        | {"supports_schema": True, "supports_tools": True}
        for name, model in MODELS.items()
        for how in ("chat", "responses")
    ]
    (home / "extra-openai-models.yaml").write_text(yaml.safe_dump(rows))
    (home / "keys.json").write_text(json.dumps({"signalbox": key}))
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment = os.environ | proxies | {"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost", "LLM_USER_PATH": str(home)}

    def run(*words, status=0):
        done = subprocess.run([LLM, *words], env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == status, done.stdout + done.stderr
        return (done.stderr if status else done.stdout).strip()

    return run


@pytest.fixture(params=["chat", "responses"])
def name(request, model):
    (family,) = [family for family, id in MODELS.items() if id == model]
    return f"{family}-{request.param}"


def test_its_models_are_listed(llm):
    listed = llm("models", "list")
    assert all(f"{family}-{how}" in listed for family in MODELS for how in ("chat", "responses"))


@pytest.mark.parametrize("stream", [(), ("--no-stream",)], ids=["streamed", "whole"])
def test_a_prompt(llm, name, stream):
    most = () if name.endswith("responses") else ("-o", "max_tokens", str(MOST))
    assert llm("-m", name, *stream, *most, PROMPT) == SAID


def test_the_usage_is_logged(llm, model):
    (family,) = [family for family, id in MODELS.items() if id == model]
    llm("-m", f"{family}-chat", PROMPT)
    (logged,) = json.loads(llm("logs", "-n", "1", "--json"))
    assert logged["input_tokens"] > 0 < logged["output_tokens"]


def test_a_schema(llm, name):
    assert list(json.loads(llm("-m", name, "--schema", "city str", "where?"))) == ["city"]


def test_a_tool_that_it_runs_itself(llm, name):
    """It asks again with what the tool gave, and says so in its log."""
    assert llm("-m", name, "--functions", "def weather(city: str) -> str:\n    'The weather.'\n    return 'sunny'", CALL)
    logged = json.loads(llm("logs", "-n", "2", "--json"))
    assert [(call["name"], call["arguments"]) for row in logged for call in row["tool_calls"]] == [("weather", CALLED)]
    assert [result["output"] for row in logged for result in row["tool_results"]] == ["sunny"]


def test_an_unknown_model_and_a_forged_key_are_told(llm, root):
    assert "401" in llm("-m", "openai-chat", "--key", "sk-forged", PROMPT, status=1)
