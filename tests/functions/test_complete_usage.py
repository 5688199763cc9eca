"""What complete charges is what the provider bills, token by token and to the nano-dollar, whoever is asked and however it counts."""

import json
from functools import partial

import pytest

from ops.simulators.providers import PROVIDERS
from signalbox.providers.fit import CARRIED_BY_ALL
from signalbox.providers.registry import wire
from signalbox.providers.rows import ROWS

from .every_provider import CHAT, EMBEDDING, MODELS, WRITING, able, kind_of, on_leave, simulated, whole

# Whose count has no place for reasoning: it is told as output, which costs the same.
REASONING_UNTOLD = ("groq/", "together/", "fireworks/", "anthropic/", "bedrock", "vertex/claude", "ollama")
# Who counts nothing in a stream, and so is estimated from above.
UNCOUNTED = ("llama_cpp_python/",)
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}
LONG = " ".join(f"word{number}" for number in range(900))  # some 2,000 tokens


def wrong(ask, models):
    """Of each model that was not charged as it was billed, or gave no answer, what came instead."""
    found = {}
    for model in models:
        told = ask(model)
        differences = amiss(told, model)
        if told.status != 200:
            found[model] = (told.status, told.body)
        elif differences or told.billed == 0:
            found[model] = differences or "nothing was billed"
    return found


def amiss(told, model):
    differences = told.differences
    if model.startswith(REASONING_UNTOLD) and told.detail["tokens"]["reasoning"] == 0:
        differences.pop("reasoning", None)
    if model.startswith(UNCOUNTED) and any(call["stream"] for call in told.calls) and differences.get("estimated"):
        ours, theirs = differences.get("cost_nanousd", (0, 0))
        return {} if ours >= theirs else differences
    return differences


def test_all_that_is_simulated_and_all_that_is_known_is_asked():
    assert {simulated(model) for model in CHAT} == set(PROVIDERS) - {"google_token", "entra_token"}
    assert {kind_of(model) for model in CHAT} >= set(ROWS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", WRITING)
def test_every_provider_through_every_dialect(providers, dialect, stream):
    assert wrong(lambda model: providers.ask(model, dialect=dialect, stream=stream), CHAT) == {}


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_is_asked_for_a_whole_answer(providers, stream):
    assert wrong(lambda model: providers.ask(whole(model), stream=stream), CHAT) == {}


@pytest.mark.parametrize("stream", [False, True])
def test_a_count_that_comes_after_the_finish(providers, stream):
    def ask(model):
        providers.fault(model, late_usage=True)
        return providers.ask(model, stream=stream)

    assert wrong(ask, CHAT) == {}


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools(providers, stream):
    prompt = f"call weather {json.dumps({'city': 'Bern'})}"
    assert wrong(lambda model: providers.ask(model, prompt, stream=stream, tools=[TOOL]), able("tools")) == {}


@pytest.mark.parametrize("kind", [str, whole])
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning(providers, kind, stream):
    def ask(model):
        told = providers.ask(kind(model), stream=stream, reasoning_effort="high")
        assert told.status != 200 or sum(call["reasoning_tokens"] for call in told.calls) > 50, model
        return told

    assert wrong(ask, able("reasoning")) == {}


@pytest.mark.parametrize("kind", [str, whole])
def test_a_prefix_that_was_cached(providers, kind):
    """Twice the same long prompt: who caches by itself bills the second one less."""
    cached = set()

    def ask(prompt, model):
        told = providers.ask(kind(model), prompt)
        cached.update([model] if sum(call["cached_tokens"] for call in told.calls) else [])
        return told

    prompt = f"{kind.__name__} {LONG}"
    assert wrong(partial(ask, prompt), CHAT) == {}
    assert wrong(partial(ask, prompt), CHAT) == {}
    assert {"openai", "azure", "mistral", "deepseek", "fireworks", "openrouter", "xai", "litellm", "gemini", "vertex"} <= {
        model.partition("/")[0] for model in cached
    }


CLAUDE = ("anthropic/claude-sonnet-4-5-20250929", "bedrock/anthropic.claude-sonnet-4-5-20250929", "vertex/claude-sonnet-4-5@20250929")


@pytest.mark.parametrize("kind", [str, whole])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("lives", [None, "5m", "1h"])
def test_what_is_written_to_a_cache_and_read_from_it(providers, kind, stream, lives):
    mark = {"type": "ephemeral"} | ({"ttl": lives} if lives else {})
    said = [
        {"type": "text", "text": f"{kind.__name__} {stream} {lives} {LONG}", "cache_control": mark},
        {"type": "text", "text": "words=9"},
    ]
    messages = [{"role": "user", "content": said}]

    def ask(kept, model):
        told = providers.ask(kind(model), dialect="messages", stream=stream, messages=messages)
        (call,) = told.calls
        assert call[f"{kept}_tokens"] > 1_000, (model, call)
        return told

    assert wrong(partial(ask, "cache_write_1h" if lives == "1h" else "cache_write"), CLAUDE) == {}
    assert wrong(partial(ask, "cached"), CLAUDE) == {}


def test_both_lives_of_a_cache_in_one_prompt(providers):
    hour, minutes = ({"type": "ephemeral", "ttl": ttl} for ttl in ("1h", "5m"))
    system = [{"type": "text", "text": f"both {LONG}", "cache_control": hour}]
    messages = [{"role": "user", "content": [{"type": "text", "text": f"more {LONG}", "cache_control": minutes}]}]

    def ask(model):
        told = providers.ask(model, dialect="messages", system=system, messages=messages)
        assert min(told.calls[0]["cache_write_tokens"], told.calls[0]["cache_write_1h_tokens"]) > 1_000, model
        return told

    assert wrong(ask, CLAUDE) == {}


def test_an_input_above_which_all_costs_more(providers):
    """Some bill the whole of a request by dearer prices where its input is long."""
    long = [model for model in CHAT if MODELS[model]["prices"].get("long")]
    prompt = " ".join(["a"] * 210_000)

    def ask(model):
        told = providers.ask(model, prompt)
        assert told.calls[0]["input_tokens"] > 200_000, model
        return told

    assert len(long) >= 3
    assert wrong(ask, [model for model in long if not model.startswith("bedrock/")]) == {}


def carries_n(model):
    row = ROWS.get(kind_of(model))
    format = wire(MODELS[model].get("wire") or (row.wire if row else "openai"))
    known = not model.startswith("ollama_openai/")  # it gives one, whatever is asked for, and nobody knows it by its address
    return known and "n" in format.carries | CARRIED_BY_ALL and "n" not in (row.lacks if row else ())


@pytest.mark.parametrize("kind", [str, whole])
@pytest.mark.parametrize("stream", [False, True])
def test_several_answers(providers, kind, stream):
    several = [model for model in CHAT if carries_n(model)]
    assert {"openai", "azure", "mistral", "gemini"} <= {model.partition("/")[0] for model in several}

    def ask(model):
        told = providers.ask(kind(model), n=2, stream=stream)
        if told.status == 200 and not stream:
            assert len(told.json["choices"]) == 2, model
        return told

    assert wrong(ask, several) == {}


def embedding_wire(model):
    return wire(MODELS[model].get("wire") or ROWS[kind_of(model)].embeddings)


def embedded(providers, model, inputs):
    count = 1 if isinstance(inputs, str) else len(inputs)
    calls = -(-count // embedding_wire(model).most_inputs)
    told = providers.ask(model, inputs, dialect="embeddings", calls=calls)
    if told.status == 200:
        assert [row["index"] for row in told.json["data"]] == list(range(count)), model
        assert len(told.calls) == calls, model
    return told


@pytest.mark.parametrize("inputs", ["one two three", ["one two", "three"]])
def test_embeddings(providers, inputs):
    assert wrong(lambda model: embedded(providers, model, inputs), [model for model in EMBEDDING if model_is_priced(model)]) == {}


SEVERAL_CALLS = {"bedrock/amazon.titan-embed-text-v2:0": 7, "bedrock/cohere.embed-english-v3": 97, "gemini/gemini-embedding-001": 101}


def test_embeddings_that_take_several_calls(providers):
    def ask(model):
        told = embedded(providers, model, [f"text {number}" for number in range(SEVERAL_CALLS[model])])
        assert told.json["usage"]["prompt_tokens"] == told.detail["tokens"]["input"], model
        return told

    assert all(embedding_wire(model).most_inputs < count for model, count in SEVERAL_CALLS.items())
    assert wrong(ask, SEVERAL_CALLS) == {}


def model_is_priced(model):
    return float(MODELS[model]["prices"]["input"]) > 0


def test_an_answer_that_tells_its_own_usage_tells_what_is_charged(providers):
    """What the client reads of its tokens is what it pays for."""
    found = {}
    for model in CHAT:
        told = providers.ask(model)
        usage, tokens = told.json["usage"], told.detail["tokens"]
        said = (usage["prompt_tokens"], usage["completion_tokens"])
        if said != (tokens["input"], tokens["output"]):
            found[model] = (said, tokens)
    assert found == {}


LONG_ANSWER = "words=40"
WITHIN = 12  # chunks: some have a dozen words by then, and all of them some


def left(told, model):
    """What is wrong about the charge where the client has left, by the provider's rule."""
    ours, theirs, estimated = told.detail["cost_nanousd"], told.billed, told.detail["estimated"]
    rule = on_leave(model)
    if not told.calls or told.detail["outcome"] != "ok":
        return (told.detail["outcome"], told.calls)
    if rule == "drain":
        return amiss(told, model)
    if rule == "free":
        return {} if (ours, estimated) == (0, False) else (ours, estimated)
    return {} if ours >= theirs and (estimated or ours == theirs) else (ours, theirs, estimated)


@pytest.mark.parametrize("dialect", WRITING)
@pytest.mark.parametrize("pieces", [0, 1, 5])
def test_a_client_that_leaves_is_charged_by_its_providers_rule(providers, dialect, pieces):
    found = {}
    for model in CHAT:
        providers.fault(model, chunk_ms=0.3)  # so that it is not all written by then
        told = providers.ask(model, LONG_ANSWER, dialect=dialect, stream=True, leave_after=pieces)
        if differences := left(told, model):
            found[model] = differences
    assert found == {}


def test_a_client_that_leaves_between_calls_and_reasoning_is_charged_too(providers):
    def ask(model):
        return providers.ask(model, "words=20", stream=True, leave_after=2, reasoning_effort="high")

    found = {model: differences for model in able("reasoning") if (differences := left(ask(model), model))}
    assert found == {}


@pytest.mark.parametrize("rule", ["drain", "estimate", "free"])
def test_each_rule_can_be_told_to_any_provider(providers, monkeypatch, rule):
    """`estimate` closes the stream: never less than the bill of what was written by then, and marked."""
    snapshot = providers.snapshot()
    found = {}
    for model in CHAT:
        provider = snapshot.providers[model.partition("/")[0]]
        monkeypatch.setitem(snapshot.providers, provider.name, provider._replace(on_leave=rule))
        providers.fault(model, **({} if rule == "drain" else {"hold_after_chunks": WITHIN}))
        told = providers.ask(model, LONG_ANSWER, stream=True, leave_after=3)
        ours, theirs, estimated = told.detail["cost_nanousd"], told.billed, told.detail["estimated"]
        outcome = told.calls[0]["outcome"]
        fits = {
            "drain": lambda told=told, model=model: not amiss(told, model),
            "estimate": lambda ours=ours, theirs=theirs, estimated=estimated: ours >= theirs > 0 and estimated,
            "free": lambda ours=ours: ours == 0,
        }[rule]()
        if not fits or outcome != ("served" if rule == "drain" else "client_gone"):
            found[model] = (ours, theirs, estimated, outcome, told.differences)
    assert found == {}
