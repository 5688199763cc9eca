"""What a target cannot do is known before it is called, by the parameter's name."""

import pytest

from signalbox.providers.contract import Wire
from signalbox.providers.fit import CARRIED, NEEDS, lack_of
from signalbox.providers.openai import chat as openai
from signalbox.request import Format, Image, Message, Raw, Request, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from signalbox.routing.catalog import CAPABILITIES, Provider, Target

PROVIDER = Provider("p", "openai", "https://example.com", None, "p")
PLAIN = Request("openai_chat", "m", (Message("user", (Text("hi"),)),))
WIRE = Wire(openai.to_http, openai.to_chunks, openai.from_body)


@pytest.fixture
def wires(monkeypatch):
    """The wire that a test says."""
    known = {"it": WIRE}
    monkeypatch.setattr("signalbox.providers.fit.wire", known.__getitem__)
    return known


def lack(request, *capabilities, wire="it"):
    return lack_of(request, Target("p/m", "p", "m", 1000, 100, frozenset(capabilities), None, wire), PROVIDER)


NEEDING = {
    "tools": PLAIN._replace(tools=(Tool("f"),)),
    "vision": PLAIN._replace(messages=(Message("user", (Image("data:x"),)),)),
    "json_schema": PLAIN._replace(response_format=Format({"type": "object"})),
    "reasoning": PLAIN._replace(thinking=Thinking("high")),
    "embeddings": PLAIN._replace(inputs=("a",)),
}


@pytest.mark.parametrize("capability", NEEDS)
def test_a_capability_that_the_model_lacks_is_named_by_its_parameter(wires, capability):
    parameter, why = lack(NEEDING[capability])
    assert parameter == NEEDS[capability][1]
    assert capability.replace("_", " ") in why
    assert lack(NEEDING[capability], capability) is None


def test_every_capability_is_checked_or_no_matter_of_a_request():
    assert set(CAPABILITIES) - set(NEEDS) == {"streaming"}


def test_a_history_of_tools_and_pictures_in_results_need_their_capabilities(wires):
    called = PLAIN._replace(messages=(Message("assistant", (ToolCall("c", "f", "{}"),)),))
    shown = PLAIN._replace(messages=(Message("tool", (ToolResult("c", (Image("data:x"),)),)),))
    assert lack(called)[0] == "tools"
    assert lack(shown, "tools")[0] == "messages"


def test_no_effort_and_json_of_any_shape_need_nothing(wires):
    assert lack(PLAIN._replace(thinking=Thinking("none"), response_format=Format())) is None


def test_an_embedding_model_completes_nothing(wires):
    assert lack(PLAIN, "embeddings")[0] == "model"


OTHER = {"top_k": 3, "seed": 0, "n": 2, "frequency_penalty": 0.5, "presence_penalty": -1, "logprobs": 0, "parallel_tool_calls": False}


@pytest.mark.parametrize("name", [name for name in CARRIED if name != "dimensions"])
def test_a_parameter_that_the_format_cannot_say_is_refused_by_name(wires, name):
    request = PLAIN._replace(**{name: OTHER[name]}, tools=(Tool("f"),))
    assert lack(request, "tools")[0] == name
    wires["it"] = WIRE._replace(carries=frozenset({name}))
    assert lack(request, "tools") is None


def test_one_call_at_a_time_is_no_wish_where_there_is_but_one_to_come(wires):
    """LangChain's structured output asks for it with every tool that it forces."""
    alone = PLAIN._replace(tools=(Tool("f"),), parallel_tool_calls=False)
    assert lack(alone._replace(tool_choice=ToolChoice("required")), "tools")[0] == "parallel_tool_calls"
    assert lack(alone._replace(tool_choice=ToolChoice("tool", "f")), "tools") is None
    assert lack(PLAIN._replace(parallel_tool_calls=False)) is None


@pytest.mark.parametrize("given", [{"n": 1}, {"frequency_penalty": 0}, {"presence_penalty": 0.0}, {"parallel_tool_calls": True}])
def test_a_value_that_asks_for_nothing_is_no_hindrance(wires, given):
    assert lack(PLAIN._replace(**given)) is None


@pytest.mark.parametrize(
    ("request_", "parameter"),
    [
        (PLAIN._replace(messages=(Message("user", (Raw({"type": "file"}),)),)), "messages"),
        (PLAIN._replace(tools=(Raw({"type": "web_search"}),)), "tools"),
        (PLAIN._replace(tools=(Tool("f"),), tool_choice=Raw({"type": "allowed_tools"})), "tool_choice"),
        (PLAIN._replace(extra={"logit_bias": {"1": 2}}), "logit_bias"),
        (PLAIN._replace(extra={"service_tier": "priority"}), "service_tier"),
    ],
)
def test_what_only_the_clients_own_dialect_knows_goes_to_providers_that_read_it(wires, request_, parameter):
    assert lack(request_, "tools")[0] == parameter
    wires["it"] = WIRE._replace(reads=frozenset({"openai_chat"}))
    assert lack(request_, "tools") is None


def test_what_has_no_effect_on_the_answer_is_no_hindrance(wires):
    extra = {"metadata": {"a": "b"}, "store": True, "service_tier": "auto", "safety_identifier": "x", "modalities": ["text"]}
    assert lack(PLAIN._replace(extra=extra, user="u", tool_choice=ToolChoice("auto"))) is None


def test_what_is_left_out_of_a_long_context_is_no_hindrance_but_a_summary_of_it_is(wires):
    cleared = [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}]
    assert lack(PLAIN._replace(extra={"context_management": {"edits": cleared}, "client_metadata": {"a": "b"}})) is None
    for edits in ([*cleared, {"type": "compact_20260112"}], "clear_all", ["clear_all"], None):
        assert lack(PLAIN._replace(extra={"context_management": {"edits": edits}}))[0] == "context_management"


def test_a_wire_may_lack_more(wires):
    wires["it"] = WIRE._replace(
        lacks=lambda request, target, provider: ("temperature", "it goes from 0 to 1") if request.temperature else None
    )
    assert lack(PLAIN._replace(temperature=1.5)) == ("temperature", "it goes from 0 to 1")
    assert lack(PLAIN) is None
