import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.request import Format, Image, Message, Request, Text, Thinking, Tool
from signalbox.routing.complexity import EDGE_CHARS, points, score

TOOLS = tuple(Tool(f"t{number}") for number in range(20))


def asked(text="hello", earlier=(), **more):
    return Request("openai_chat", "chat", messages=(*earlier, Message("user", (Text(text),))), **more)


@pytest.mark.parametrize(
    ("request_", "tokens", "feature", "worth"),
    [
        (asked(), 99, "length", 0),
        (asked(), 100, "length", 5),
        (asked(), 32_000, "length", 25),
        (asked("```\nx\n```"), 1, "code", 12),
        (asked("import os\ndef f():\n    return 1"), 1, "code", 8),
        (asked("The return of the king"), 1, "code", 0),
        (asked("Compare both, step by step"), 1, "cues", 10),
        (asked("Prove, derive, compare, evaluate, diagnose\nand design it"), 1, "cues", 20),
        (asked("to improve airplane"), 1, "cues", 0),
        (asked(thinking=Thinking("high")), 1, "thinking", 16),
        (asked(thinking=Thinking(budget_tokens=20_000)), 1, "thinking", 16),
        (asked(thinking=Thinking("none")), 1, "thinking", 0),
        (asked(tools=TOOLS[:2]), 1, "tools", 7),
        (asked(tools=TOOLS), 1, "tools", 12),
        (asked(earlier=(Message("user", (Text("a"),)), Message("assistant", (Text("b"),)))), 1, "turns", 1),
        (asked(earlier=(Message("user", (Image("https://x"),)),)), 1, "images", 5),
        (asked(response_format=Format({"type": "object"})), 1, "schema", 5),
        (asked(response_format=Format()), 1, "schema", 0),
    ],
)
def test_each_feature_has_its_points(request_, tokens, feature, worth):
    assert points(request_, tokens)[feature] == worth


def test_a_greeting_is_worth_nothing_and_everything_at_once_a_hundred():
    assert score(asked("hi"), 1) == 0
    talk = (Message("user", (Text("a"), Image("https://x"))), *[Message("assistant", (Text("b"),))] * 30)
    text = "```x``` prove, derive, compare, evaluate"
    assert score(asked(text, talk, tools=TOOLS, thinking=Thinking("xhigh"), response_format=Format({})), 99_999) == 100


def test_only_what_was_said_last_and_only_its_edges_are_read():
    assert points(asked("hi", (Message("user", (Text("prove it"),)),)), 1)["cues"] == 0
    hidden, shown = "x" * (EDGE_CHARS + 9), "y" * EDGE_CHARS
    assert points(asked(f"{hidden} prove {hidden}"), 1)["cues"] == 0
    assert points(asked(f"{hidden}{shown[:-9]} prove "), 1)["cues"] == 5


@given(st.text(), st.integers(0, 10**7), st.integers(0, 9))
def test_it_is_the_same_for_the_same_and_never_outside_its_bounds(text, tokens, tools):
    found = score(asked(text, tools=TOOLS[:tools]), tokens)
    assert 0 <= found <= 100
    assert found == score(asked(text, tools=TOOLS[:tools]), tokens)
    assert found <= score(asked(text, tools=TOOLS[: tools + 1]), tokens + 1_000)
