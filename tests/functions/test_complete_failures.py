"""However a provider fails, the caller is told in its own dialect, another target is tried where it may help, and the bill is covered."""

import base64

import pytest

from signalbox.routing.failures import KINDS

from .every_provider import CHAT, EMBEDDING, PATHS, SECOND, THIRD, WRITING, route, whole
from .test_complete_usage import LONG_ANSWER, TOOL, WEATHER, WITHIN, model_is_priced

BY_STATUS = {
    400: "bad_request",
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "context_too_long",
    429: "rate_limited",
    500: "server",
    503: "overloaded",
    529: "overloaded",
}
MOST_ATTEMPTS = 3  # of a route that says nothing else
TOLD = {"invalid_request": 400, "upstream_failed": 502, "deadline_exceeded": 504}
# In Anthropic's words, and in OpenAI's.
TYPES = {
    400: ("invalid_request_error", "invalid_request_error"),
    502: ("api_error", "server_error"),
    504: ("timeout_error", "server_error"),
}


def code_of(kind):
    return KINDS[kind].code


def attempts_of(kind):
    """Of a request that has no other target."""
    return MOST_ATTEMPTS * [kind] if KINDS[kind].again else [kind]


def error_of(told, dialect):
    """The code of the dialect's own error object; or what is there instead of one."""
    body = told.json
    anthropics, openais = TYPES[told.status]
    if dialect == "messages":
        fits = body.keys() == {"type", "error", "request_id"} and body["type"] == "error" and body["error"]["type"] == anthropics
    else:
        fits = (
            body.keys() == {"error"} and body["error"].keys() == {"message", "type", "param", "code"} and body["error"]["type"] == openais
        )
    return body["error"]["code"] if fits and body["error"]["message"] else body


def broken_end(told, dialect):
    """The code of the error event with which a stream of the dialect ends properly; or the events that are there instead."""
    events = told.events
    match dialect:
        case "messages":
            name, last = events[-1]
            begun = events[0][0] == "message_start"
            return last["error"]["code"] if begun and name == last["type"] == "error" else events
        case "responses":
            (name, error), (end, failed) = events[-2:]
            fits = (name, end, failed["response"]["status"]) == ("error", "response.failed", "failed")
            numbered = [data["sequence_number"] for _, data in events] == list(range(len(events)))
            return error["code"] if fits and numbered and failed["response"]["error"] else events
    (_, last), (_, done) = events[-2:]
    return last["error"]["code"] if done == "[DONE]" and last.keys() == {"error"} else events


def undercharged(told):
    """Never below the bill, and marked where it is above."""
    ours, theirs, estimated = told.detail["cost_nanousd"], told.billed, told.detail["estimated"]
    return not (ours == theirs or (ours > theirs and estimated))


def amiss(told, kinds, code, dialect="chat"):
    """What came, where it is not an answer of this code after attempts of these kinds. `code` is None for an answer without fault."""
    if code is None:
        good = told.status == 200 and told.detail["outcome"] == "ok"
    elif told.status == 200:
        good = broken_end(told, dialect) == code == told.detail["outcome"]
    else:
        good = told.status == TOLD[code] and error_of(told, dialect) == code == told.detail["outcome"]
    if good and told.kinds == kinds and not undercharged(told):
        return None
    return (
        told.status,
        told.kinds,
        told.detail["outcome"],
        told.detail["cost_nanousd"],
        told.billed,
        told.detail["estimated"],
        told.body[-300:],
    )


def all_amiss(ask, models, check):
    return {model: found for model in models if (found := check(ask(model), model))}


def second(model):
    return THIRD if model.startswith("openai/") else SECOND


@pytest.mark.parametrize("status", BY_STATUS)
def test_each_status_of_each_provider(providers, status):
    kind = BY_STATUS[status]

    def ask(model):
        providers.fault(model, status=status)
        return providers.ask(model)

    def check(told, model):
        return amiss(told, attempts_of(kind), code_of(kind)) or (told.detail["cost_nanousd"] and "an error is not billed")

    assert all_amiss(ask, CHAT, check) == {}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", PATHS)
def test_each_status_in_each_dialect(providers, dialect, stream):
    model = "openai/text-embedding-3-small" if dialect == "embeddings" else "anthropic/claude-sonnet-4-5-20250929"

    def ask(status):
        providers.fault(model, status=status)
        return providers.ask(model, dialect=dialect, stream=stream)

    def check(told, status):
        kind = BY_STATUS[status]
        return amiss(told, attempts_of(kind), code_of(kind), dialect)

    assert all_amiss(ask, BY_STATUS, check) == {}


@pytest.mark.parametrize("status", BY_STATUS)
def test_another_target_is_tried_where_it_may_help(providers, status):
    kind = BY_STATUS[status]

    def ask(model):
        providers.fault(model, status=status)
        return providers.ask(fallback(model))

    def check(told, model):
        if not KINDS[kind].elsewhere:
            return amiss(told, [kind], code_of(kind))
        return amiss(told, [kind, "ok"], None) or (told.headers["x-signalbox-target"] != second(model) and told.headers)

    assert all_amiss(ask, CHAT, check) == {}


@pytest.mark.parametrize("status", [400, 401, 413, 429, 500, 503])
def test_each_status_of_each_embedder(providers, status):
    kind = BY_STATUS[status]

    def ask(model):
        providers.fault(model, status=status)
        return providers.ask(model, dialect="embeddings")

    def check(told, model):
        return amiss(told, attempts_of(kind), code_of(kind), "embeddings")

    assert all_amiss(ask, EMBEDDING, check) == {}


# Streams. What a provider calls its error there says less than a status, so that some know it from a fault of the server only.


def broken(providers, model, dialect="chat", *, asked=str, stream=True, prompt=LONG_ANSWER, **fault):
    """`asked` makes what is asked for of the model whose provider is at fault."""
    providers.fault(model, **fault)
    return providers.ask(asked(model), prompt, dialect=dialect, stream=stream)


def fallback(model):
    """A route on which another target comes after it."""
    return route("fallback", model)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [True, 429, 500])
def test_an_error_in_a_stream_before_its_first_content_leads_to_the_next_target(providers, status, stream):
    def check(told, model):
        first = told.kinds[0]
        served = amiss(told, [first, "ok"], None) or (told.headers["x-signalbox-target"] != second(model) and told.headers)
        return served or (first not in ("rate_limited", "overloaded", "server", "cut") and first)

    def ask(model):
        return broken(providers, model, asked=fallback, stream=stream, error_in_stream=status)

    assert all_amiss(ask, CHAT, check) == {}


def test_an_error_in_a_stream_says_its_kind_where_the_provider_does(providers):
    kinds = {}
    for status in (429, 503):
        for model in CHAT:
            told = broken(providers, model, error_in_stream=status)
            kinds.setdefault((status, told.kinds[0]), set()).add(model.partition("/")[0])
    assert {"anthropic", "bedrock", "gemini", "vertex", "openai", "openrouter", "vllm", "litellm"} <= kinds[429, "rate_limited"]
    assert {"anthropic", "bedrock", "gemini", "vertex", "openrouter", "vllm"} <= kinds[503, "overloaded"]


@pytest.mark.parametrize("dialect", WRITING)
def test_an_error_before_the_first_content_has_a_status_where_nobody_else_can_help(providers, dialect):
    def ask(model):
        return broken(providers, model, dialect, error_in_stream=True)

    assert all_amiss(ask, CHAT, lambda told, model: amiss(told, told.kinds[:1], "upstream_failed", dialect) or told.status == 200) == {}


@pytest.mark.parametrize("dialect", WRITING)
def test_an_error_after_the_first_content_ends_the_stream_as_the_dialect_does(providers, dialect):
    def ask(model):
        return broken(providers, model, dialect, asked=fallback, error_after_chunks=WITHIN)

    def check(told, model):
        return amiss(told, told.kinds[:1], "upstream_failed", dialect) or told.status != 200

    assert all_amiss(ask, CHAT, check) == {}


def test_an_error_after_the_first_content_leads_to_the_next_target_where_nothing_was_sent_yet(providers):
    def ask(model):
        return broken(providers, model, asked=fallback, stream=False, error_after_chunks=WITHIN)

    assert all_amiss(ask, CHAT, lambda told, model: amiss(told, [told.kinds[0], "ok"], None) or told.kinds[0] == "ok") == {}


@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_a_first_count_is_not_the_bill_of_an_answer_that_an_error_ends(providers, chunks):
    """Anthropic counts a token of the output before there is any, and Gemini counts as it goes."""

    def ask(model):
        return broken(providers, model, error_after_chunks=chunks)

    assert all_amiss(ask, CHAT, lambda told, model: undercharged(told) and told.differences) == {}


@pytest.mark.parametrize("dialect", WRITING)
@pytest.mark.parametrize("chunks", [0, 1, WITHIN])
def test_a_stream_that_is_cut(providers, dialect, chunks):
    """Within its content it ends in an error; before it the error has a status."""

    def ask(model):
        return broken(providers, model, dialect, cut_after_chunks=chunks)

    def check(told, model):
        wrong_end = told.status != (200 if chunks == WITHIN else 502) and (chunks != 1 or told.status != 200)
        return amiss(told, ["cut"], "upstream_failed", dialect) or wrong_end

    assert all_amiss(ask, CHAT, check) == {}


@pytest.mark.parametrize("fault", ["cut_after_chunks", "malformed"])
def test_a_whole_answer_that_breaks_off(providers, fault):
    kind = "cut" if fault == "cut_after_chunks" else "malformed"

    def ask(model):
        return broken(providers, model, asked=whole, stream=False, prompt="words=400", **{fault: 1 if kind == "cut" else True})

    assert all_amiss(ask, CHAT, lambda told, model: amiss(told, [kind], "upstream_failed") or not told.detail["estimated"]) == {}


@pytest.mark.parametrize("dialect", WRITING)
def test_a_stream_with_an_event_that_nobody_can_read(providers, dialect):
    def ask(model):
        return broken(providers, model, dialect, malformed=True, chunk_ms=0.5)

    assert all_amiss(ask, CHAT, lambda told, model: amiss(told, ["malformed"], "upstream_failed", dialect)) == {}


@pytest.mark.parametrize("fault", ["cut_after_chunks", "malformed"])
def test_an_embedding_that_breaks_off(providers, fault):
    kind = "cut" if fault == "cut_after_chunks" else "malformed"

    def ask(model):
        providers.fault(model, **{fault: 0 if kind == "cut" else True})
        return providers.ask(model, dialect="embeddings")

    models = [model for model in EMBEDDING if model_is_priced(model)]
    assert all_amiss(ask, models, lambda told, model: amiss(told, [kind], "upstream_failed", "embeddings")) == {}


# Silence


@pytest.mark.parametrize("fault", ["latency_ms", "first_chunk_ms"])
def test_a_first_byte_that_does_not_come_in_time(providers, fault):
    def ask(model):
        providers.fault(model, **{fault: 60_000})
        return providers.ask(route("silent", model), stream=True)

    assert all_amiss(ask, CHAT, lambda told, model: amiss(told, ["timeout"], "deadline_exceeded") or told.status == 200) == {}


def test_a_silence_between_two_chunks(providers):
    def ask(dialect_and_model):
        dialect, model = dialect_and_model
        providers.fault(model, chunk_ms=90)
        return providers.ask(route("pausing", model), LONG_ANSWER, dialect=dialect, stream=True)

    dialects = [(WRITING[place % len(WRITING)], model) for place, model in enumerate(CHAT)]
    found = all_amiss(ask, dialects, lambda told, asked: amiss(told, ["timeout"], "deadline_exceeded", asked[0]) or told.status != 200)
    assert found == {}


# Waits that a provider asks for

FORMS = (None, "seconds", "float_seconds", "http_date", "retry-after-ms", "x-ms-retry-after-ms")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.usefixtures("still")
def test_a_wait_is_kept_and_then_the_same_target_tried_again(providers, form, status):
    found = {}
    for model in CHAT:
        providers.slept.clear()
        providers.fault(model, status=status, retry_after_s=2, times=1, **({"retry_after_form": form} if form else {}))
        told = providers.ask(model)
        if amiss(told, [BY_STATUS[status], "ok"], None) or providers.slept != [2]:
            found[model] = (told.status, told.kinds, providers.slept)
    assert found == {}


@pytest.mark.parametrize("model", ["gemini/gemini-3-pro", "vertex/gemini-2.5-flash", "gemini/gemini-embedding-001"])
def test_a_wait_that_the_body_tells_is_kept_too(providers, model):
    dialect = "embeddings" if model in EMBEDDING else "chat"
    providers.fault(model, status=429, times=1)
    told = providers.ask(model, dialect=dialect)
    assert amiss(told, ["rate_limited", "ok"], None) is None
    assert providers.slept == [1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.usefixtures("still")
def test_no_wait_goes_past_the_deadline(providers, form, dialect):
    model = "openai/text-embedding-3-small" if dialect == "embeddings" else "groq/openai/gpt-oss-120b"
    providers.fault(model, status=429, retry_after_s=9, times=1, **({"retry_after_form": form} if form else {}))
    told = providers.ask(model, dialect=dialect, headers={"x-signalbox-timeout-ms": "5000"})
    assert amiss(told, ["rate_limited"], "upstream_failed", dialect) is None
    assert providers.slept == []
    assert told.headers["retry-after"] == "9"


def test_a_wait_is_not_kept_while_another_target_answers(providers):
    for model in CHAT:
        providers.fault(model, status=429, retry_after_s=2)
        told = providers.ask(fallback(model))
        assert amiss(told, ["rate_limited", "ok"], None) is None, model
    assert providers.slept == []


# What a target cannot do

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()}}
SEEN = [{"role": "user", "content": [{"type": "text", "text": "words=5"}, IMAGE]}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER, "strict": True}}
# parameter: (what is asked with it, models that surely cannot)
ASKED = {
    "tools": ({"tools": [TOOL]}, {"perplexity/sonar", "llama_cpp_python/sim-chat"}),
    "messages": ({"messages": SEEN}, {"deepseek/deepseek-v4-flash", "bedrock/kimi.k2-thinking-v1:0"}),
    "response_format": ({"response_format": SCHEMA}, {"deepseek/deepseek-v4-flash"}),
    "reasoning_effort": ({"reasoning_effort": "high"}, {"mistral/mistral-small-latest", "cohere/command-a-03-2025", "vllm/sim-chat"}),
    "n": (
        {"n": 2},
        {model for model in CHAT if model.startswith(("groq/", "deepseek/", "cohere/", "openrouter/", "anthropic/", "ollama/"))},
    ),
    "logprobs": (
        {"logprobs": True, "top_logprobs": 2},
        {model for model in CHAT if model.startswith(("groq/", "cohere/", "together/", "perplexity/", "anthropic/", "bedrock/"))},
    ),
    "seed": ({"seed": 7}, {model for model in CHAT if model.startswith(("deepseek/", "perplexity/", "anthropic/", "bedrock/"))}),
    "top_k": ({"top_k": 5}, {model for model in CHAT if model.startswith(("openai/", "azure", "groq/", "deepseek/", "cohere/", "xai/"))}),
    "frequency_penalty": ({"frequency_penalty": 0.5}, {model for model in CHAT if model.startswith(("anthropic/", "bedrock/"))}),
    "presence_penalty": ({"presence_penalty": 0.5}, {model for model in CHAT if model.startswith(("anthropic/", "bedrock/"))}),
    "parallel_tool_calls": ({"parallel_tool_calls": False, "tools": [TOOL]}, {"cohere/command-a-03-2025"}),
    "tool_choice": (
        {"tool_choice": {"type": "function", "function": {"name": "weather"}}, "tools": [TOOL]},
        {"cohere/command-a-03-2025", "llama_cpp/sim-chat"},
    ),
    "logit_bias": ({"logit_bias": {"50256": -100}}, {model for model in CHAT if model.startswith(("anthropic/", "bedrock/", "gemini/"))}),
}


def refused(told, model, parameters):
    """By name, before any call."""
    if told.status != 400 or told.calls or told.detail["attempts"]:
        return False
    error = told.json["error"]
    return (
        error["code"] == "unsupported_parameter"
        and error["param"] in parameters
        and model in error["message"]
        and error["param"] in error["message"]
    )


@pytest.mark.parametrize("parameter", ASKED)
def test_what_a_target_cannot_do_is_refused_by_name_before_any_call(providers, parameter):
    """What it can is served: no provider refuses what we let through."""
    asked, cannot = ASKED[parameter]
    found, refusing = {}, set()
    for model in CHAT:
        told = providers.ask(model, "words=5", **asked)
        if refused(told, model, {parameter, *asked}):
            refusing.add(model)
        elif told.status != 200 or undercharged(told):
            found[model] = (told.status, told.kinds, told.body)
    assert found == {}
    assert cannot <= refusing


@pytest.mark.parametrize("parameter", ASKED)
def test_of_a_routes_targets_the_one_that_can_is_used(providers, parameter):
    asked, cannot = ASKED[parameter]
    found = {}
    for model in sorted(cannot):
        can = providers.ask(second(model), "words=5", **asked).status == 200
        told = providers.ask(fallback(model), "words=5", **asked)
        if can and (told.status != 200 or told.headers["x-signalbox-target"] != second(model) or len(told.calls) != 1):
            found[model] = (told.status, told.headers, told.body)
        elif not can and not (refused(told, model, {parameter, *asked}) and second(model) in told.json["error"]["message"]):
            found[model] = (told.status, told.body)
    assert found == {}


def test_embeddings_are_refused_by_what_writes_and_texts_by_what_embeds(providers):
    found = {}
    for model, dialect in [*((model, "embeddings") for model in CHAT), *((model, "chat") for model in EMBEDDING)]:
        told = providers.ask(model, dialect=dialect)
        if not refused(told, model, {"model"}):
            found[model, dialect] = (told.status, told.body)
    assert found == {}
