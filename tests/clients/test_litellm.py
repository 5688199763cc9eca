"""`litellm` as a client, in each of the formats in which it can be pointed at an address."""

import asyncio
import json

import litellm
import pytest

from .asks import CALL, CALLED, CITY, MOST, PROMPT, SAID, user

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}
STYLES = ("openai", "anthropic")


@pytest.fixture(params=STYLES)
def ask(request, root, base, key, model):
    """What goes with each call."""
    at = {"openai": base, "anthropic": root}[request.param]
    return {"model": f"{request.param}/{model}", "api_base": at, "api_key": key, "max_tokens": MOST, "num_retries": 0}


def test_completion(ask):
    answer = litellm.completion(messages=[{"role": "system", "content": "be brief"}, *user()], **ask)
    assert answer.choices[0].message.content == SAID
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_asynchronously(ask):
    async def gather():
        stream = await litellm.acompletion(messages=user(), stream=True, stream_options={"include_usage": True}, **ask)
        return [chunk async for chunk in stream]

    chunks = asyncio.run(gather())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == SAID
    assert [chunk.usage.completion_tokens > 0 for chunk in chunks if getattr(chunk, "usage", None)] == [True]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_and_its_result(ask, stream):
    answer = litellm.completion(messages=user(CALL), tools=[TOOL], stream=stream, **ask)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer))
    message = answer.choices[0].message
    assert [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls] == [("weather", CALLED)]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]
    last = litellm.completion(messages=[*user(CALL), message.model_dump(exclude_none=True), *results], tools=[TOOL], **ask)
    assert last.choices[0].message.content


def test_responses(base, key, model):
    at = {"model": f"openai/{model}", "api_base": base, "api_key": key, "max_output_tokens": MOST}
    whole = litellm.responses(input=PROMPT, **at)
    assert ["".join(part.text for part in item.content) for item in whole.output if item.type == "message"] == [SAID]
    events = list(litellm.responses(input=PROMPT, stream=True, **at))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == SAID
    assert events[-1].type == "response.completed"


def test_embedding(base, key):
    answer = litellm.embedding(model="openai/openai/text-embedding-3-small", input=["one", "two"], api_base=base, api_key=key)
    assert len(answer.data[0]["embedding"]) > 100


def test_errors_are_of_their_types(ask, poor_key):
    for wrong, type in (
        ({"api_key": "sk-forged"}, litellm.AuthenticationError),
        ({"model": ask["model"] + "-of-nobody"}, litellm.NotFoundError),
        ({"api_key": poor_key, "model": ask["model"].split("/")[0] + "/openai/gpt-4.1-mini"}, litellm.RateLimitError),
        ({"temperature": 9}, litellm.BadRequestError),
    ):
        with pytest.raises(type):
            litellm.completion(messages=user(), **ask | wrong)
