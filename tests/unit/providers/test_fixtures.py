"""Every provider, byte for byte: what is sent to it, and what is understood of its answers.

tests/fixtures/README.md says how a set is laid out.
"""

import json
import struct
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.errors import UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.fit import lack_of
from signalbox.providers.registry import wire
from signalbox.providers.retry_after import retry_after_s
from signalbox.providers.rows import ROWS
from signalbox.reply import gather
from signalbox.routing.catalog import CAPABILITIES, Provider, Target
from signalbox.routing.failures import KINDS, kind_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = ("text", "tools", "image", "json_schema", "cached", "reasoning")
ERRORS = ("rate_limited", "auth", "bad_request", "context_too_long", "content_filtered", "not_found")
DOWN = ("overloaded", "server")  # one of them at the least
STREAMS = ("stream.sse", "stream.ndjson", "stream.events.json")
NOW_S = 1_795_000_000.0


def read(path):
    return json.loads(path.read_text())


def folders(kind):
    """Of its cases."""
    return sorted(path.parent.name for path in (FIXTURES / kind).glob("*/request.json"))


def errors(kind):
    return sorted(path.stem for path in (FIXTURES / kind / "errors").glob("*.json"))


# A provider that serves some models in another format has another set for those, whose `kind` names the provider's row.
OTHERS = sorted({path.parent.name for path in FIXTURES.glob("*/provider.json")} - set(ROWS))
SETS = [*ROWS, *OTHERS]
ALL_CASES = [(kind, case) for kind in SETS for case in folders(kind)]
ALL_ERRORS = [(kind, name) for kind in SETS for name in errors(kind) if not name.startswith("in_stream")]
IN_STREAM = [(kind, name) for kind in SETS for name in errors(kind) if name.startswith("in_stream")]


@cache
def provider(kind):
    described = read(FIXTURES / kind / "provider.json")
    of, options = described.get("kind", kind), described.get("options", {})
    return Provider(kind, described["wire"], described["base_url"], None, of, ROWS[of].auth, ROWS[of].on_leave, options)


@cache
def target(kind, case=""):
    described = read(FIXTURES / kind / "provider.json")
    model = described.get("models", {}).get(case) or described["model"]
    most = described.get("max_output_tokens", 8_192)
    return Target(f"{kind}/{model}", kind, model, 200_000, most, frozenset(described["capabilities"]), None, described["wire"])


@cache
def request_of(kind, case):
    given = read(FIXTURES / kind / case / "request.json")
    dialect = given.get("dialect", "openai_chat")
    body = json.dumps(given["body"] if "dialect" in given else given).encode()
    return import_module(f"signalbox.dialects.{dialect}").DIALECT.to_request(body, {})


def event_stream(events):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html, which Bedrock shares."""
    written = []
    for event in events:
        headers = b"".join(
            struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value.encode())) + value.encode()
            for name, value in event["headers"].items()
        )
        payload = json.dumps(event["payload"], separators=(",", ":")).encode()
        prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
        message = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
        written.append(message + struct.pack("!I", crc32(message)))
    return b"".join(written)


@cache
def streamed(kind, case):
    (path,) = [path for name in STREAMS if (path := FIXTURES / kind / case / name).exists()]
    return event_stream(read(path)) if path.suffix == ".json" else path.read_bytes()


def understood(kind, pieces):
    return gather(wire(provider(kind).wire).to_chunks(pieces))


def told(choices, tokens):
    """In the words of reply.json."""
    return {
        "choices": [
            filled(
                text=choice.text,
                reasoning=[
                    filled(text=block.text, signature=signed(block.signature), redacted=block.redacted) for block in choice.reasoning
                ],
                tool_calls=[
                    filled(id=call.id, name=call.name, arguments=call.arguments, signature=signed(call.signature))
                    for call in choice.tool_calls
                ],
                refusal=choice.refusal,
                finish=choice.finish,
                stop_sequence=choice.stop_sequence,
                citations=[filled(**citation._replace(choice=0)._asdict()) for citation in choice.citations],
                logprobs=list(choice.logprobs),
            )
            for choice in choices
        ],
        "tokens": tokens and filled(**tokens._asdict()),
    }


def signed(signature):
    return signature and filled(**signature._asdict())


def filled(**fields):
    return {
        name: value for name, value in fields.items() if value not in (None, "", [], False) and (value != 0 or name in ("start", "end"))
    }


@cache
def expected(kind, case):
    """A signature may be given by its text alone, where its family goes without saying."""
    reply = read(FIXTURES / kind / case / "reply.json")
    for choice in reply["choices"]:
        for name in ("reasoning", "tool_calls", "citations"):
            choice[name] = [filled(**entry) for entry in choice.get(name, [])]
    return {"choices": [filled(**choice) for choice in reply["choices"]], "tokens": filled(**reply["tokens"])}


def counted(kind, case):
    return Tokens(**read(FIXTURES / kind / case / "reply.json")["tokens"])


def uncounted(kind, case):
    """Whether its streams, unlike its whole answers, bring no count."""
    return read(FIXTURES / kind / case / "reply.json").get("streamed_tokens", "") is None


def assert_told(kind, case, choices, tokens):
    actual, wanted = told(choices, tokens), expected(kind, case)
    for ours, theirs in zip(actual["choices"], wanted["choices"], strict=True):
        for name in ("reasoning", "tool_calls"):
            for block, wanted_block in zip(ours.get(name, []), theirs.get(name, []), strict=True):
                if isinstance(wanted_block.get("signature"), str):
                    block["signature"] = block["signature"]["text"]
    assert actual == wanted


@pytest.mark.parametrize("kind", SETS)
def test_every_provider_has_a_set_that_lacks_nothing_without_a_reason(kind):
    described = read(FIXTURES / kind / "provider.json")
    lacking = described.get("lacks", {})
    assert kind in OTHERS or described["wire"] == ROWS[kind].wire
    assert set(described["capabilities"]) <= set(CAPABILITIES)
    there = {*folders(kind), *errors(kind)}
    assert {name for name in (*CASES, *ERRORS) if name not in there} == set(lacking) - there
    assert there & set(lacking) == set()
    assert there & set(DOWN)
    assert all(isinstance(reason, str) and len(reason) > 10 for reason in lacking.values())
    for case in folders(kind):
        kept = {path.name for path in (FIXTURES / kind / case).iterdir()}
        assert {"request.json", "upstream.json", "whole.json", "reply.json"} < kept
        assert len(kept & set(STREAMS)) == 1


@pytest.mark.parametrize(("kind", "case"), ALL_CASES)
def test_what_is_sent_is_what_its_documentation_says(kind, case):
    request = request_of(kind, case)
    assert lack_of(request, target(kind, case), provider(kind)) is None
    http = wire(provider(kind).wire).to_http(request, target(kind, case), provider(kind), request.max_tokens)
    upstream = read(FIXTURES / kind / case / "upstream.json")
    url = urlsplit(http.url)
    assert json.loads(http.body) == upstream["body"]
    assert (http.method, url.path + (f"?{url.query}" if url.query else "")) == (upstream["method"], upstream["path"])
    assert f"{url.scheme}://{url.netloc}" == "{0.scheme}://{0.netloc}".format(urlsplit(provider(kind).base_url))
    sent = {name.lower(): value for name, value in http.headers.items()}
    assert {name: sent.get(name.lower()) for name in upstream.get("headers", {})} == upstream.get("headers", {})


@pytest.mark.parametrize(("kind", "case"), ALL_CASES)
def test_a_streamed_answer_is_understood(kind, case):
    choices, tokens = understood(kind, [streamed(kind, case)])
    if uncounted(kind, case):
        assert tokens is None
    assert_told(kind, case, choices, tokens or counted(kind, case))


@pytest.mark.parametrize(("kind", "case"), ALL_CASES)
def test_a_whole_answer_is_the_same(kind, case):
    whole = json.dumps(read(FIXTURES / kind / case / "whole.json")).encode()
    choices, tokens = gather(wire(provider(kind).wire).from_body(whole))
    assert_told(kind, case, choices, tokens)
    assert (choices, None if uncounted(kind, case) else tokens) == understood(kind, [streamed(kind, case)])


@pytest.mark.parametrize(("kind", "case"), ALL_CASES)
def test_a_stream_means_the_same_byte_by_byte(kind, case):
    stream = streamed(kind, case)
    assert understood(kind, (stream[at : at + 1] for at in range(len(stream)))) == understood(kind, [stream])


@pytest.mark.parametrize(("kind", "case"), ALL_CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_stream_means_the_same_wherever_its_bytes_are_cut(kind, case, data):
    stream = streamed(kind, case)
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20))), len(stream)]
    assert understood(kind, [stream[a:b] for a, b in pairwise(edges)]) == understood(kind, [stream])


@pytest.mark.parametrize(("kind", "case"), ALL_CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_half_a_stream_is_never_taken_for_an_answer(kind, case, data):
    stream = streamed(kind, case)
    try:
        choices, _ = understood(kind, [stream[: data.draw(st.integers(0, len(stream)))]])
    except UpstreamFailure as failure:
        assert failure.kind in ("cut", "malformed")  # noqa: PT017
        return
    whole, _ = understood(kind, [stream])
    assert [choice._replace(citations=()) for choice in choices] == [choice._replace(citations=()) for choice in whole]


@pytest.mark.parametrize(("kind", "name"), ALL_ERRORS)
def test_an_error_is_known_for_what_it_is(kind, name):
    error = read(FIXTURES / kind / "errors" / f"{name}.json")
    body = error["body"].encode() if isinstance(error["body"], str) else json.dumps(error["body"]).encode()
    assert kind_of(error["status"], body) == error["kind"]
    assert error["kind"] in KINDS
    assert retry_after_s({key.lower(): value for key, value in error.get("headers", {}).items()}, body, NOW_S) == error.get("retry_after_s")
    if name in (*ERRORS, *DOWN):
        assert error["kind"] == name


@pytest.mark.parametrize(("kind", "name"), IN_STREAM)
def test_an_error_inside_a_stream_ends_it(kind, name):
    error = read(FIXTURES / kind / "errors" / f"{name}.json")
    stream = event_stream(error["stream"]) if isinstance(error["stream"], list) else error["stream"].encode()
    with pytest.raises(UpstreamFailure) as failure:
        list(wire(provider(kind).wire).to_chunks([stream]))
    assert failure.value.kind == error["kind"]


def test_no_set_is_of_a_provider_that_has_no_row():
    assert {provider(kind).kind for kind in OTHERS} <= set(ROWS)


def test_tokens_are_told_by_the_names_they_have():
    for kind, case in ALL_CASES:
        assert set(expected(kind, case)["tokens"]) <= set(Tokens._fields)
