"""Invocations one after the other: event and context in, buffered answers and errors out."""

import base64

import pytest

WITHHELD = "ValueError: the message is withheld, it may quote a prompt; see stackTrace"


@pytest.fixture
def worker(start):
    return start(SIGNALBOX_RESPONSE_MODE="buffered")


def test_next_then_response_again_and_again(api, worker):
    first, second = api.invoke("whole", body="1"), api.invoke("whole", body="2")
    api.finish(first, second)
    assert [one.json["body"] for one in (first, second)] == ["1", "2"]
    assert api.said == ["registered", *["next", "response begins", "response ends"] * 2, "next"]


def test_a_buffered_answer_is_api_gateways(api, worker):
    api.finish(invocation := api.invoke("whole", body="grüße"))
    assert invocation.answer.headers["content-type"] == "application/json"
    assert invocation.json == {"statusCode": 201, "headers": {"content-type": "text/plain"}, "body": "grüße", "isBase64Encoded": False}


def test_an_iterators_chunks_are_gathered(api, worker):
    api.finish(invocation := api.invoke("streamed"))
    assert invocation.json["body"] == "onetwo"
    assert not invocation.answer.chunks


def test_a_binary_body_goes_as_base64(api, worker):
    api.finish(invocation := api.invoke("binary"))
    assert invocation.json["isBase64Encoded"] is True
    assert base64.b64decode(invocation.json["body"], validate=True) == b"\x89PNG\xff\x00"


def test_a_large_event_arrives_whole_even_in_chunks(api, worker):
    body = "ü" * 1_000_000
    api.finish(*(several := [api.invoke("whole", body=body, event_is_chunked=chunked) for chunked in (True, False)]))
    assert all(one.json["body"] == body for one in several)


def test_more_than_lambda_takes_in_one_piece_is_an_error_that_says_so(api, worker):
    api.finish(invocation := api.invoke("huge", bytes=6 * 1024 * 1024))
    assert invocation.kind == "error"
    assert invocation.json["errorType"] == "Function.ResponseSizeTooLarge"
    assert "6291456" in invocation.json["errorMessage"]


@pytest.mark.parametrize("mode", ["stream", "buffered"])
def test_an_error_of_the_handler_is_reported_without_its_text_and_survived(api, start, mode):
    worker = start(SIGNALBOX_RESPONSE_MODE=mode)
    bad, good = api.invoke("raises"), api.invoke("whole")
    api.finish(bad, good)
    assert (bad.kind, good.kind) == ("error", "response")
    assert (bad.json["errorType"], bad.json["errorMessage"]) == ("Function.ValueError", WITHHELD)
    assert bad.json["stackTrace"][-1].endswith(" in raises")
    assert [(line["message"], line["request_id"]) for line in worker.errors] == [("the invocation failed", bad.id)]
    assert "a prompt in" not in str(worker.logs)


def test_a_buffered_body_that_breaks_is_an_error(api, worker):
    api.finish(invocation := api.invoke("breaks"))
    assert (invocation.kind, invocation.json["errorType"]) == ("error", "Function.ValueError")
    assert api.said[-3:] == ["error ends", "after", "next"]


def test_what_is_no_response_is_an_error(api, worker):
    api.finish(invocation := api.invoke("returns_nothing"))
    assert invocation.json["errorType"] == "Runtime.MarshalError"
    assert invocation.json["errorMessage"] == "the handler must return a Response, not NoneType"


def test_an_event_that_is_no_json_is_an_error(api, worker):
    api.finish(invocation := api.invoke(raw=b"not json"))
    assert (invocation.kind, invocation.json["errorType"]) == ("error", "Function.JSONDecodeError")


def test_context_and_trace_id_are_each_invocations_own(api, worker):
    first, second = api.invoke("context_of", trace_id="Root=1-5bef4de7;Sampled=1"), api.invoke("context_of")
    api.finish(first, second)
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:complete:live"
    told = [what for what in api.said if what.startswith(("id-", "trace", "remaining"))]
    assert told == [
        f"{first.id} {first.deadline_ms} {arn} Root=1-5bef4de7;Sampled=1",
        "trace id Root=1-5bef4de7;Sampled=1",
        "remaining True",
        f"{second.id} {second.deadline_ms} {arn} ",
        "trace id ",
        "remaining True",
    ]


def test_after_comes_behind_the_answer_and_before_the_next_one(api, worker):
    invocation = api.invoke("after_waits")
    api.wait_until_said("response ends")
    assert api.said[-1] == "response ends"
    api.open_gate("after")
    api.finish(invocation)
    assert api.said[-3:] == ["response ends", "after", "next"]


def test_an_error_after_the_answer_is_logged_and_survived(api, worker):
    bad, good = api.invoke("after_raises"), api.invoke("whole")
    api.finish(bad, good)
    assert (bad.kind, good.kind) == ("response", "response")
    assert [(line["message"], line["errorType"]) for line in worker.errors] == [("work after the answer failed", "Function.KeyError")]
    assert "a prompt in" not in str(worker.logs)


def test_an_answer_that_is_refused_is_said_and_survived(api, worker):
    refused, good = api.invoke("whole", status=413), api.invoke("whole")
    api.finish(refused, good)
    assert [(line["message"], line["status"]) for line in worker.errors] == [("the Runtime API refused it", 413)]
