"""Any dialect reaches any provider: each model of routing.yaml, asked by the official clients, and what both sides counted for it."""

import base64
import json
import struct
import zlib

import anthropic
import openai
import pytest
import yaml

from .stack import ROOT
from .waiting import eventually

MODELS = yaml.safe_load((ROOT / "routing.yaml").read_text())["models"]
EMBEDDING = sorted(id for id, row in MODELS.items() if "embeddings" in row["capabilities"])
CHAT = sorted(set(MODELS) - set(EMBEDDING))
SAID = "the line is open"
PROMPT = f"say: {SAID}"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
CALLED = {"city": "Bern"}
MOST = 2_000
ALIASES = ("gpt-5.2", "Claude-Sonnet-4.5", "claude-sonnet-4-5", "llama3.1:latest", "gpt-oss:20b-cloud", "qwen-coder-vllm")


NO_COUNT = ("gemini/",)  # its embeddings come without one
UNCOUNTED = [id for id in CHAT if id.startswith("llama_cpp_python/")]  # its streams bring no usage, and it costs nothing
COUNTED = [id for id in CHAT if id not in UNCOUNTED]


def able(capability):
    return [id for id in COUNTED if capability in MODELS[id]["capabilities"]]


def png():
    """One grey pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00\x80")) + chunk(b"IEND", b"")


PIXEL = base64.b64encode(png()).decode()


@pytest.fixture
def key(new_key):
    return new_key(tenant="every")


@pytest.fixture
def openai_client(stack, key):
    return stack.client(key["secret"])


@pytest.fixture
def anthropic_client(stack, key):
    with anthropic.Anthropic(base_url=stack.url, api_key=key["secret"], max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def both_sides_agree(stack, key, upstream_ledger):
    """What this test spent is, to the nano-dollar and the token, what the simulated providers billed."""
    yield
    calls = upstream_ledger()
    assert calls
    billed = {"input": "input_tokens", "output": "output_tokens", "cost_nanousd": "cost_nanousd"}
    billed = {ours: sum(call[theirs] for call in calls) for ours, theirs in billed.items()}
    eventually(lambda: counted(stack, key), lambda seen: seen == billed)


def counted(stack, key):
    used = stack.used(key=key["id"])
    return {name: used[name] for name in ("input", "output", "cost_nanousd")}


def messages(content=PROMPT):
    return [{"role": "system", "content": "be brief"}, {"role": "user", "content": content}]


def chat(client, model, content=PROMPT, **more):
    return client.chat.completions.create(model=model, messages=messages(content), max_tokens=MOST, **more)


def chat_whole(client, model):
    return chat(client, model).choices[0].message.content


def chat_streamed(client, model):
    chunks = chat(client, model, stream=True, stream_options={"include_usage": True})
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def responses_whole(client, model):
    return client.responses.create(model=model, instructions="be brief", input=PROMPT, max_output_tokens=MOST).output_text


def responses_streamed(client, model):
    with client.responses.stream(model=model, instructions="be brief", input=PROMPT, max_output_tokens=MOST) as stream:
        return stream.get_final_response().output_text


def completions_whole(client, model):
    return client.completions.create(model=model, prompt=PROMPT, max_tokens=MOST).choices[0].text


def completions_streamed(client, model):
    return "".join(chunk.choices[0].text for chunk in client.completions.create(model=model, prompt=PROMPT, max_tokens=MOST, stream=True))


def messages_whole(client, model):
    return texts(client.messages.create(model=model, system="be brief", messages=messages()[1:], max_tokens=MOST))


def messages_streamed(client, model):
    with client.messages.stream(model=model, system="be brief", messages=messages()[1:], max_tokens=MOST) as stream:
        return texts(stream.get_final_message())


def texts(message):
    return "".join(block.text for block in message.content if block.type == "text")


OPENAI = [chat_whole, chat_streamed, responses_whole, responses_streamed, completions_whole, completions_streamed]


def wrong(ask, client, models, expected):
    """Of each model that did not answer so, what it did instead."""
    found = {}
    for model in models:
        try:
            answer = ask(client, model)
        except Exception as error:
            answer = error
        if answer != expected:
            found[model] = answer
    return found


@pytest.mark.usefixtures("both_sides_agree")
@pytest.mark.parametrize("ask", OPENAI)
def test_openais_dialects_reach_every_model(openai_client, ask):
    assert wrong(ask, openai_client, COUNTED, SAID) == {}


@pytest.mark.usefixtures("both_sides_agree")
@pytest.mark.parametrize("ask", [messages_whole, messages_streamed])
def test_anthropics_dialect_reaches_every_model(anthropic_client, ask):
    assert wrong(ask, anthropic_client, COUNTED, SAID) == {}


def test_a_model_whose_streams_are_not_counted_is_reached_too(openai_client, anthropic_client):
    for ask in OPENAI:
        assert wrong(ask, openai_client, UNCOUNTED, SAID) == {}
    assert wrong(messages_streamed, anthropic_client, UNCOUNTED, SAID) == {}


@pytest.mark.usefixtures("both_sides_agree")
def test_every_embedding_model_embeds(openai_client):
    def ask(client, model):
        answer = client.embeddings.create(model=model, input=["one", "two", "one"])
        assert [row.index for row in answer.data] == [0, 1, 2]
        return answer.data[0].embedding == answer.data[2].embedding != answer.data[1].embedding and len(answer.data[0].embedding) > 10

    assert wrong(ask, openai_client, [id for id in EMBEDDING if not id.startswith(NO_COUNT)], True) == {}


@pytest.mark.parametrize("model", [id for id in EMBEDDING if id.startswith(NO_COUNT)])
def test_an_embedding_that_its_provider_does_not_count_is_estimated_from_above(stack, key, openai_client, upstream_ledger, model):
    openai_client.embeddings.create(model=model, input=["one two three"])
    eventually(lambda: stack.used(key=key["id"])["requests"] == 1)
    assert counted(stack, key)["cost_nanousd"] >= sum(call["cost_nanousd"] for call in upstream_ledger())


def chat_called(client, model):
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}
    (choice,) = chat(client, model, f"call weather {json.dumps(CALLED)}", tools=[tool]).choices
    return choice.finish_reason, [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]


def messages_called(client, model):
    tool = {"name": "weather", "description": "The weather.", "input_schema": WEATHER}
    prompt = messages(f"call weather {json.dumps(CALLED)}")[1:]
    with client.messages.stream(model=model, messages=prompt, tools=[tool], max_tokens=MOST) as stream:
        message = stream.get_final_message()
    calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    return {"tool_use": "tool_calls"}.get(message.stop_reason, message.stop_reason), calls


@pytest.mark.usefixtures("both_sides_agree")
def test_tools_are_called_by_every_model_that_has_them(openai_client):
    assert wrong(chat_called, openai_client, able("tools"), ("tool_calls", [("weather", CALLED)])) == {}


@pytest.mark.usefixtures("both_sides_agree")
def test_tools_are_called_through_anthropics_dialect(anthropic_client):
    assert wrong(messages_called, anthropic_client, able("tools"), ("tool_calls", [("weather", CALLED)])) == {}


@pytest.mark.usefixtures("both_sides_agree")
def test_a_tools_result_goes_back_to_every_model_that_has_them(openai_client):
    def ask(client, model):
        tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
        talk = messages(f"call weather {json.dumps(CALLED)}")
        answer = client.chat.completions.create(model=model, messages=talk, tools=[tool], max_tokens=MOST).choices[0].message
        talk.append(answer.model_dump(exclude_none=True))
        talk += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in answer.tool_calls]
        last = client.chat.completions.create(model=model, messages=talk, tools=[tool], max_tokens=MOST).choices[0]
        return last.finish_reason, bool(last.message.content)

    assert wrong(ask, openai_client, able("tools"), ("stop", True)) == {}


@pytest.mark.usefixtures("both_sides_agree")
def test_a_picture_reaches_every_model_that_sees(openai_client):
    def ask(client, model):
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        return chat(client, model, [{"type": "text", "text": PROMPT}, picture]).choices[0].message.content

    assert wrong(ask, openai_client, able("vision"), SAID) == {}


@pytest.mark.usefixtures("both_sides_agree")
def test_a_schema_is_kept_by_every_model_that_can(openai_client):
    def ask(client, model):
        form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER, "strict": True}}
        return sorted(json.loads(chat(client, model, "where?", response_format=form).choices[0].message.content))

    assert wrong(ask, openai_client, able("json_schema"), ["city"]) == {}


@pytest.mark.usefixtures("both_sides_agree")
def test_every_model_that_reasons_does_so_and_iscounted(openai_client):
    def ask(client, model):
        answer = client.chat.completions.create(model=model, messages=messages(), max_completion_tokens=8_000, reasoning_effort="high")
        return answer.choices[0].message.content, answer.usage.completion_tokens > 50

    assert wrong(ask, openai_client, able("reasoning"), (SAID, True)) == {}


@pytest.mark.parametrize(
    "alias", ["gpt-5.2", "Claude-Sonnet-4.5", "claude-sonnet-4-5", "llama3.1:latest", "gpt-oss:20b-cloud", "qwen-coder-vllm"]
)
def test_local_names_work_from_the_start(openai_client, alias):
    assert chat_whole(openai_client, alias) == SAID


FAULTY = sorted({id.split("/")[0]: id for id in CHAT}.values())


@pytest.mark.parametrize("model", FAULTY)
def test_an_error_inside_a_stream_is_told_and_ends_it(openai_client, faults, model):
    faults(model.split("/")[0], error_in_stream=True, error_after_chunks=3)
    with pytest.raises(openai.APIError) as failed:
        list(chat(openai_client, model, "words=40", stream=True))
    assert failed.value.code in ("upstream_failed", "deadline_exceeded")


@pytest.mark.parametrize("model", FAULTY)
def test_an_error_before_the_first_content_is_an_error_with_its_status(openai_client, faults, model):
    faults(model.split("/")[0], error_in_stream=True)
    with pytest.raises(openai.InternalServerError) as failed:
        list(chat(openai_client, model, "words=40", stream=True))
    assert failed.value.status_code == 502
