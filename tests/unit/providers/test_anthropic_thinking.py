"""How much each generation of Claude is told to think, and what it takes beside that."""

import pytest

from signalbox.providers.anthropic.models import claude
from signalbox.providers.anthropic.thinking import lack, to_sampling, to_thinking
from signalbox.request import Message, Reasoning, Request, Signature, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult

SONNET, OPUS, NEWER, NEWEST = "claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101", "claude-opus-4-6", "claude-sonnet-5"
HELLO = Message("user", (Text("hello"),))


def asked(*messages, dialect="openai_chat", **fields):
    return Request(dialect, "chat", messages or (HELLO,), **fields)


def budget(tokens):
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("claude-sonnet-4-5-20250929", 4.5),
        ("claude-sonnet-4-5", 4.5),
        ("Claude-Sonnet-4.5", 4.5),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 4.5),
        ("claude-haiku-4-5@20251001", 4.5),
        ("anthropic.claude-opus-4-5-20250514", 4.5),
        ("claude-sonnet-4-20250514", 4.0),
        ("anthropic.claude-opus-4-1-20250805-v1:0", 4.1),
        ("claude-3-7-sonnet-20250219", 4.0),
        ("claude-3-haiku-20240307", 4.0),
        ("anthropic.claude-opus-4-6-v1", 4.6),
        ("claude-opus-4-8", 4.7),
        ("claude-sonnet-5", 5.0),
        ("claude-haiku-5-5", 5.0),
        ("claude-fable-5-1", 5.0),
        ("claude-mythos-preview", 5.0),
        ("arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3", 4.5),
        ("claude-instant", 4.5),
    ],
)
def test_a_name_tells_its_generation(model, version):
    row = claude(model)
    shown = {
        (True, False, True, False): 4.0,
        (True, True, True, False): 4.1,
        (True, True, True, True): 4.5,
        (False, True, False, True): 4.7,
    }
    by_row = shown[row.samples, row.one_of, row.budgets, row.schemas]
    if row.adapts:
        by_row = 4.6 if row.budgets else 5.0 if row.thinks else 4.7
    assert by_row == version


@pytest.mark.parametrize(
    ("thinking", "model", "max_tokens", "written"),
    [
        (None, SONNET, 8_000, (None, None)),
        (Thinking("none"), SONNET, 8_000, (None, None)),
        (Thinking(budget_tokens=0), SONNET, 8_000, (None, None)),
        (Thinking("minimal"), SONNET, 64_000, (budget(1_024), None)),
        (Thinking("low"), SONNET, 64_000, (budget(2_048), None)),
        (Thinking("medium"), SONNET, 64_000, (budget(8_192), None)),
        (Thinking("high"), SONNET, 64_000, (budget(16_384), None)),
        (Thinking("xhigh"), SONNET, 64_000, (budget(32_768), None)),
        (Thinking(summary="auto"), SONNET, 64_000, (budget(8_192), None)),
        (Thinking("high"), SONNET, 4_000, (budget(3_200), None)),
        (Thinking("low"), SONNET, 1_100, (budget(1_024), None)),
        (Thinking("low"), SONNET, 1_024, (None, None)),
        (Thinking(budget_tokens=5_000), SONNET, 5_001, (budget(5_000), None)),
        (Thinking(budget_tokens=5_000), SONNET, 5_000, (budget(4_000), None)),
        (Thinking(budget_tokens=3), SONNET, 5_000, (budget(1_024), None)),
        (Thinking("high", 2_000), SONNET, 5_000, (budget(2_000), None)),
        (Thinking("medium"), OPUS, 64_000, (budget(8_192), "medium")),
        (Thinking("xhigh"), OPUS, 64_000, (budget(32_768), "high")),
        (Thinking("minimal"), OPUS, 64_000, (budget(1_024), "low")),
        (Thinking("xhigh"), NEWER, 64_000, ({"type": "adaptive"}, "high")),
        (Thinking(budget_tokens=5_000), NEWER, 64_000, (budget(5_000), None)),
        (Thinking("xhigh"), NEWEST, 64_000, ({"type": "adaptive"}, "xhigh")),
        (Thinking("low", summary="detailed"), NEWEST, 64_000, ({"type": "adaptive", "display": "summarized"}, "low")),
        (Thinking(), NEWEST, 64_000, ({"type": "adaptive"}, None)),
        (Thinking(budget_tokens=1_500), NEWEST, 64_000, ({"type": "adaptive"}, "low")),
        (Thinking(budget_tokens=9_000), NEWEST, 64_000, ({"type": "adaptive"}, "high")),
        (Thinking(budget_tokens=60_000), NEWEST, 64_000, ({"type": "adaptive"}, "xhigh")),
        (Thinking("none"), NEWEST, 64_000, ({"type": "disabled"}, None)),
    ],
)
def test_an_effort_or_a_budget_is_said_in_the_models_words(thinking, model, max_tokens, written):
    assert to_thinking(asked(thinking=thinking), model, max_tokens) == written


def test_effort_alone_is_no_wish_for_thoughts_in_claudes_own_dialect():
    request = asked(dialect="anthropic_messages", thinking=Thinking("low"))
    assert to_thinking(request, OPUS, 8_000) == (None, "low")
    assert to_thinking(request._replace(thinking=Thinking("low", 2_000)), OPUS, 8_000) == (budget(2_000), "low")


CALL = ToolCall("c", "f", "{}")
RESULT = Message("tool", (ToolResult("c", (Text("x"),)),))
THOUGHT = Reasoning("hm", Signature("anthropic", "s"))


@pytest.mark.parametrize(
    ("messages", "thinks"),
    [
        ((HELLO,), True),
        ((HELLO, Message("assistant", (CALL,)), RESULT), False),
        ((HELLO, Message("assistant", (THOUGHT, CALL)), RESULT), True),
        ((HELLO, Message("assistant", (Reasoning("hm", Signature("openai", "s")), CALL)), RESULT), False),
        ((HELLO, Message("assistant", (Reasoning("hm"), CALL)), RESULT), False),
        # A later step of the same turn may do without.
        ((HELLO, Message("assistant", (THOUGHT, CALL)), RESULT, Message("assistant", (CALL,)), RESULT), True),
        ((HELLO, Message("assistant", (CALL,)), RESULT, Message("assistant", (THOUGHT, CALL)), RESULT), False),
        # What was before the user's last words does not matter.
        ((HELLO, Message("assistant", (CALL,)), RESULT, HELLO), True),
        ((HELLO, Message("assistant", (CALL,)), Message("user", (ToolResult("c", ()), Text("and?")))), False),
    ],
)
def test_calls_that_began_without_a_thought_go_on_without(messages, thinks):
    thoughts, _ = to_thinking(asked(*messages, thinking=Thinking("low")), SONNET, 8_000)
    assert bool(thoughts) is thinks
    assert to_thinking(asked(*messages, thinking=Thinking("low")), NEWEST, 8_000)[0] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("fields", "model", "parameter"),
    [
        ({"temperature": 1.2}, SONNET, "temperature"),
        ({"temperature": 0}, SONNET, None),
        ({"temperature": 0, "top_p": 0.5}, SONNET, "top_p"),
        ({"temperature": 0, "top_p": 0.5}, "claude-sonnet-4-20250514", None),
        ({"temperature": 0, "top_p": 1}, SONNET, None),
        ({"temperature": 0.5}, NEWEST, "temperature"),
        ({"top_p": 0.5}, NEWEST, "top_p"),
        ({"top_k": 5}, NEWEST, "top_k"),
        ({"temperature": 1, "top_p": 1}, NEWEST, None),
        ({"thinking": Thinking("low"), "temperature": 0}, SONNET, "temperature"),
        ({"thinking": Thinking("low"), "temperature": 1}, SONNET, None),
        ({"thinking": Thinking("none"), "temperature": 0}, SONNET, None),
        ({"thinking": Thinking("low"), "top_p": 0.9}, SONNET, "top_p"),
        ({"thinking": Thinking("low"), "top_p": 0.95}, SONNET, None),
        ({"thinking": Thinking("low"), "top_k": 9}, SONNET, "top_k"),
        ({"thinking": Thinking("low"), "tools": (Tool("f"),), "tool_choice": ToolChoice("required")}, SONNET, "tool_choice"),
        ({"thinking": Thinking("low"), "tools": (Tool("f"),), "tool_choice": ToolChoice("tool", "f")}, SONNET, "tool_choice"),
        ({"thinking": Thinking("low"), "tools": (Tool("f"),), "tool_choice": ToolChoice("none")}, SONNET, None),
        ({"thinking": Thinking("none")}, NEWEST, None),
        ({"thinking": Thinking("none")}, "claude-opus-5-5", "reasoning_effort"),
        ({"thinking": Thinking("none"), "extra": {"thinking": {"type": "between_tools"}}}, "claude-sonnet-5-5", None),
        ({}, "claude-fable-5", None),
    ],
)
def test_what_a_model_does_not_take_is_named(fields, model, parameter):
    found = lack(asked(**fields), model)
    assert (found and found[0]) == parameter


@pytest.mark.parametrize(
    ("temperature", "top_p", "model", "written"),
    [
        (0, None, SONNET, {"temperature": 0, "top_p": None}),
        (0, 1, SONNET, {"temperature": 0}),
        (1, 0.5, SONNET, {"top_p": 0.5}),
        (1, 1, SONNET, {"temperature": 1}),
        (0, 0.5, "claude-3-7-sonnet", {"temperature": 0, "top_p": 0.5}),
        (1, 1, NEWEST, {}),
    ],
)
def test_a_value_that_changes_nothing_is_left_out_where_it_would_be_refused(temperature, top_p, model, written):
    assert to_sampling(asked(temperature=temperature, top_p=top_p), model) == written
