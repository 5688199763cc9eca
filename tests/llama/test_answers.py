"""What a real server writes comes through as it writes it, in every dialect, streamed and whole."""

import json

import pytest

from .conftest import EMBEDDING, STREAMED, WHOLE

ASKED = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello there"}]
PROMPT = "system: be brief\nuser: hello there\nassistant: "  # as the model's own template puts them
MOST = 24
TRUTH = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "judge", "description": "Judges.", "parameters": TRUTH}}
FORCED = {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "judge"}}}


def chat(client, model=STREAMED, messages=ASKED, max_tokens=MOST, temperature=0, **more):
    return client.chat.completions.create(model=model, messages=messages, max_tokens=max_tokens, temperature=temperature, **more)


def chat_whole(client, _, model):
    (choice,) = chat(client, model).choices
    return choice.message.content, choice.finish_reason


def chat_streamed(client, _, model):
    choices = [chunk.choices[0] for chunk in chat(client, model, stream=True)]
    return "".join(choice.delta.content or "" for choice in choices), choices[-1].finish_reason


def responses_whole(client, _, model):
    return from_response(client.responses.create(**response(model)))


def responses_streamed(client, _, model):
    *_, last = client.responses.create(**response(model), stream=True)
    return from_response(last.response)


def response(model):
    return {"model": model, "instructions": "be brief", "input": "hello there", "max_output_tokens": MOST, "temperature": 0}


def from_response(answer):
    assert answer.status == "incomplete"
    return answer.output_text, answer.incomplete_details.reason


def messages_whole(_, claude, model):
    return from_message(claude.messages.create(**message(model)))


def messages_streamed(_, claude, model):
    with claude.messages.stream(**message(model)) as stream:
        return from_message(stream.get_final_message())


def message(model):
    older = {"extra_headers": {"anthropic-version": "2023-06-01"}, "extra_body": {"temperature": 0}}  # which the newer has no more
    return {"model": model, "system": "be brief", "messages": ASKED[1:], "max_tokens": MOST, **older}


def from_message(answer):
    (block,) = answer.content
    return block.text, answer.stop_reason


def legacy(client, model, **more):
    return client.completions.create(model=model, prompt="hello there", max_tokens=MOST, temperature=0, **more)


def legacy_whole(client, _, model):
    (choice,) = legacy(client, model).choices
    return choice.text, choice.finish_reason


def legacy_streamed(client, _, model):
    choices = [chunk.choices[0] for chunk in legacy(client, model, stream=True)]
    return "".join(choice.text for choice in choices), choices[-1].finish_reason


ASKS = {
    chat_whole: "length",
    chat_streamed: "length",
    responses_whole: "max_output_tokens",
    responses_streamed: "max_output_tokens",
    messages_whole: "max_tokens",
    messages_streamed: "max_tokens",
    legacy_whole: "length",
    legacy_streamed: "length",
}


@pytest.mark.parametrize("model", [STREAMED, WHOLE])
@pytest.mark.parametrize("ask", ASKS)
def test_every_dialect_gives_what_the_server_itself_says_and_why_it_ended(llama, client, claude, ask, model):
    said = llama.says(ASKED[1:] if ask in (legacy_whole, legacy_streamed) else ASKED, max_tokens=MOST)
    assert len(said) == MOST
    assert ask(client, claude, model) == (said, ASKS[ask])


def test_a_stream_arrives_sign_by_sign(llama, client):
    pieces = [chunk.choices[0].delta.content for chunk in chat(client, stream=True) if chunk.choices[0].delta.content]
    assert pieces == list(llama.says(ASKED, max_tokens=MOST))


@pytest.mark.parametrize("model", [STREAMED, WHOLE])
def test_a_stop_word_ends_the_answer_before_itself(llama, client, model):
    said = llama.says(ASKED, max_tokens=MOST)
    word = said[5:7]
    (choice,) = chat(client, model, stop=[word]).choices
    assert (choice.message.content, choice.finish_reason) == (said[: said.index(word)], "stop")


def test_a_seed_draws_the_same_answer_again_and_another_one_another(client):
    first, again, other = (chat(client, temperature=1, seed=seed).choices[0].message.content for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize("ask", ["chat", "responses"])
@pytest.mark.parametrize("model", [STREAMED, WHOLE])
def test_a_schema_is_kept(client, model, ask):
    if ask == "chat":
        form = {"type": "json_schema", "json_schema": {"name": "truth", "schema": TRUTH, "strict": True}}
        (choice,) = chat(client, model, response_format=form, max_tokens=200).choices
        assert choice.finish_reason == "stop"
        text = choice.message.content
    else:
        form = {"type": "json_schema", "name": "truth", "schema": TRUTH, "strict": True}
        answer = client.responses.create(**response(model) | {"max_output_tokens": 200}, text={"format": form})
        assert answer.status == "completed"
        text = answer.output_text
    assert type(json.loads(text)["ok"]) is bool


@pytest.mark.parametrize("model", [STREAMED, WHOLE])
def test_a_tool_is_called_where_it_must_be_and_its_result_goes_back(client, model):
    (choice,) = chat(client, model, max_tokens=200, **FORCED).choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, type(json.loads(call.function.arguments)["ok"])) == ("judge", bool)
    result = {"role": "tool", "tool_call_id": call.id, "content": "done"}
    (last,) = chat(client, model, [*ASKED, choice.message.model_dump(), result], tools=[TOOL]).choices
    assert len(last.message.content) == MOST


def test_a_streamed_call_is_the_same_call(client):
    (whole,) = chat(client, max_tokens=200, **FORCED).choices[0].message.tool_calls
    parts = [call for chunk in chat(client, max_tokens=200, stream=True, **FORCED) for call in chunk.choices[0].delta.tool_calls or ()]
    assert [part.function.name for part in parts if part.function.name] == ["judge"]
    assert "".join(part.function.arguments or "" for part in parts) == whole.function.arguments


@pytest.mark.parametrize("model", [STREAMED, WHOLE])
@pytest.mark.parametrize("others", [None, 2])
def test_log_probabilities_are_told_of_each_token(client, model, others):
    (choice,) = chat(client, model, logprobs=True, **({"top_logprobs": others} if others else {})).choices
    assert "".join(row.token for row in choice.logprobs.content) == choice.message.content
    assert all(row.logprob <= 0 for row in choice.logprobs.content)
    assert all(len(row.top_logprobs) >= (others or 0) for row in choice.logprobs.content)


def test_vectors_are_the_servers_own(llama, client):
    answer = client.embeddings.create(model=EMBEDDING, input=["one", "two"])
    told = llama.ask("/v1/embeddings", model="tiny-embed", input=["one"])
    assert told["data"][0]["embedding"]
    assert answer.usage.prompt_tokens > told["usage"]["prompt_tokens"] > 0
    assert [row.index for row in answer.data] == [0, 1]


def test_a_whole_answer_is_counted_by_the_server(llama, client, recorded):
    raw = client.chat.completions.with_raw_response.create(model=WHOLE, messages=ASKED, max_tokens=MOST, temperature=0)
    usage, record = raw.parse().usage, recorded(raw)
    assert (usage.prompt_tokens, usage.completion_tokens) == (llama.count(PROMPT), MOST)
    assert (record["tokens"]["input"], record["tokens"]["output"], record["estimated"]) == (llama.count(PROMPT), MOST, False)
    assert record["cost_nanousd"] == 1_000 * llama.count(PROMPT) + 2_000 * MOST


def test_a_streamed_one_is_not_so_that_it_is_estimated_not_below_and_marked(llama, client, recorded):
    stream = chat(client, stream=True, stream_options={"include_usage": True})
    usage = [chunk.usage for chunk in stream if chunk.usage][-1]
    record = recorded(stream)
    assert record["estimated"] is True
    assert usage.prompt_tokens == record["tokens"]["input"] >= llama.count(PROMPT)
    assert usage.completion_tokens == record["tokens"]["output"] >= MOST
    assert record["cost_nanousd"] >= 1_000 * llama.count(PROMPT) + 2_000 * MOST
