"""The `openai` package: its asynchronous client, its streams, and the help it gives with schemas and tools."""

import asyncio
import json

import openai
import pydantic
import pytest

from .asks import CALL, CALLED, CITY, MOST, PROMPT, SAID, user


class Weather(pydantic.BaseModel):
    city: str


@pytest.fixture
def client(base, key):
    with openai.OpenAI(base_url=base, api_key=key, max_retries=0, timeout=60) as client:
        yield client


def asynchronously(base, key, ask):
    async def run():
        async with openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0, timeout=60) as client:
            return await ask(client)

    return asyncio.run(run())


def test_many_are_asked_at_once(base, key, model):
    """Fewer than the smallest `concurrency` that the routing document declares: one more is rightly told to come later."""

    async def ask(client):
        return await asyncio.gather(
            *(client.chat.completions.create(model=model, messages=user(f"say: {number}"), max_tokens=MOST) for number in range(3))
        )

    assert [answer.choices[0].message.content for answer in asynchronously(base, key, ask)] == ["0", "1", "2"]


def test_a_stream_with_its_usage(base, key, model):
    async def ask(client):
        options = {"stream": True, "stream_options": {"include_usage": True}}
        return [chunk async for chunk in await client.chat.completions.create(model=model, messages=user(), max_tokens=MOST, **options)]

    *chunks, last = asynchronously(base, key, ask)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == SAID
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0


def test_the_stream_helper_gathers_what_came(client, model):
    with client.chat.completions.stream(model=model, messages=user(), max_tokens=MOST) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_completion().choices[0].message.content == SAID
    assert kinds.count("content.done") == 1


def test_the_parse_helper_gives_an_object(client, model):
    parsed = client.chat.completions.parse(model=model, messages=user("where?"), response_format=Weather, max_tokens=MOST)
    assert isinstance(parsed.choices[0].message.parsed, Weather)


def test_strict_tools_come_parsed(client, model):
    answer = client.chat.completions.parse(
        model=model, messages=user(f"call Weather {json.dumps(CALLED)}"), tools=[openai.pydantic_function_tool(Weather)], max_tokens=MOST
    )
    assert [call.function.parsed_arguments for call in answer.choices[0].message.tool_calls] == [Weather(**CALLED)]


def test_responses_stream_by_their_helper(base, key, model):
    async def ask(client):
        async with client.responses.stream(model=model, input=PROMPT, max_output_tokens=MOST) as stream:
            return [event async for event in stream], await stream.get_final_response()

    events, response = asynchronously(base, key, ask)
    assert response.output_text == SAID
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == SAID
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"


def test_responses_parse_by_their_helper(client, model):
    response = client.responses.parse(model=model, input="where?", text_format=Weather, max_output_tokens=MOST)
    assert isinstance(response.output_parsed, Weather)


def test_responses_take_a_tools_result_back(client, model):
    tool = {"type": "function", "name": "weather", "parameters": CITY, "strict": True}
    first = client.responses.create(model=model, input=CALL, tools=[tool], max_output_tokens=MOST, store=False)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments) == CALLED
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    talk = [*user(CALL), *first.output, result]
    last = client.responses.create(model=model, input=talk, tools=[tool], max_output_tokens=MOST, store=False)
    assert last.status == "completed"
    assert last.output_text


EMBEDDING = [
    "openai/text-embedding-3-small",
    "bedrock/amazon.titan-embed-text-v2:0",
    "gemini/gemini-embedding-001",
    "ollama/nomic-embed-text",
]


@pytest.mark.parametrize("embedding_model", EMBEDDING)
def test_embeddings_are_the_same_in_either_encoding(client, embedding_model):
    """The package asks for base64 and unpacks it, where nothing else is said."""
    packed, plain = (
        client.embeddings.create(model=embedding_model, input=["one", "two"], **how).data for how in ({}, {"encoding_format": "float"})
    )
    assert [len(row.embedding) for row in packed] == [len(row.embedding) for row in plain]
    for ours, theirs in zip(packed, plain, strict=True):
        assert ours.embedding == pytest.approx(theirs.embedding, rel=1e-5, abs=1e-6)


def test_errors_are_of_their_types(base, key, poor_key, client, model):
    ask = {"model": model, "messages": user(), "max_tokens": MOST}
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-forged").chat.completions.create(**ask)
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(**ask | {"model": f"{model}-of-nobody"})
    with pytest.raises(openai.RateLimitError) as refused:
        client.with_options(api_key=poor_key).chat.completions.create(**ask | {"model": "openai/gpt-4.1-mini"})
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(**ask | {"temperature": "warm"})
    assert (unknown.value.code, refused.value.code) == ("model_not_found", "budget_exceeded")
    assert (bad.value.code, bad.value.param) == ("invalid_request", "temperature")


def test_errors_of_responses_are_of_their_types(poor_key, client):
    ask = {"model": "openai/gpt-4.1-mini", "input": PROMPT}
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-forged").responses.create(**ask)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(**ask | {"model": "nobody"})
    with pytest.raises(openai.RateLimitError):
        client.with_options(api_key=poor_key).responses.create(**ask)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(**ask | {"input": 7})
