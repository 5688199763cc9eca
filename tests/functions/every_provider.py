"""Every provider that is simulated, in one document, and complete asked for each of them in each dialect."""

import copy
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import yaml

from ops.simulators.faults import to_fault
from ops.simulators.providers.google_identity import service_account
from ops.simulators.server import Simulators
from signalbox.completion.clock import Clock
from signalbox.config.overrides import PREFIX
from signalbox.providers.rows import ROWS
from signalbox.runtime.invocation import Context

from .world import KEY, PATIENCE_S, ROOT, World, opened

Json = Any

SIM_PRICES = {"input": "0.15", "cached": "0.075", "output": "0.60", "source": "https://example.com", "as_of": "2026-11-21"}
PATIENT = {"ttft_s": 20, "between_chunks_s": 20, "total_s": 60}
TEXT = ["tools", "json_schema", "streaming"]

# Beside those of routing.yaml: providers that need to be told something of one's own, and formats that one has beside its own.
PROVIDERS: Mapping[str, Json] = {
    "azure": {"options": {"resource": "r", "api_version": "2024-10-21"}},
    "azure_entra": {"kind": "azure", "auth": "entra", "options": {"resource": "r", "api_version": "2024-10-21"}},
    "vertex": {"options": {"project": "simulated", "location": "us-central1"}},
    "litellm": {"base_url": "http://127.0.0.1:4040/v1", "secret": "litellm", "auth": "bearer"},
    "bedrock_openai": {"base_url": "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", "auth": "sigv4", "secret": None},
    "ollama_openai": {"base_url": "http://127.0.0.1:11434/v1", "secret": None},
}
SIMULATED = {"azure_entra": "azure", "bedrock_openai": "bedrock", "ollama_openai": "ollama"}  # the others by their own name
# A model there by another's row of routing.yaml, or free ones at the price of what is simulated, so that a token too many shows.
SAME: Mapping[str, tuple[str, Json]] = {
    "azure/gpt-5-mini": ("openai/gpt-5-mini", {}),
    "azure_entra/gpt-4o-mini": ("openai/gpt-4o-mini", {}),
    "litellm/gpt-4o-mini": ("openai/gpt-4o-mini", {}),
    "vertex/gemini-2.5-flash": ("gemini/gemini-2.5-flash", {}),
    "vertex/claude-sonnet-4-5@20250929": ("anthropic/claude-sonnet-4-5-20250929", {"wire": "anthropic_vertex"}),
    "bedrock_openai/openai.gpt-oss-120b-1:0": ("together/openai/gpt-oss-120b", {}),
    "azure/text-embedding-3-small": ("openai/text-embedding-3-small", {}),
    "litellm/text-embedding-3-small": ("openai/text-embedding-3-small", {}),
    "openrouter/openai/text-embedding-3-small": ("openai/text-embedding-3-small", {}),
    **{f"{name}/sim-chat": ("openai/gpt-4o-mini", {"capabilities": TEXT, "prices": SIM_PRICES}) for name in ("vllm", "llama_cpp")},
    **{f"{name}/sim-chat": ("openai/gpt-4o-mini", {"capabilities": TEXT, "prices": SIM_PRICES}) for name in ("ollama", "ollama_openai")},
    "ollama_cloud/sim-chat": ("openai/gpt-4o-mini", {"capabilities": [*TEXT, "reasoning"], "prices": SIM_PRICES}),
    "llama_cpp_python/sim-chat": ("openai/gpt-4o-mini", {"capabilities": TEXT[1:], "prices": SIM_PRICES}),
}
EMBEDDERS: Mapping[str, str] = {
    "cohere/embed-v4.0": "0.12",
    "together/intfloat/multilingual-e5-large-instruct": "0.02",
    "fireworks/nomic-ai/nomic-embed-text-v1.5": "0.008",
    "vertex/text-embedding-005": "0.10",
    "bedrock/cohere.embed-v4:0": "0.12",
    **dict.fromkeys(("vllm/sim-embed", "llama_cpp/sim-embed", "llama_cpp_python/sim-embed", "ollama/sim-embed"), "0.15"),
}
# One chat model of each provider; two where its models are asked for in two formats, or count in two ways.
CHAT = (
    "openai/gpt-5-mini",
    "azure/gpt-5-mini",
    "azure_entra/gpt-4o-mini",
    "mistral/mistral-small-latest",
    "groq/openai/gpt-oss-120b",
    "deepseek/deepseek-v4-flash",
    "cohere/command-a-03-2025",
    "together/openai/gpt-oss-120b",
    "fireworks/accounts/fireworks/models/qwen3p7-plus",
    "openrouter/openai/gpt-5-mini",
    "xai/grok-4.3",
    "vllm/sim-chat",
    "llama_cpp/sim-chat",
    "llama_cpp_python/sim-chat",
    "litellm/gpt-4o-mini",
    "perplexity/sonar",
    "ollama/sim-chat",
    "ollama_openai/sim-chat",
    "ollama_cloud/sim-chat",
    "anthropic/claude-sonnet-4-5-20250929",
    "bedrock/anthropic.claude-sonnet-4-5-20250929",
    "bedrock/kimi.k2-thinking-v1:0",
    "bedrock_openai/openai.gpt-oss-120b-1:0",
    "gemini/gemini-3-pro",
    "vertex/gemini-2.5-flash",
    "vertex/claude-sonnet-4-5@20250929",
)


def document() -> dict[str, Json]:
    """routing.yaml with all of these in it. `whole/…` is a chat model that does not stream, `hasty/…` a route without patience."""
    made = yaml.safe_load((ROOT / "routing.yaml").read_text())
    made["providers"] |= copy.deepcopy(PROVIDERS)
    models = made["models"]
    for model in models.values():
        model.pop("chain", None)  # a target that is asked for by itself fails by itself
    models |= {id: copy.deepcopy(models[same]) | other for id, (same, other) in SAME.items()}
    for id, usd in EMBEDDERS.items():
        wire = {"wire": "bedrock_cohere"} if id == "bedrock/cohere.embed-v4:0" else {}
        price = {"input": usd, "source": "https://example.com", "as_of": "2026-11-21"}
        models[id] = wire | {"context_window": 8192, "capabilities": ["embeddings"], "prices": price}
    for id, model in models.items():
        if id in CHAT or "embeddings" in model["capabilities"]:
            model["timeouts"] = PATIENT
    for id in CHAT:
        streams_not = [name for name in models[id]["capabilities"] if name != "streaming"]
        models[whole(id)] = models[id] | {"id": id.partition("/")[2], "capabilities": streams_not}
        made["routes"] |= {
            route("silent", id): {"targets": [id], "timeouts": {"ttft_s": 0.15, "between_chunks_s": 20}},
            route("pausing", id): {"targets": [id], "timeouts": {"ttft_s": 20, "between_chunks_s": 0.04}},
            route("fallback", id): {"targets": [id, SECOND if not id.startswith("openai/") else THIRD], "timeouts": PATIENT},
        }
    return made


SECOND, THIRD = "openai/gpt-4.1-mini", "mistral/mistral-large-latest"


def whole(id: str) -> str:
    """The same model, asked for without a stream."""
    provider, _, name = id.partition("/")
    return f"{provider}/whole-{name}"


def route(kind: str, id: str) -> str:
    return f"{kind}-{id}".lower().replace("/", "_").replace(":", "_").replace("@", "_")


MODELS: Mapping[str, Json] = document()["models"]
EMBEDDING = tuple(id for id, row in MODELS.items() if "embeddings" in row["capabilities"] and id != "ollama/nomic-embed-text")


def kind_of(id: str) -> str:
    """The provider's row."""
    provider = id.partition("/")[0]
    return PROVIDERS.get(provider, {}).get("kind", provider)


def simulated(id: str) -> str:
    provider = id.partition("/")[0]
    return SIMULATED.get(provider, provider)


def on_leave(id: str) -> str:
    row = ROWS.get(kind_of(id))
    return row.on_leave if row else "drain"


def able(capability: str) -> list[str]:
    return [id for id in CHAT if capability in MODELS[id]["capabilities"]]


# What each dialect is asked: its path, the name of its limit, and where the prompt goes.
PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
}
LIMITS = {"chat": "max_completion_tokens", "completions": "max_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}
WRITING = tuple(LIMITS)


def body_of(dialect: str, model: str, prompt: str, stream: bool) -> dict[str, Json]:
    if dialect == "embeddings":
        return {"model": model, "input": prompt}
    asked = {"model": model, "stream": stream, LIMITS[dialect]: 4_000}
    match dialect:
        case "completions":
            return asked | {"prompt": prompt}
        case "responses":
            return asked | {"input": prompt}
    more = {"stream_options": {"include_usage": True}} if dialect == "chat" and stream else {}
    return asked | {"messages": [{"role": "user", "content": prompt}]} | more


class Told(NamedTuple):
    """What one request came to: the answer, what was written down of it, and what the provider served for it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    detail: Json
    calls: list[Json]

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Json]]:
        """(name, data) of each; data is a string where it is no JSON."""
        found = []
        for block in self.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            if "data" in fields:
                data = fields["data"]
                found.append((fields.get("event", ""), json.loads(data) if data.startswith("{") else data))
        return found

    @property
    def kinds(self) -> list[str]:
        return [attempt["outcome"] for attempt in self.detail["attempts"]]

    @property
    def billed(self) -> int:
        return sum(call["cost_nanousd"] for call in self.calls)

    @property
    def differences(self) -> Json:
        """Where what was charged is not what was billed: (ours, theirs). Theirs counts both writes apart."""
        names = {"input": ("input",), "cached": ("cached",), "cache_write": ("cache_write", "cache_write_1h")}
        names |= {"cache_write_1h": ("cache_write_1h",), "output": ("output",), "reasoning": ("reasoning",)}
        pairs = {
            ours: (self.detail["tokens"][ours], sum(call[f"{name}_tokens"] for call in self.calls for name in theirs))
            for ours, theirs in names.items()
        }
        pairs["cost_nanousd"] = (self.detail["cost_nanousd"], self.billed)
        wrong: Json = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        if self.detail["estimated"]:
            wrong["estimated"] = True
        return wrong


class Everywhere:
    """A world whose document has every provider. `slept` is what was waited, on a clock that jumps instead.

    What a request came to is kept here and not in the ledger, whose writing test_complete.py is about.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.details: list[Json] = []
        self.slept: list[float] = []
        completions = world.module.completions
        desk = completions.means.desk

        def settle(hold: Json, cost_nanousd: int, detail: Json) -> None:
            self.details.append(detail)
            desk.cancel(hold)

        desk.open, desk.settle, desk.record = lambda *_: None, settle, self.details.append

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        clock = Clock(lambda: time.time() + sum(self.slept), lambda: time.monotonic() + sum(self.slept), sleep)
        completions.means = completions.means._replace(clock=clock)

    def snapshot(self) -> Json:
        """The one that requests are routed by."""
        completions = self.world.module.completions
        return completions.means.live.snapshot(completions.means.desk.look().live)

    def fault(self, id: str, **told: Json) -> None:
        """Of this model's provider alone."""
        self.world.upstreams.faults.clear()
        self.world.upstreams.faults.tell(simulated(id), to_fault(told))

    def ask(
        self,
        model: str,
        prompt: str = "words=12",
        *,
        dialect: str = "chat",
        stream: bool = False,
        leave_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        calls: int | None = None,
        **more: Json,
    ) -> Told:
        """`leave_after`: the client has gone after so many pieces of the answer. `calls` it takes, where that is not one an attempt."""
        upstreams = self.world.upstreams
        upstreams.ledger.clear()
        self.details.clear()
        body = {name: value for name, value in (body_of(dialect, model, prompt, stream) | more).items() if value is not None}
        event = {
            "httpMethod": "POST",
            "path": PATHS[dialect],
            "headers": {"authorization": f"Bearer {KEY}", **(headers or {})},
            "body": json.dumps(body),
        }
        response = self.world.module.handler(event, Context("r", int((time.time() + 300) * 1000)))
        if isinstance(response.body, bytes):
            written = response.body
        elif leave_after is None:
            written = b"".join(response.body)
        else:
            pieces = iter(response.body)
            written = b"".join(piece for piece, _ in zip(pieces, range(leave_after), strict=False))
            response.body.close()
        if response.after:
            response.after()
        detail = self.details[-1] if self.details else {"attempts": []}  # a wrong request is refused before there is anything to tell
        return Told(response.status, response.headers, written, detail, self._served(len(detail["attempts"]) if calls is None else calls))

    def _served(self, count: int) -> list[Json]:
        """Without those for a token, which cost nothing. Who was left writes its line a moment later."""
        until = time.monotonic() + PATIENCE_S
        while True:
            calls = [call for call in self.world.upstreams.ledger.to_json()["calls"] if call["operation"] != "token"]
            if len(calls) >= count or time.monotonic() > until:
                return calls
            time.sleep(0.001)


@contextmanager
def everywhere(servers: tuple[str, Simulators]) -> Iterator[Everywhere]:
    url = servers[1].url
    made = document()
    keys = {}
    overrides = {}
    for name, provider in made["providers"].items():
        row = ROWS.get(provider.get("kind", name))
        base = provider.get("base_url") or (row.base_url if row else "")
        for option, value in provider.get("options", {}).items():
            base = base.replace(f"{{{option}}}", str(value))
        path = base.split("://", 1)[1].partition("/")[2]
        overrides[f"{PREFIX}PROVIDERS__{name.upper()}__BASE_URL"] = f"{url}/{SIMULATED.get(name, name)}" + (f"/{path}" if path else "")
        keys[name] = "sk-sim"
    keys["vertex"] = json.dumps(service_account(f"{url}/google_token/token"))
    keys["azure_entra"] = json.dumps(
        {"tenant_id": "t", "client_id": "c", "client_secret": "s", "authority": f"{url}/entra_token"}  # of nobody
    )
    with opened(servers, json.dumps(made, default=str), overrides, keys, stands=False) as world:
        yield Everywhere(world)


@pytest.fixture(scope="module")
def all_of_it(servers):
    with everywhere(servers) as world:
        yield world


@pytest.fixture
def providers(all_of_it):
    """Without faults, and with nothing waited for yet."""
    all_of_it.world.upstreams.faults.clear()
    all_of_it.slept.clear()
    yield all_of_it
    all_of_it.world.upstreams.faults.clear()
