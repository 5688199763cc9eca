"""How much is done for a chunk and for a message, counted in calls: a clock would say something else on every machine."""

import sys

import pytest

from bench import conversations, streams
from bench.translation import EMBEDDINGS, SPOKEN, WIRES, Figures, place, stream, table, translation
from signalbox.data_api import DIALECTS
from signalbox.dialects.openai_chat import to_request
from signalbox.providers.registry import MODULES, wire
from signalbox.reply import gather

# A third more than the dearest pairs take. Where one goes over, look at `python -m bench.translation` before you allow more.
CALLS_A_CHUNK, CALLS_A_MESSAGE = 145, 95


def calls(work):
    """Of functions and into generators, after a first run, which loads and remembers."""
    work()
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("of", WIRES)
@pytest.mark.parametrize("name", SPOKEN)
def test_a_chunk_takes_few_calls(name, of):
    assert calls(stream(name, of)) / streams.CHUNKS < CALLS_A_CHUNK


@pytest.mark.parametrize("to", WIRES)
@pytest.mark.parametrize("name", SPOKEN)
def test_a_message_takes_few_calls(name, to):
    assert calls(translation(name, conversations.body(name), to)) / conversations.MESSAGES < CALLS_A_MESSAGE


@pytest.mark.parametrize("name", SPOKEN)
def test_a_longer_image_takes_no_more_calls(name):
    small, large = (calls(translation(name, conversations.body(name, size), "openai")) for size in (1_000, 500_000))
    assert large == small


def test_every_dialect_and_every_wire_is_measured():
    assert {*SPOKEN, EMBEDDINGS} == set(DIALECTS.values())
    assert all(name in WIRES or "embeddings" in place(name)[1].capabilities for name in MODULES)


def test_the_conversation_is_as_long_as_it_is_said_to_be():
    request = to_request(conversations.body("openai_chat"), {})
    assert len(request.messages) == conversations.MESSAGES
    assert {message.role for message in request.messages} == {"system", "user", "assistant", "tool"}


@pytest.mark.parametrize("of", WIRES)
def test_each_stream_tells_the_same_answer_in_as_many_chunks(of):
    chunks = list(wire(of).to_chunks(streams.pieces(of)))
    (choice,), tokens = gather(chunks)
    assert choice.finish == "tool_calls"
    assert [call.name for call in choice.tool_calls] == [streams.NAME]
    assert choice.text.startswith("".join(streams.said(streams.TEXTS)))
    assert tokens.output == 500
    assert streams.CHUNKS <= sum(type(chunk).__name__.endswith("Delta") for chunk in chunks) <= streams.CHUNKS + 5


def test_what_is_over_the_goal_is_named(capsys):
    found = {("a", "x"): Figures((0.5, 0.7, 0.6)), ("a", "y"): Figures((2.0, 1.5, 1.9))}
    table(found, "ms", 1.0)
    assert "the worst: a → y, 1.90 ms (best 1.50); the goal is 1: over (1 of 2 pairs)" in capsys.readouterr().out
