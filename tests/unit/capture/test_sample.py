"""What of a request and an answer is kept."""

import json

import pytest

from signalbox.capture.redactors import Redaction
from signalbox.capture.sample import MOST_BYTES, MOST_CHARS, to_sample
from signalbox.capture.terms import Terms
from signalbox.reply import Choice, Embedding
from signalbox.request import Image, Message, Raw, Reasoning, Request, Text, ToolCall, ToolResult


def sampled(*messages, inputs=(), choices=()):
    redactions = (Redaction(Terms(1, 1)) for _ in MOST_CHARS)
    text = to_sample({"id": "r"}, Request("openai_chat", "m", tuple(messages), inputs=inputs), choices, redactions)
    assert text.isascii()
    assert len(text) <= MOST_BYTES
    return json.loads(text)


def said(text, role="user"):
    return Message(role, (Text(text),))


def test_messages_are_kept_in_their_order_with_their_parts():
    call = ToolCall("c1", "send", '{"to": "ada\\u0040example.com", "n": [4111111111111111, 3, true, null]}')
    sample = sampled(
        Message("user", (Text("see ada@example.com"), Image("data:image/png;base64,SECRET"), Raw({"file": "SECRET"}))),
        Message("assistant", (Reasoning("SECRET"), call)),
        Message("tool", (ToolResult("c1", (Text("sent to ada@example.com"),)),)),
        choices=[Choice((Reasoning("SECRET"), Text("done"), call), refusal="no", finish="stop")],
    )
    arguments = {"to": "[email]", "n": ["[card]", 3, True, None]}
    assert sample["prompt"] == [
        {"role": "user", "text": "see [email]", "parts": ["[image]", "[part]"]},
        {"role": "assistant", "text": "", "parts": [{"tool": "send", "arguments": arguments}]},
        {"role": "tool", "text": "", "parts": [{"result": "sent to [email]"}]},
    ]
    assert sample["answer"] == [{"text": "done", "tools": [{"tool": "send", "arguments": arguments}], "refusal": "no", "finish": "stop"}]
    assert (sample["cut"], sample["redacted"]) == (False, {"email": 4, "card": 2})


def test_what_was_found_once_goes_wherever_it_is_said_again():
    sample = sampled(said("My name is Ada Lovelace. password=hunter22"), choices=[Choice((Text("Hi Ada, hunter22 is weak. Adamant."),))])
    assert sample["prompt"][0]["text"] == "My name is [name]. password=[key]"
    assert sample["answer"] == [{"text": "Hi [name], [key] is weak. Adamant."}]


def test_of_embeddings_the_texts_alone():
    sample = sampled(inputs=("ada@example.com", (1, 2, 3)), choices=[Choice((Embedding((0.25, 0.5)),))])
    assert (sample["prompt"], sample["answer"]) == (["[email]", "[tokens]"], [{}])


def test_the_last_is_kept_where_there_is_too_much():
    sample = sampled(said("first " * 3_000), said("middle " * 1_000), said("the question"), choices=[Choice((Text("a " * 15_000),))])
    first, _, last = (message["text"] for message in sample["prompt"])
    assert last == "the question"
    assert len(first) < 18_000
    assert sum(len(message["text"]) for message in sample["prompt"]) == MOST_CHARS[0] == len(sample["answer"][0]["text"])
    assert sample["cut"] is True


@pytest.mark.parametrize("char", ["\U0001f600", "\0", '"', "\ud800"])
def test_it_fits_into_a_message_whatever_it_holds(char):
    assert sampled(said(char * 50_000), choices=[Choice((Text(char * 50_000),))])["cut"] is True


def test_arguments_that_are_no_json_are_redacted_as_they_are():
    sample = sampled(choices=[Choice((ToolCall("c", "f", '{"to": "ada@example.com'),))])
    assert sample["answer"] == [{"tools": [{"tool": "f", "arguments": '{"to": "[email]'}]}]


@pytest.mark.parametrize(
    "text",
    [
        "ada\u200b@exam\u00adple.com",
        "\uff41\uff44\uff41\uff20example\uff0ecom",
        "ada\u2060@example\ufeff.com",
        "\uff14111 1111 1111 111\uff11",
        "4111\u200d1111\u200b1111\u20601111",
        "+49\u00ad30\u20115551234",
        "sk-proj-\u200babcdefghijklmnop1234",
        "mailto:ada%40example.com",
        "ada&#64;example.com",
        '{"to": "ada\\u0040example.com"}',
        "?phone=%2B49305551234",
        "https://x.example/?u=ada@example.com&n=1",
    ],
)
def test_what_is_spelt_so_that_it_looks_the_same_is_the_same(text):
    kept = json.dumps(sampled(said(f"so {text}"), choices=[Choice((Text(text),))]), ensure_ascii=False)
    assert not [word for word in ("ada", "example.com", "1111", "555", "abcdefgh") if word in kept], kept


def test_results_of_tools_are_read_as_arguments_are():
    text = '{"name": "Lovelace, Ada", "mail": "ada\\u0040example.com", "n": NaN, "deep": [{"k": 4111111111111111}]}'
    sample = sampled(Message("tool", (ToolResult("c", (Text(text),)), ToolResult("d", (Text("5"),)))))
    result = {"name": "Lovelace, Ada", "mail": "[email]", "n": "NaN", "deep": [{"k": "[card]"}]}
    assert sample["prompt"][0]["parts"] == [{"result": result}, {"result": "5"}]
    assert sampled(said('"name": "Lovelace, Ada"'))["prompt"][0]["text"] == '"name": "[name]"'


def test_what_there_is_no_room_for_is_not_looked_at():
    redaction = Redaction(Terms(1, 1))
    looked = redaction.redacted
    lengths = []
    redaction.redacted = lambda text, most: lengths.append(len(text)) or looked(text, most)
    messages = tuple(said("ada@example.com " * 500) for _ in range(128))
    to_sample({}, Request("openai_chat", "m", messages), (), iter([redaction]))
    assert sum(lengths) < MOST_CHARS[0] + 8_000
