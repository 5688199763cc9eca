"""LangChain's model of OpenAI's API, in both of the ways it can ask."""

import openai
import pydantic
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from .asks import ANSWERED, CALL, CALLED, MOST, PROMPT, SAID


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return ANSWERED


FORCED = ("openai/", "anthropic/", "bedrock/", "gemini/")


class Weather(pydantic.BaseModel):
    """Where it is."""

    city: str


@pytest.fixture(params=[False, True], ids=["chat", "responses"])
def chat(request, base, key, model):
    return ChatOpenAI(model=model, base_url=base, api_key=key, max_retries=0, max_tokens=MOST, use_responses_api=request.param)


def test_invoke(chat):
    answer = chat.invoke([("system", "be brief"), ("human", PROMPT)])
    assert answer.text == SAID
    assert answer.usage_metadata["total_tokens"] == answer.usage_metadata["input_tokens"] + answer.usage_metadata["output_tokens"] > 0


def test_stream_with_usage(chat):
    chunks = list(chat.stream(PROMPT, **({} if chat.use_responses_api else {"stream_usage": True})))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.text == SAID
    assert whole.usage_metadata == chat.invoke(PROMPT).usage_metadata


def test_a_bound_tool_and_its_result(chat):
    bound = chat.bind_tools([weather])
    answer = bound.invoke(CALL)
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("weather", CALLED)
    result = weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert bound.invoke([HumanMessage(CALL), answer, result]).text


def test_a_streamed_tool(chat):
    chunks = list(chat.bind_tools([weather]).stream(CALL))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("weather", CALLED)]


def test_structured_output(chat):
    assert isinstance(chat.with_structured_output(Weather, method="json_schema").invoke("where?"), Weather)


def test_structured_output_by_a_tool(chat):
    """For that it forbids parallel calls, which not every provider can be told, and forces its one tool, which nearly every one can."""
    asked = chat.with_structured_output(Weather, method="function_calling")
    if chat.model_name.startswith(FORCED):
        assert isinstance(asked.invoke("where?"), Weather)
    else:
        with pytest.raises(openai.BadRequestError) as refused:
            asked.invoke("where?")
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "tool_choice")


def test_embeddings(base, key):
    """It counts tokens by itself and sends their numbers, but where it is told not to: then texts, in base64's stead as numbers."""
    model = OpenAIEmbeddings(model="openai/text-embedding-3-small", base_url=base, api_key=key, check_embedding_ctx_length=False)
    one, two = model.embed_documents(["one", "two"])
    assert len(one) == len(two) > 100
    assert model.embed_query("one") == pytest.approx(one)


def test_errors_are_openais(base, key):
    with pytest.raises(openai.NotFoundError):
        ChatOpenAI(model="nobody", base_url=base, api_key=key, max_retries=0).invoke(PROMPT)
    with pytest.raises(openai.AuthenticationError):
        ChatOpenAI(model="chat", base_url=base, api_key="sk-forged", max_retries=0).invoke(PROMPT)
