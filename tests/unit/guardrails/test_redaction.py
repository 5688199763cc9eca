"""What must not leave does not, in either direction, however a stream is cut."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.guardrails.redaction import HELD_CHARS, PATTERNS, make
from signalbox.money import Tokens
from signalbox.reply import Citation, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import Format, Message, Raw, Reasoning, Request, Signature, Text, Tool, ToolCall, ToolResult

EXAMPLES = {
    "email": "ann.lee+x@mail.example.com",
    "credit_card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "us_ssn": "078-05-1120",
    "ipv4": "192.168.0.17",
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "api_key": "sk-proj-abcdefghijklmnop1234",
    "private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_each_pattern_takes_its_own(name):
    redaction = make({"patterns": [name]})
    assert redaction.redacted(f"before {EXAMPLES[name]} after") == f"before [{name}] after"


@pytest.mark.parametrize("text", ["version 1.2.3", "call me at 5", "a @ b", "2026-11-21", "sk-short", "the year 1984"])
def test_what_is_harmless_stays(text):
    assert make({}).redacted(text) == text


def test_every_text_of_a_request_is_looked_at():
    secret = EXAMPLES["email"]
    parts = (
        Text(f"to {secret}"),
        ToolCall("c", "send", f'{{"to": "{secret}"}}'),
        ToolResult("c", (Text(secret),)),
        Reasoning(secret),
        Reasoning(secret, Signature("anthropic", "s")),
    )
    request = make({}).before(Request("openai_chat", "m", (Message("user", parts),), inputs=(secret, (1, 2))))
    assert list(request.messages[0].parts) == [
        Text("to [email]"),
        ToolCall("c", "send", '{"to": "[email]"}'),
        ToolResult("c", (Text("[email]"),)),
        Reasoning("[email]"),
        Reasoning(secret, Signature("anthropic", "s")),
    ]
    assert request.inputs == ("[email]", (1, 2))


def test_what_only_one_dialect_knows_and_what_is_said_of_tools_is_looked_at_too():
    secret, blob = EXAMPLES["email"], "QUJD" * 100
    request = make({}).before(
        Request(
            "openai_chat",
            "m",
            (
                Message(
                    "user",
                    (
                        Raw({"type": "document", "source": {"type": "text", "data": secret}, secret: [secret, 4111111111111111, 7]}),
                        Raw({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{blob}"}}),
                        ToolCall("c", "send", '{"to": "ann.lee\\u0040example.com", "n": 1}'),
                        ToolCall("d", "send", '{"to": ann.lee@example.com'),
                        ToolCall("e", "send", '{"to":  "nobody"}'),
                        ToolResult("c", (Raw({"type": "search_result", "content": [{"text": secret}]}),)),
                    ),
                    secret,
                    {"refusal": secret},
                ),
            ),
            tools=(Tool("f", secret, {"enum": [secret]}), Raw({"type": "custom", "custom": {"description": secret}})),
            response_format=Format({"const": secret}, description=secret),
            user=secret,
            extra={"prediction": {"type": "content", "content": secret}},
        )
    )
    assert "@" not in repr(request)
    assert "\\u0040" not in repr(request)
    parts = request.messages[0].parts
    assert parts[0] == Raw({"type": "document", "source": {"type": "text", "data": "[email]"}, "[email]": ["[email]", "[credit_card]", 7]})
    assert parts[1].json["file"]["file_data"].endswith(blob)
    assert [part.arguments for part in parts[2:5]] == ['{"to": "[email]", "n": 1}', '{"to": [email]', '{"to":  "nobody"}']
    assert request.tools == (Tool("f", "[email]", {"enum": ["[email]"]}), Raw({"type": "custom", "custom": {"description": "[email]"}}))


def test_a_source_of_an_answer_is_looked_at_too():
    secret = EXAMPLES["email"]
    (told,) = make({}).after(iter([Citation(f"https://x.example/?to={secret}", secret, secret)]))
    assert secret not in repr(told)


def test_a_request_without_any_is_the_same_one():
    request = Request("openai_chat", "m", (Message("user", (Text("hi"),)),))
    assert make({}).before(request) is request


def test_one_way_leaves_the_other_alone():
    request = Request("openai_chat", "m", (Message("user", (Text(EXAMPLES["email"]),)),))
    chunks = [TextDelta(EXAMPLES["email"])]
    assert make({"on": ["output"]}).before(request) is request
    assert list(make({"on": ["input"]}).after(iter(chunks))) == chunks


filler = st.text(alphabet="abc xyz.,\n", max_size=300)
secrets = st.sampled_from([EXAMPLES[name] for name in EXAMPLES])


@given(st.lists(st.tuples(filler, secrets), max_size=6), filler, st.data())
def test_a_stream_cut_anywhere_tells_what_the_whole_would(pairs, end, data):
    text = "".join(f"{before} {secret} " for before, secret in pairs) + end
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    pieces = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    redaction = make({})
    chunks = list(redaction.after(iter([*[TextDelta(piece) for piece in pieces], Finish("stop"), Usage(Tokens(1))])))
    choices, tokens = gather(chunks)
    assert (choices[0].text if choices else "") == redaction.redacted(text)
    assert (choices[0].finish, tokens) == ("stop", Tokens(1))


def test_texts_reasoning_and_calls_keep_their_order_and_places():
    secret = EXAMPLES["us_ssn"]
    chunks = [
        ReasoningDelta("I know "),
        ReasoningDelta(secret),
        TextDelta("so "),
        TextDelta(secret),
        ToolCallDelta(0, "", "c0", "f"),
        ToolCallDelta(0, '{"a":"078-'),
        ToolCallDelta(0, '05-1120"}'),
        ToolCallDelta(1, "{}", "c1", "g"),
        TextDelta("second", 1),
        Finish("tool_calls"),
        Finish("stop", 1),
    ]
    choices, _ = gather(make({}).after(iter(chunks)))
    assert choices[0].parts == (
        Reasoning("I know [us_ssn]"),
        Text("so [us_ssn]"),
        ToolCall("c0", "f", '{"a":"[us_ssn]"}'),
        ToolCall("c1", "g", "{}"),
    )
    assert choices[1].text == "second"


def test_a_signature_goes_with_the_reasoning_that_it_signs_and_not_with_another():
    signature = Signature("anthropic", "sig")
    signed = [ReasoningDelta("fine"), ReasoningDelta("", signature=signature), TextDelta("x"), Finish("stop")]
    changed = [ReasoningDelta(EXAMPLES["email"]), ReasoningDelta("", signature=signature), TextDelta("x"), Finish("stop")]
    assert gather(make({}).after(iter(signed)))[0][0].reasoning == (Reasoning("fine", signature),)
    assert gather(make({}).after(iter(changed)))[0][0].reasoning == (Reasoning("[email]"),)


def test_no_more_is_held_back_than_it_says():
    told = make({}).after(TextDelta("word ") for _ in range(1_000))
    first = next(told)
    assert len(first.text) <= 10
    assert len("".join(chunk.text for chunk in told)) + len(first.text) == 5_000
    assert HELD_CHARS < 500


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patterns": ["smell"]}, "must be names of"),
        ({"patterns": "email"}, "must be names of"),
        ({"custom": {"x": "("}}, "no regular expression"),
        ({"custom": {"x": "a{0,9}"}}, "matches an empty text"),
        ({"custom": {"x": "(a+)+b"}}, "without a bound"),
        ({"custom": {"x": r"\w+@"}}, "write {1,64} for +"),
        ({"custom": {f"x{n}": "a" for n in range(21)}}, "20 are the most"),
        ({"custom": {5: "a"}}, "must map names"),
        ({"custom": {"Bad Name": "a"}}, "cannot be a pattern's name"),
        ({"custom": {"x": 5}}, "must map names"),
        ({"custom": {"x": "a" * 501}}, "500 are the most"),
        ({"on": []}, "must name input"),
        ({"on": ["sideways"]}, "must name input"),
        ({"onn": []}, "unknown option 'onn'"),
    ],
)
def test_options_that_mean_nothing_are_refused_by_name(options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make(options)


def test_a_pattern_of_ones_own():
    redaction = make({"patterns": [], "custom": {"project": r"Project [A-Z]\w{1,40}"}})
    assert redaction.redacted("on Project Nightjar, mail ann@example.com") == "on [project], mail ann@example.com"


@pytest.mark.parametrize(
    "text", ["1-", "a.", "a@b.-", "AB12 ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nA-----END ", "sk-"]
)
def test_no_text_makes_it_slow(text):
    began = time.process_time()
    make({}).redacted((text * 2**20)[: 2**20])
    assert time.process_time() - began < 5


def test_a_key_with_headers_is_one():
    key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nMIIE--x\n-----END RSA PRIVATE KEY-----"
    assert make({}).redacted(f"see {key}.") == "see [private_key]."
