"""The `anthropic` package, to models of Anthropic and of anybody else."""

import asyncio
import json

import anthropic
import pytest

from .asks import ANSWERED, CALL, CALLED, CITY, MOST, SAID, user

WEATHER = {"name": "weather", "description": "The weather.", "input_schema": CITY}


@pytest.fixture
def client(root, key):
    with anthropic.Anthropic(base_url=root, api_key=key, max_retries=0, timeout=60) as client:
        yield client


def texts(message):
    return "".join(block.text for block in message.content if block.type == "text")


def assert_in_order(events):
    """One message, in whose middle each block starts, grows and stops before the next does."""
    kinds = [kind for kind in events if kind.startswith(("message_", "content_block_"))]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    middle, open_block = kinds[1:-2], False
    for kind in middle:
        assert open_block == (kind != "content_block_start"), kinds
        open_block = kind != "content_block_stop"
    assert not open_block


def test_whole(client, model):
    message = client.messages.create(model=model, system="be brief", messages=user(), max_tokens=MOST)
    assert texts(message) == SAID
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 < message.usage.output_tokens


def test_the_events_of_a_stream(client, model):
    with client.messages.stream(model=model, messages=user(), max_tokens=MOST) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_message()
    assert texts(message) == SAID
    assert events.count("content_block_start") == events.count("content_block_stop") == len(message.content)
    assert_in_order(events)


def test_asynchronously(root, key, model):
    async def ask():
        async with anthropic.AsyncAnthropic(base_url=root, api_key=key, max_retries=0, timeout=60) as client:
            whole = await client.messages.create(model=model, messages=user(), max_tokens=MOST)
            async with client.messages.stream(model=model, messages=user(), max_tokens=MOST) as stream:
                return texts(whole), "".join([text async for text in stream.text_stream])

    assert asyncio.run(ask()) == (SAID, SAID)


def test_raw_events(client, model):
    events = list(client.messages.create(model=model, messages=user(), max_tokens=MOST, stream=True))
    assert_in_order([event.type for event in events if event.type != "ping"])


def test_a_tool_is_called_and_its_result_taken_back(client, model):
    talk = user(CALL)
    with client.messages.stream(model=model, messages=talk, tools=[WEATHER], max_tokens=MOST) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        message = stream.get_final_message()
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (message.stop_reason, call.name, call.input) == ("tool_use", "weather", CALLED)
    assert json.loads("".join(pieces)) == CALLED
    talk += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": ANSWERED}]},
    ]
    last = client.messages.create(model=model, messages=talk, tools=[WEATHER], max_tokens=MOST)
    assert (last.stop_reason, bool(texts(last))) == ("end_turn", True)


def test_thinking_comes_before_the_text_and_can_be_sent_back(client, thinking_model):
    budget = {"type": "enabled", "budget_tokens": 1_024}
    talk = user()
    with client.messages.stream(model=thinking_model, messages=talk, thinking=budget, max_tokens=4_000) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_message()
    # Google signs what it thought behind the text: where it does, an empty block at the end carries that.
    assert [block.type for block in message.content][:2] == ["thinking", "text"]
    assert [block.thinking for block in message.content if block.type == "thinking"][1:] in ([], [""])
    assert message.content[0].thinking
    assert texts(message) == SAID
    assert_in_order(events)
    talk += [{"role": "assistant", "content": message.content}, *user("say: again")]
    again = client.messages.create(model=thinking_model, messages=talk, thinking=budget, max_tokens=4_000)
    assert texts(again) == "again"


def test_tokens_cannot_be_counted_before_and_that_is_said(client, model):
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model=model, messages=user())


def test_errors_are_of_their_types(client, poor_key, model):
    ask = {"model": model, "messages": user(), "max_tokens": MOST}
    with pytest.raises(anthropic.AuthenticationError) as unknown_key:
        client.with_options(api_key="sk-forged").messages.create(**ask)
    with pytest.raises(anthropic.NotFoundError) as unknown_model:
        client.messages.create(**ask | {"model": f"{model}-of-nobody"})
    with pytest.raises(anthropic.RateLimitError) as refused:
        client.with_options(api_key=poor_key).messages.create(**ask | {"model": "anthropic/claude-haiku-4-5-20251001"})
    with pytest.raises(anthropic.BadRequestError) as bad:
        client.messages.create(**ask | {"messages": []})
    types = [error.value.body["error"]["type"] for error in (unknown_key, unknown_model, refused, bad)]
    assert types == ["authentication_error", "not_found_error", "rate_limit_error", "invalid_request_error"]
