"""A real upstream: `make test-llama` builds llama-cpp-python, and asks a model of ours that it serves, through the local stack."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

import anthropic
import openai
import pytest
import yaml

from tests.e2e.stack import ROOT, Stack
from tests.e2e.waiting import eventually

from .server import Server

PYTHON = os.environ.get("SIGNALBOX_LLAMA", "")
collect_ignore_glob = [] if PYTHON else ["test_*"]

STREAMED, WHOLE, EMBEDDING = "llama_cpp_python/tiny", "llama_cpp_python/tiny-whole", "llama_cpp_python/tiny-embed"
WINDOW = 4_096
PRICES = {"input": 1, "output": 2, "source": "https://example.com", "as_of": "2026-11-21"}
MODEL = {"id": "tiny", "context_window": WINDOW, "max_output_tokens": WINDOW, "prices": PRICES}
WRITES = ["tools", "json_schema"]


def document(**others):
    """routing.yaml with the tiny model in it; each of `others` is one more server's address."""
    written = yaml.safe_load((ROOT / "routing.yaml").read_text())
    written["models"] |= {STREAMED: MODEL | {"capabilities": [*WRITES, "streaming"]}, WHOLE: MODEL | {"capabilities": WRITES}}
    written["models"][EMBEDDING] = {"context_window": WINDOW, "capabilities": ["embeddings"], "prices": PRICES}
    for name, url in others.items():
        written["providers"][name] = {"kind": "llama_cpp_python", "base_url": f"{url}/v1"}
        written["models"][f"{name}/tiny"] = written["models"][STREAMED]
    return json.dumps(written, default=str)


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """Three: one that lets a request end before it takes the next, one as it comes, and one that will be killed."""
    home = tmp_path_factory.mktemp("llama")
    model = home / "tiny.gguf"
    subprocess.run([PYTHON, Path(__file__).with_name("tiny_gguf.py"), model], check=True)
    settings = {"patient": {"interrupt_requests": False}, "hasty": {}, "doomed": {}}
    with contextlib.ExitStack() as running:
        servers = {name: Server(PYTHON, model, home / f"{name}.json", **asked) for name, asked in settings.items()}
        for server in servers.values():
            running.callback(server.kill)
        yield servers


@pytest.fixture(scope="session")
def llama(servers):
    return servers["patient"]


@pytest.fixture(scope="session")
def stack(servers, tmp_path_factory):
    """The real server's address stands in the environment, as a user would have it; the other two are providers of their own."""
    stack = Stack(tmp_path_factory.mktemp("signalbox"), LLAMA_CPP_PYTHON_BASE_URL=f"{servers['patient'].url}/v1")
    try:
        stack.start()
        others = {name: servers[name].url for name in ("hasty", "doomed")}
        stack.admin("POST", "/admin/config/publish", {"document": document(**others), "message": "a real server"})
        eventually(lambda: stack.get("/v1/models", stack.key).json()["data"], lambda rows: STREAMED in {row["id"] for row in rows})
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def client(stack):
    with stack.client(stack.key) as client:
        yield client


@pytest.fixture(scope="session")
def claude(stack):
    with anthropic.Anthropic(base_url=stack.url, api_key=stack.key, max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def recorded(stack):
    """recorded(answer or error): what was written down of the request that it belongs to."""

    def look(answer):
        headers = answer.response.headers if isinstance(answer, openai.APIStatusError | openai.Stream) else answer.headers
        path = f"/v1/requests/{headers['x-signalbox-request-id']}"
        return eventually(lambda: stack.get(path, stack.key), lambda found: found.status_code == 200).json()

    return look
