"""`signalbox config import`: what becomes of LiteLLM's configurations and of model mappings, and that nothing is passed over in silence."""

import copy
import json
from datetime import date
from functools import cache
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ops import cli
from ops.config.importing import Imported, to_document
from ops.price_table import Table
from ops.trouble import Trouble
from signalbox.config.compiler import compile_text
from signalbox.config.document import parse

TODAY = date(2026, 11, 21)
SECRET = "sk-proj-abcdefgh12345678"


def imported(text: str | dict, table: Table | None = None) -> Imported:
    text = text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False)
    made = to_document(text, "config.yaml", None, table, TODAY)
    compile_text(made.text)
    return made


def entry(name: str, model: str, **more) -> dict:
    info = more.pop("model_info", None)
    return {"model_name": name, "litellm_params": {"model": model, **more}} | ({"model_info": info} if info else {})


def listed(made: Imported) -> list[str]:
    return [f"{row.kind}: {row.path}: {row.said}" for row in made.findings]


def document(made: Imported):
    return parse(made.text)[0]


def test_several_entries_of_a_name_are_a_route_of_several_targets():
    made = imported(
        """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://my-endpoint-eu.openai.azure.com/
      api_key: os.environ/AZURE_API_KEY_EU
      api_version: "2024-10-21"
      rpm: 6
    model_info: {base_model: azure/gpt-4o-mini}
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY, rpm: 60, tpm: 100000, max_parallel_requests: 8}
"""
    )
    found = document(made)
    route = found.routes["gpt-4o"]
    assert (route.targets, route.strategy) == (("azure/gpt-4o-eu", "openai/gpt-4o-mini"), "weighted")
    assert dict(route.weights) == {"azure/gpt-4o-eu": 6, "openai/gpt-4o-mini": 60}
    assert dict(found.providers["azure"].options) == {"api_version": "2024-10-21", "resource": "my-endpoint-eu"}
    assert found.models["openai/gpt-4o-mini"].capacity.model_dump() == {
        "requests_per_minute": 60,
        "tokens_per_minute": 100_000,
        "concurrency": 8,
    }
    assert str(found.models["azure/gpt-4o-eu"].prices.input) == "0.15"
    todo = [line for line in listed(made) if line.startswith("to do")]
    assert [line.partition("store its key: ")[2] for line in todo] == [
        'echo "$AZURE_API_KEY_EU" | signalbox secrets set azure',
        'echo "$OPENAI_API_KEY" | signalbox secrets set openai',
    ]
    assert {line for line in listed(made) if not line.startswith("to do")} == {line for line in listed(made) if "how long to wait" in line}


def test_a_key_in_the_file_is_neither_written_nor_shown():
    made = imported({"model_list": [entry("a", "openai/gpt-5-mini", api_key=SECRET)], "environment_variables": {"X_API_KEY": SECRET}})
    assert SECRET not in made.text
    assert SECRET not in "".join(listed(made))
    assert any("a key stands in the file" in line for line in listed(made))
    for config in (
        {"model_list": [entry("a", f"openai/{SECRET}")]},
        {"model_list": [entry("a", "openai/x", api_base=f"https://h/{SECRET}")]},
    ):
        with pytest.raises(Trouble) as refused:
            imported(config)
        assert SECRET not in str(refused.value)


def test_two_keys_of_a_provider_are_two_providers():
    made = imported({"model_list": [entry("a", "openai/gpt-5-mini", api_key=f"os.environ/KEY_{name}") for name in "AB"]})
    assert document(made).routes["a"].targets == ("openai/gpt-5-mini", "openai-2/gpt-5-mini")
    assert document(made).providers["openai-2"].kind == "openai"
    same = imported({"model_list": [entry("a", "openai/gpt-5-mini"), entry("b", "openai/gpt-5-mini"), entry("a", "openai/gpt-5-mini")]})
    assert list(document(same).models) == ["openai/gpt-5-mini"]
    assert any("one target" in line for line in listed(same))


def test_fallbacks_come_behind_and_may_go_round():
    made = imported(
        {
            "model_list": [entry("a", "openai/gpt-5-mini"), entry("b", "anthropic/claude-haiku-4-5-20251001"), entry("c", "xai/grok-4.3")],
            "router_settings": {"fallbacks": [{"a": ["b"]}, {"b": ["a", "c"]}], "default_fallbacks": ["a"], "num_retries": 1},
        }
    )
    routes = document(made).routes
    assert routes["a"].targets == ("openai/gpt-5-mini", "anthropic/claude-haiku-4-5-20251001")
    assert routes["b"].targets == ("anthropic/claude-haiku-4-5-20251001", "openai/gpt-5-mini", "xai/grok-4.3")
    assert routes["c"].targets == ("xai/grok-4.3", "openai/gpt-5-mini")
    assert (routes["a"].max_attempts, routes["b"].max_attempts) == (3, 4)
    assert routes["a"].retries["server"] == 1


def test_those_of_one_kind_of_failure_are_a_chain_and_a_circle_is_cut_and_told():
    two = [
        entry("a", "openai/gpt-4o-mini"),
        entry("a", "openai/gpt-5-mini"),
        entry("b", "gemini/gemini-2.5-flash"),
        entry("b", "xai/grok-4.3"),
    ]
    made = imported(
        {
            "model_list": two,
            "litellm_settings": {
                "fallbacks": [{"a": ["b"]}, {"b": ["a"]}],
                "context_window_fallbacks": [{"a": ["b"]}],
                "content_policy_fallbacks": [{"a": ["b", "gone"]}],
            },
        }
    )
    found = document(made)
    assert found.models["openai/gpt-4o-mini"].chain == "a"
    assert found.chains["a"].context_too_long == found.chains["a"].generic == ("gemini/gemini-2.5-flash", "xai/grok-4.3")
    assert found.routes["a"].max_attempts > 3
    assert any("a behind b: it goes round in a circle" in line for line in listed(made))
    assert any("gone: there is no model of this name" in line for line in listed(made))


def test_a_fallback_for_long_requests_needs_a_larger_window():
    made = imported(
        {
            "model_list": [entry("a", "openai/gpt-5-mini"), entry("b", "openai/gpt-4o-mini")],
            "router_settings": {"context_window_fallbacks": [{"a": ["b"]}]},
        }
    )
    assert "no larger than the 400000 tokens of a" in "".join(listed(made))
    assert document(made).chains == {}


def test_waits_are_carried_and_bounded():
    made = imported(
        {"model_list": [entry("a", "openai/gpt-5-mini", timeout=30, stream_timeout="7.5"), entry("b", "openai/gpt-4o-mini", timeout=6000)]}
    )
    found = document(made)
    a = found.models["openai/gpt-5-mini"].timeouts
    assert (a.ttft_s, a.between_chunks_s, a.total_s) == (7.5, 30, 30)
    assert found.routes["a"].timeouts.total_s == 90
    assert found.models["openai/gpt-4o-mini"].timeouts.total_s == 880
    assert any("longer than a function may run: 880 s" in line for line in listed(made))
    whole = document(imported({"model_list": [entry("a", "openai/gpt-5-mini")], "router_settings": {"timeout": 4, "stream_timeout": 2}}))
    assert (whole.timeouts.ttft_s, whole.timeouts.between_chunks_s, whole.timeouts.total_s, whole.timeouts.embedding.ttft_s) == (2, 4, 4, 2)
    assert whole.models["openai/gpt-5-mini"].timeouts.total_s is None


def test_strategies_circuits_and_retries():
    two = [
        entry("a", "openai/gpt-4o-mini", order=2),
        entry("b", "openai/gpt-4o-mini"),
        entry("b", "openai/gpt-5-mini"),
        entry("a", "xai/grok-4.3", order=1),
    ]
    made = imported(
        {
            "model_list": two,
            "router_settings": {
                "routing_strategy": "latency-based-routing",
                "allowed_fails": 3,
                "cooldown_time": 700,
                "retry_policy": {"TimeoutErrorRetries": 2, "AuthenticationErrorRetries": 1, "RateLimitErrorRetries": 9},
            },
        }
    )
    found = document(made)
    assert found.routes["b"].strategy == "fastest_first"
    assert (found.routes["a"].strategy, found.routes["a"].targets) == ("sequential", ("xai/grok-4.3", "openai/gpt-4o-mini"))
    assert (found.circuits.consecutive_failures, found.circuits.open_s, found.circuits.open_max_s) == (4, 700, 700)
    assert dict(found.routes["b"].retries) == {"timeout": 2}
    assert (
        "left out: router_settings.retry_policy.RateLimitErrorRetries: a whole number from 0 to 5 fits here, and not what it says"
        in listed(made)
    )


def test_names_that_clients_use_lead_somewhere():
    made = imported(
        {
            "model_list": [
                entry("GPT 5", "openai/gpt-5-mini"),
                entry("Claude/Big", "anthropic/claude-opus-4-5-20251101"),
                entry("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
            ],
            "router_settings": {"model_group_alias": {"gpt": "GPT 5", "opus": {"model": "Claude/Big", "hidden": True}, "lost": "nothing"}},
        }
    )
    found = document(made)
    assert dict(found.aliases) == {"Claude/Big": "claude-big", "gpt": "gpt-5", "opus": "claude-big"}
    assert "openai/gpt-4o-mini" in found.models
    assert any("GPT 5 is no name that can be asked for here: ask for gpt-5" in line for line in listed(made))
    assert any("nothing: there is no model of this name" in line for line in listed(made))
    assert any(".opus.hidden" in line for line in listed(made))


def test_a_star_stands_for_a_providers_models():
    made = imported(
        {
            "model_list": [
                entry("openai/*", "openai/*"),
                entry("together_ai/*", "together_ai/*", api_key="os.environ/TOGETHER"),
                entry("*", "*"),
                entry("all", "anthropic/*"),
            ]
        }
    )
    found = document(made)
    assert sorted(found.models) == ["anthropic/*", "openai/*", "together_ai/*"]
    assert found.providers["together_ai"].kind == "together"
    assert any("name each provider by itself" in line for line in listed(made))
    assert any("all" not in line and "is asked for as anthropic/* here" in line for line in listed(made))


def test_whatever_speaks_as_openai_does_is_known_by_its_address():
    rows = [
        entry("a", "openai/my-model", api_base="https://llm.example.com/v1/", api_key="none"),
        entry("b", "hosted_vllm/qwen", api_base="http://gpu-1:8000/v1"),
        entry("c", "ollama_chat/llama3.1", api_base="http://localhost:11434"),
        entry("d", "cerebras/llama", api_key="os.environ/C"),
        entry("e", "lm_studio/x"),
        entry("f", "nobody/knows"),
        entry("g", "dall-e-3", custom_llm_provider="openai", model_info={"mode": "image_generation"}),
        entry("h", "openai/x", api_base="os.environ/NOWHERE_SET_BASE"),
        entry("i", "bedrock/us-west-2/anthropic.claude-sonnet-4-5-20250929-v1:0", aws_access_key_id="os.environ/A"),
        entry("j", "azure/dep", api_key="os.environ/Z"),
        entry("k", "vertex_ai/claude-opus-4-5", vertex_project="os.environ/NOWHERE_SET_PROJECT"),
        entry("l", "vertex_ai/gemini-2.5-flash", vertex_project="os.environ/NOWHERE_SET_PROJECT"),
    ]
    made = imported({"model_list": rows})
    found = document(made)
    assert found.providers["llm.example.com"].base_url == "https://llm.example.com/v1"
    assert found.providers["llm.example.com"].secret is None
    assert (found.providers["vllm"].base_url, found.providers["ollama"].base_url) == ("https://gpu-1:8000/v1", "http://localhost:11434")
    assert found.models["ollama/llama3.1"].prices.input == 0
    assert found.providers["cerebras"].base_url == "https://api.cerebras.ai/v1"
    assert found.providers["your-address.invalid"].base_url == "https://your-address.invalid"
    assert dict(found.providers["bedrock"].options) == {"region": "us-west-2"}
    assert found.models["bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"].context_window == 200_000
    assert [name for name in "efgk" if name in found.routes] == []
    assert dict(found.providers["vertex"].options)["project"] == "your-project"
    assert any(line.endswith("write the project that NOWHERE_SET_PROJECT stands for: it is not set here") for line in listed(made))
    for said in ("needs an api_base here", "of a provider that is not known here", "is not served here", "no key of AWS is taken"):
        assert any(said in line for line in listed(made)), said


def test_what_nobody_knows_is_a_guess_that_says_so():
    made = imported({"model_list": [entry("a", "openai/new", input_cost_per_token="1e-06", output_cost_per_token=0.000004)]})
    model = document(made).models["openai/new"]
    assert (model.context_window, model.max_output_tokens, set(model.capabilities)) == (8192, 4096, {"streaming"})
    assert (str(model.prices.input), str(model.prices.output), model.prices.source) == ("1", "4", "config.yaml")
    assert "# GUESSED, as nobody here knows this model: context_window, max_output_tokens, capabilities." in made.text
    own = {"max_input_tokens": 100, "max_output_tokens": 20, "supports_function_calling": True, "supports_vision": False}
    made = imported({"model_list": [entry("a", "openai/new", model_info=own)]})
    model = document(made).models["openai/new"]
    assert (model.context_window, model.max_output_tokens, set(model.capabilities)) == (100, 20, {"streaming", "tools"})
    assert "GUESSED" not in made.text
    assert model.prices is None
    assert any("its prices are not known" in line for line in listed(made))


def test_a_table_of_prices_knows_more():
    row = {"litellm_provider": "openai", "max_input_tokens": 64_000, "max_output_tokens": 9, "supports_function_calling": True}
    table = Table({"new": row | {"input_cost_per_token": 1, "output_cost_per_token": 2}} | {"priced": row})
    with pytest.raises(Trouble, match="is no price a token"):
        imported({"model_list": [entry("a", "openai/new")]}, table)
    made = imported({"model_list": [entry("a", "openai/priced")]}, table)
    model = document(made).models["openai/priced"]
    assert (model.context_window, model.max_output_tokens, set(model.capabilities)) == (64_000, 9, {"tools", "streaming"})


def test_embeddings_are_told_from_answers():
    made = imported(
        {
            "model_list": [
                entry("e", "openai/text-embedding-3-small"),
                entry("e", "openai/gpt-5-mini"),
                entry("own", "hosted_vllm/bge", api_base="https://h/v1", model_info={"mode": "embedding", "input_cost_per_token": 0}),
            ],
            "router_settings": {"default_fallbacks": ["own", "e"]},
        }
    )
    found = document(made)
    assert found.routes["e"].targets == ("openai/text-embedding-3-small", "vllm/bge")
    assert found.models["vllm/bge"].max_output_tokens is None
    assert any("a route answers with embeddings or with texts" in line for line in listed(made))


def test_anchors_merges_json_and_tabs_are_read():
    made = imported(
        """
x: &defaults {api_key: os.environ/K, timeout: 20}
model_list:
  - model_name: a
    litellm_params: {<<: *defaults, model: openai/gpt-5-mini, timeout: 30}
"""
    )
    assert document(made).models["openai/gpt-5-mini"].timeouts.total_s == 30
    assert any(line.startswith("left out: x: is not known here") for line in listed(made))
    made = imported(json.dumps({"model_list": [entry("a", "openai/gpt-5-mini")]}, indent="\t"))
    assert list(document(made).routes) == ["a"]


def of_azure(name: str, number: int, **more) -> dict:
    """A deployment in a resource of its own."""
    where = {"api_base": f"https://r{number}.openai.azure.com", "api_key": f"os.environ/AZ{number}", "api_version": "2024-10-21"}
    return entry(name, "azure/gpt-deploy", **where, **more)


BASE = {"base_model": "azure/gpt-4o-mini"}
PROFILE = "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"
IN_EUROPE = {"vertex_project": "p", "vertex_location": "europe-west1"}
LONG = {
    "model_list": [
        *(of_azure(f"gpt-{number}", number, rpm=10 * number, model_info=BASE | {"id": f"d{number}"}) for number in range(1, 12)),
        *(of_azure("pool", number, weight=number, model_info=BASE) for number in range(1, 12)),
        entry("claude", PROFILE, aws_region_name="eu-central-1", max_retries=4, stream_timeout=9, tags=["a"]),
        entry("gemini", "vertex_ai/gemini-2.5-flash", vertex_credentials="os.environ/V", **IN_EUROPE),
        entry("search", "perplexity/sonar", api_key="os.environ/P", num_retries=1),
        entry("local", "ollama/llama3.1:latest", api_base="http://localhost:11434", max_parallel_requests=2),
    ],
    "router_settings": {
        "routing_strategy": "usage-based-routing-v2",
        "num_retries": 2,
        "timeout": 90,
        "stream_timeout": 20,
        "allowed_fails": 2,
        "cooldown_time": 45,
        "fallbacks": [{"pool": ["claude", "gemini"]}, {"claude": ["gemini"]}],
        "context_window_fallbacks": [{"pool": ["gemini"]}],
        "content_policy_fallbacks": [{"claude": ["search"]}],
        "model_group_alias": {"gpt": "pool"},
        "redis_host": "os.environ/REDIS_HOST",
        "enable_pre_call_checks": True,
        "default_max_parallel_requests": 50,
    },
    "litellm_settings": {
        "drop_params": True,
        "success_callback": ["langfuse"],
        "cache": True,
        "cache_params": {"type": "redis"},
        "num_retries": 5,
    },
    "general_settings": {"master_key": "os.environ/M", "database_url": "os.environ/D", "alerting": ["slack"], "alerting_threshold": 300},
    "environment_variables": {"REDIS_HOST": "localhost"},
    "guardrails": [{"guardrail_name": "x"}],
}


def test_a_long_one_comes_over_whole():
    made = imported(LONG)
    found = document(made)
    assert len(found.routes) == 16
    assert len(found.routes["pool"].targets) == 11
    assert found.chains["pool"].generic[0].startswith("bedrock/")
    assert dict(found.aliases) == {"gpt": "pool"}
    assert not any("is not known here" in line for line in listed(made))


def leaves(data, path=()):
    for name, item in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(item, dict) or (isinstance(item, list) and item and isinstance(item[0], dict)):
            yield from leaves(item, (*path, name))
        else:
            yield (*path, name)


def without(data, path):
    data = copy.deepcopy(data)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return data


def body(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def is_listed(made: Imported, path: tuple) -> bool:
    paths = {row.path for row in made.findings}
    return any(".".join(map(str, path[:end])) in paths for end in range(1, len(path) + 1))


@cache
def whole() -> Imported:
    return imported(LONG)


NEEDED = {"model_name", "model"}


LOOKED_AT = (0, 11, *range(22, 26))  # the others of its models are as these


@pytest.mark.parametrize(
    "path", [path for path in leaves(LONG) if path[-1] not in NEEDED and (path[0] != "model_list" or path[1] in LOOKED_AT)], ids=str
)
def test_each_key_changes_the_document_or_is_listed(path):
    made = whole()
    assert is_listed(made, path) or body(imported(without(LONG, path)).text) != body(made.text), path


KEYS = st.sampled_from(["zz", "extra", "nested.key", "a b", "api_keys"])
NAMES = st.sampled_from(["a", "b", "GPT x", "openai/gpt-5-mini", "vendor/model", "c", "*", "openai/*"])
MODELS = st.sampled_from(
    [
        *(
            "gpt-4o-mini",
            "openai/gpt-5-mini",
            "azure/x",
            "bedrock/eu-west-1/anthropic.claude",
            "gemini/gemini-2.5-flash",
            "vertex_ai/g",
            "o3",
        ),
        *(
            "openai/*",
            "*",
            "nobody/x",
            "hosted_vllm/q",
            "openai/text-embedding-3-small",
            "ollama/llama3.1",
            "mistral/a*b",
            "openai/Ä ö",
            "/",
            "",
        ),
    ]
)
NUMBERS: st.SearchStrategy = st.one_of(
    st.integers(-2, 10_000), st.floats(0, 1e4), st.sampled_from(["7", "1e-6", "x", None, True, [], {}, "os.environ/N"])
)
PARAMS = st.fixed_dictionaries(
    {"model": MODELS},
    optional={
        **dict.fromkeys(("rpm", "tpm", "weight", "order", "timeout", "stream_timeout", "max_retries", "max_parallel_requests"), NUMBERS),
        **dict.fromkeys(("input_cost_per_token", "output_cost_per_token", "temperature"), NUMBERS),
        "api_base": st.sampled_from(
            [
                "https://h.example.com/v1",
                "http://h:1",
                "h",
                "",
                "https://u:p@h/v1?x=1",
                "os.environ/NOT_SET",
                "https://r.openai.azure.com",
                7,
            ]
        ),
        "api_key": st.sampled_from(["os.environ/K", "os.environ/L", SECRET, "none", "", None, 5]),
        "zz": NUMBERS,
    },
)
INFO = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("max_tokens", "max_input_tokens", "max_output_tokens", "input_cost_per_token", "zz"), NUMBERS),
        "mode": st.sampled_from(["chat", "embedding", "rerank", 3]),
        "base_model": st.sampled_from(["gpt-4o-mini", "azure/gpt-5-mini", 4]),
        "supports_vision": st.sampled_from([True, False, "yes"]),
    },
)
GROUPS = st.lists(st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=2), max_size=3)
ROUTER = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("num_retries", "timeout", "stream_timeout", "allowed_fails", "cooldown_time", "zz"), NUMBERS),
        **dict.fromkeys(("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"), st.one_of(GROUPS, NUMBERS)),
        "routing_strategy": st.sampled_from(["simple-shuffle", "least-busy", "latency-based-routing", "cost-based-routing", "mine", 3]),
        "default_fallbacks": st.one_of(st.lists(NAMES, max_size=2), NUMBERS),
        "model_group_alias": st.one_of(st.dictionaries(NAMES, NAMES, max_size=3), NUMBERS),
        "retry_policy": st.one_of(st.dictionaries(st.sampled_from(["TimeoutErrorRetries", "X"]), NUMBERS, max_size=2), NUMBERS),
    },
)
ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"model_name": NAMES, "litellm_params": PARAMS}, optional={"model_info": INFO, "rpm": NUMBERS, "zz": NUMBERS}
        ),
        NUMBERS,
    ),
    max_size=5,
)
CONFIGS = st.fixed_dictionaries({"model_list": ROWS}, optional={"router_settings": ROUTER, "litellm_settings": ROUTER, "zz": NUMBERS})


def attempted(config: dict) -> tuple[Imported | None, str]:
    try:
        return imported(config), ""
    except Trouble as trouble:
        return None, str(trouble)


@settings(max_examples=200)
@given(config=CONFIGS)
def test_any_configuration_comes_over_or_it_is_said_why_not(config):
    made, why_not = attempted(config)
    if made is None:
        assert why_not
        assert SECRET not in why_not
        return
    assert SECRET not in made.text + "".join(listed(made))
    for path in leaves(config):
        if path[-1] == "zz":
            assert is_listed(made, path), (path, listed(made))


MAPPINGS = """
gpt-4: openai/gpt-4o-mini
smart: [anthropic/claude-sonnet-4-5-20250929, {provider: openai, model: gpt-5-mini}]
fast: gpt-4
short: {model: gpt-5-mini}
both: [fast, smart]
lost: nobody/x
"""


def test_plain_mappings_come_over_too():
    for text in (
        MAPPINGS,
        "model_mappings:\n" + "\n".join(f"  {line}" for line in MAPPINGS.splitlines()),
        json.dumps(yaml.safe_load(MAPPINGS), indent=2),
    ):
        made = imported(text)
        found = document(made)
        assert {name: row.targets for name, row in found.routes.items()} == {
            "gpt-4": ("openai/gpt-4o-mini",),
            "smart": ("anthropic/claude-sonnet-4-5-20250929", "openai/gpt-5-mini"),
            "fast": ("openai/gpt-4o-mini",),
            "short": ("openai/gpt-5-mini",),
            "both": ("openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5-20250929", "openai/gpt-5-mini"),
        }
        assert any("lost" in line and "of a provider that is not known here" in line for line in listed(made))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither LiteLLM's config.yaml"),
        ("[1]", "neither LiteLLM's config.yaml"),
        ("a: [", "line 1: neither YAML nor JSON"),
        ("a: &x [*x]", "nested too deeply, or within itself"),
        ("a: &x {<<: *x}", "nested too deeply, or within itself"),
        ("model_list: " + "[" * 1_000_000, "nested too deeply, or within itself"),
        ("model_list: {? &x [*x] : 1}", "line 1: 0.0"),
        ("model_list: []\n? [a]: 1", "line 2: a key must be plain text"),
        ("a: &a [x, x, x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghij")), "unfold into more"),
        ("model_list: [{model_name: a, litellm_params: {model: x, custom_llm_provider: [openai]}}]", "of a provider that is not known"),
        ("model_list: []", "nothing of it can be carried over"),
        (
            "model_list: [{model_name: a, litellm_params: {model: nobody/x}}]",
            "1: left out: model_list.0: nobody/x: of a provider that is not known",
        ),
        ("a: 1", "neither LiteLLM's config.yaml"),
    ],
)
def test_what_is_no_configuration_says_so(text, said):
    with pytest.raises(Trouble, match=said.replace(".", "\\.")):
        imported(text)


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """signalbox config import …, in a folder of its own: the status, what it printed, and what it complained of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("model_list: [{model_name: a, litellm_params: {model: openai/gpt-5-mini, zz: 1}}]")

    def run(words):
        status = cli.main(["config", "import", *words.split()])
        return status, *capsys.readouterr()

    return run


def test_who_guesses_says_where_it_may_be_known(run, tmp_path):
    (tmp_path / "config.yaml").write_text("model_list: [{model_name: a, litellm_params: {model: openai/gpt-nobody-knows}}]")
    asked = "LiteLLM's own table may know what is guessed: --prices model_prices_and_context_window.json\n"
    assert asked in run("config.yaml")[2]
    (tmp_path / "prices.json").write_text("{}")
    assert asked not in run("config.yaml --prices prices.json")[2]


def test_the_document_goes_to_one_side_and_the_list_to_the_other(run, tmp_path):
    status, made, said = run("config.yaml")
    assert (status, compile_text(made).warnings) == (0, ())
    assert "config.yaml:1: left out: model_list.0.litellm_params.zz: is not known here" in said
    status, said, complaint = run("config.yaml --out routing.yaml")
    assert (status, complaint) == (0, "")
    assert said.endswith("routing.yaml is written: signalbox config check routing.yaml\n")
    assert (tmp_path / "routing.yaml").read_text() == made
    told = json.loads(run("config.yaml --json")[1])
    assert told["document"] == made
    assert told["findings"][-1]["kind"] in ("left out", "to do")


def test_nothing_is_written_over(run, tmp_path):
    (tmp_path / "routing.yaml").write_text("mine")
    status, said, complaint = run("config.yaml --out routing.yaml")
    assert (status, said) == (1, "")
    assert complaint == "signalbox: routing.yaml is there already, and stays as it is; --force writes over it, or name another\n"
    assert (tmp_path / "routing.yaml").read_text() == "mine"
    assert run("config.yaml --out routing.yaml --force")[0] == 0
    assert (tmp_path / "routing.yaml").read_text() != "mine"
    assert run("config.yaml --out nowhere/routing.yaml")[2].startswith("signalbox: nowhere/routing.yaml cannot be written")
    assert run("gone.yaml")[2].startswith("signalbox: gone.yaml cannot be read")
    assert run("config.yaml --format mappings")[2].startswith("signalbox: config.yaml: no model mappings")


def test_it_has_a_help_with_an_example(capsys):
    with pytest.raises(SystemExit):
        cli.main(["config", "import", "--help"])
    assert "\n  signalbox config import config.yaml --out routing.yaml\n" in capsys.readouterr().out


def test_names_that_mean_each_other_many_times_over_are_unfolded_once():
    rows = {f"n{at}": [f"n{at + 1}"] * 8 for at in range(40)} | {"n40": "openai/gpt-5-mini"}
    made = imported(rows)
    assert document(made).routes["n0"].targets == ("openai/gpt-5-mini",)
    assert [line for line in listed(made) if "n0.1" in line] == ["changed: n0.1: n1 is behind another of n0 already"]
    everybody = [f"n{at}" for at in range(12)]
    circle = {name: [other for other in everybody if other != name] + [f"openai/{name}"] for name in everybody}
    assert set(document(imported(circle)).routes["n0"].targets) == {f"openai/{name}" for name in everybody}


def test_a_thousand_models_are_a_matter_of_seconds():
    """Each with a key of its own, which is neither written nor shown."""
    rows = [entry(f"m{at}", f"openai/m{at}", api_key=f"{SECRET}{at:04}", unheard_of=at) for at in range(1000)]
    made = imported({"model_list": rows})
    assert len(document(made).models) == len(document(made).providers) == 1000
    assert SECRET not in made.text + "".join(listed(made))
