"""The official client reads what the simulated OpenAI writes."""

import json
import time

import openai
import pytest

from ops.simulators.prices import PRICES

HELLO = [{"role": "user", "content": "say: hello world, how are you"}]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
    for name in ("weather", "clock")
]


@pytest.fixture
def client(upstream):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{upstream.port}/openai/v1", api_key="sk-x", max_retries=0) as client:
        yield client


def test_a_completion(client, upstream):
    reply = client.chat.completions.create(model="gpt-5.2", messages=HELLO, reasoning_effort="low", max_completion_tokens=500)
    assert reply.choices[0].message.content == "hello world, how are you"
    assert (reply.model, reply.choices[0].finish_reason, reply.object) == ("gpt-5.2-2025-12-11", "stop", "chat.completion")
    assert reply.usage.completion_tokens_details.reasoning_tokens == 64
    call = upstream.last_call()
    assert (call["input_tokens"], call["output_tokens"]) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
    assert call["cost_nanousd"] == call["input_tokens"] * 1750 + call["output_tokens"] * 14_000
    assert call["usage_delivered"] is True


def test_a_stream(client, upstream):
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "hello world, how are you"
    assert (chunks[0].choices[0].delta.role, chunks[-2].choices[0].finish_reason, chunks[-1].choices) == ("assistant", "stop", [])
    call = upstream.last_call()
    assert (call["outcome"], call["output_tokens"], call["usage_delivered"]) == ("served", chunks[-1].usage.completion_tokens, True)


def test_parallel_tool_calls_gathered_by_the_client(client):
    asked = [{"role": "user", "content": 'call weather {"city": "Oslo"} and call clock'}]
    with client.chat.completions.stream(model="gpt-4.1-mini", messages=asked, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls] == [
        ("weather", {"city": "Oslo"}),
        ("clock", {"city": "text"}),
    ]
    assert message.content is None


def test_json_of_a_schema(client):
    schema = {"name": "place", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    reply = client.chat.completions.create(
        model="gpt-4o-mini", messages=HELLO, response_format={"type": "json_schema", "json_schema": schema}
    )
    assert json.loads(reply.choices[0].message.content) == {"city": "text"}


def test_several_choices_streamed(client):
    chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, n=2, stream=True))
    texts = ["".join(c.choices[0].delta.content or "" for c in chunks if c.choices[0].index == index) for index in (0, 1)]
    assert texts == ["hello world, how are you"] * 2


def test_a_repeated_long_prompt_is_cached_and_cheaper(client, upstream):
    asked = [{"role": "user", "content": f"{time.monotonic_ns()} " + "once upon a time " * 500}]
    usages = [client.chat.completions.create(model="gpt-4o-mini", messages=asked).usage for _ in range(2)]
    assert [usage.prompt_tokens_details.cached_tokens for usage in usages] == [0, usages[0].prompt_tokens // 128 * 128]
    first, second = upstream.calls()
    assert first["cost_nanousd"] - second["cost_nanousd"] == second["cached_tokens"] * 75


def test_the_models(client):
    assert {model.id for model in client.models.list()} == PRICES["openai"].keys()


def test_errors_are_the_clients_own(client, upstream):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nobody", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError) as wrong:
        client.with_options(api_key="sk-bad-1").models.list()
    assert wrong.value.code == "invalid_api_key"
    upstream.fault(status=429, retry_after_s=1.5, times=1)
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert (limited.value.code, limited.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "2")
    assert [(call["outcome"], call["cost_nanousd"]) for call in upstream.calls()] == [("error", 0)] * 2


def test_embeddings_alone_in_a_list_and_short(client, upstream):
    one = client.embeddings.create(model="text-embedding-3-small", input="hello world")  # the client asks for base64
    many = client.embeddings.create(model="text-embedding-3-large", input=["hello world", "bye"], dimensions=8, encoding_format="float")
    assert (len(one.data[0].embedding), [len(row.embedding) for row in many.data]) == (1536, [8, 8])
    assert sum(number**2 for number in one.data[0].embedding) == pytest.approx(1, abs=1e-4)
    calls = upstream.calls()
    assert [(call["operation"], call["input_tokens"]) for call in calls] == [("embeddings", one.usage.prompt_tokens), ("embeddings", 5)]
    assert calls[0]["cost_nanousd"] == one.usage.total_tokens * 20
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="text-embedding-3-small", input=["hello", ""])


def test_refusals_and_logprobs(client):
    asked = [{"role": "user", "content": "please refuse"}]
    with client.chat.completions.stream(model="gpt-4o-mini", messages=asked) as stream:
        message = stream.get_final_completion().choices[0].message
    assert (message.content or None, message.refusal) == (None, "I'm sorry, but I can't help with that.")
    likely = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    assert "".join(token.token for token in likely) == "hello world, how are you"
    assert {len(token.top_logprobs) for token in likely} == {2}
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="gpt-5-mini", messages=HELLO, logprobs=True)


def test_a_legacy_functions_answer_is_taken(client):
    asked = [*HELLO, {"role": "function", "name": "clock", "content": "noon"}]
    assert client.chat.completions.create(model="gpt-4o-mini", messages=asked).choices[0].finish_reason == "stop"


@pytest.fixture
def azure(upstream):
    address = f"http://127.0.0.1:{upstream.port}/azure"
    with openai.AzureOpenAI(azure_endpoint=address, api_version="2024-10-21", api_key="k", max_retries=0) as client:
        yield client


def test_azure_at_its_deployments(azure, upstream):
    reply = azure.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert reply.choices[0].message.content == "hello world, how are you"
    assert reply.choices[0].content_filter_results["hate"] == {"filtered": False, "severity": "safe"}
    chunks = list(azure.chat.completions.create(model="gpt-5.2", messages=HELLO, stream=True, stream_options={"include_usage": True}))
    assert (chunks[0].choices, chunks[0].prompt_filter_results[0]["prompt_index"]) == ([], 0)
    assert chunks[-1].usage.completion_tokens == upstream.last_call()["output_tokens"]
    assert len(azure.embeddings.create(model="text-embedding-3-small", input="hi").data[0].embedding) == 1536
    with pytest.raises(openai.NotFoundError) as unknown:
        azure.chat.completions.create(model="nobody", messages=HELLO)
    assert unknown.value.code == "DeploymentNotFound"
    with pytest.raises(openai.BadRequestError) as filtered:
        azure.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "content_filter"}])
    assert filtered.value.code == "content_filter"


def test_azure_takes_a_token_that_entra_issued(upstream):
    grant = "grant_type=client_credentials&client_id=c&client_secret=s&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
    status, told = upstream.ask("POST", "/entra_token/some-tenant/oauth2/v2.0/token", grant.encode())
    assert (status, told["token_type"], told["expires_in"]) == (200, "Bearer", 3599)
    address = f"http://127.0.0.1:{upstream.port}/azure"
    for token, expected in ((told["access_token"], 200), (told["access_token"] + "0", 401), ("sim-entra.9.x", 401)):
        with openai.AzureOpenAI(azure_endpoint=address, api_version="2024-10-21", azure_ad_token=token, max_retries=0) as client:
            if expected == 200:
                assert client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
            else:
                with pytest.raises(openai.AuthenticationError):
                    client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert upstream.ask("POST", "/entra_token/t/oauth2/v2.0/token", grant.replace("client_credentials", "password").encode())[0] == 400
    assert upstream.ask("POST", "/azure/openai/deployments/gpt-4o-mini/chat/completions", {})[0] == 401


def test_a_response(client, upstream):
    reply = client.responses.create(model="gpt-5.2", input="say: hello world", instructions="Be brief.", reasoning={"effort": "low"})
    assert (reply.output_text, reply.status, reply.instructions) == ("hello world", "completed", "Be brief.")
    assert [item.type for item in reply.output] == ["reasoning", "message"]
    call = upstream.last_call()
    assert (call["operation"], call["input_tokens"], call["output_tokens"]) == ("responses", reply.usage.input_tokens, 64 + 4)
    assert reply.usage.output_tokens_details.reasoning_tokens == 64
    cut = client.responses.create(model="gpt-4o-mini", input=[*HELLO, {"role": "user", "content": "words=50"}], max_output_tokens=16)
    assert (cut.status, cut.incomplete_details.reason, cut.output[0].status) == ("incomplete", "max_output_tokens", "incomplete")


OPENING = ["response.created", "response.in_progress"]
SPOKEN = ["response.output_text.delta"] * 2
DONE_SPEAKING = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]


def test_a_responses_events_in_order(client, upstream):
    thinking = {"effort": "minimal", "summary": "auto"}
    events = list(client.responses.create(model="gpt-5-mini", input="say: hi you", stream=True, reasoning=thinking))
    assert [event.type for event in events] == [
        *OPENING,
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        *SPOKEN,
        *DONE_SPEAKING,
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == "hi you"
    assert events[-1].response.usage.output_tokens == upstream.last_call()["output_tokens"] == 18
    assert (upstream.last_call()["outcome"], upstream.last_call()["usage_delivered"]) == ("served", True)


def test_a_responses_calls_and_their_results(client):
    tools = [{"type": "function", **tool["function"], "strict": False} for tool in TOOLS]
    asked = [{"role": "user", "content": 'call weather {"city": "Oslo"} and call clock'}]
    with client.responses.stream(model="gpt-4o-mini", input=asked, tools=tools) as stream:
        reply = stream.get_final_response()
    calls = [item for item in reply.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("weather", {"city": "Oslo"}), ("clock", {"city": "text"})]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "fine"} for call in calls]
    again = client.responses.create(model="gpt-4o-mini", input=[*asked, *(c.to_dict() for c in calls), *results], tools=tools)
    assert [item.type for item in again.output] == ["message"]
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="gpt-4o-mini", input=[*asked, *results])


def test_responses_refuse_and_are_refused(client, upstream):
    with client.responses.stream(model="gpt-4o-mini", input="please refuse") as stream:
        assert stream.get_final_response().output[0].content[0].refusal.startswith("I'm sorry")
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    assert json.loads(client.responses.create(model="gpt-4o-mini", input="hi", text={"format": schema}).output_text) == {"a": 1}
    for wrong in ({"max_output_tokens": 3}, {"extra_body": {"speed": 1}}, {"previous_response_id": "resp_1"}, {"temperature": 3}):
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="gpt-4o-mini", input="hi", **wrong)
    upstream.fault(error_in_stream=True, times=1)
    events = list(client.responses.create(model="gpt-4o-mini", input="hi", stream=True))
    assert [(event.type, event.code) for event in events] == [("error", "server_is_overloaded")]
    assert [upstream.last_call()[name] for name in ("status", "outcome", "cost_nanousd")] == [200, "error", 0]
