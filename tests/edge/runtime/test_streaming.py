"""Streamed answers: what goes over the wire, when, and what happens where they do not reach their end."""

import base64
import json

WITHHELD = "ValueError: the message is withheld, it may quote a prompt; see stackTrace"


def parts(call):
    prelude, end, body = call.body.partition(b"\0" * 8)
    assert end
    return json.loads(prelude), body


def test_prelude_then_body_in_chunks_of_their_own(api, start):
    start()
    invocation = api.invoke("streamed")
    api.finish(invocation)

    call = invocation.answer
    assert call.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert call.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert parts(call) == ({"statusCode": 200, "headers": {"content-type": "text/plain"}}, b"onetwo")
    assert [chunk.data for chunk in call.chunks[1:]] == [b"one", b"two"]
    assert not call.trailers


def test_first_chunk_is_there_before_the_last_is_produced(api, start):
    start()
    invocation = api.invoke("gated")
    api.wait_until_said("chunk b'first'")
    assert "last is produced" not in api.said
    api.open_gate("last")
    api.finish(invocation)

    produced = next(at for at, what in api.journal if what == "last is produced")
    first, last = invocation.answer.chunks[1:]
    assert first.at < produced < last.at


def test_a_whole_body_is_one_answer_too(api, start):
    start()
    invocation = api.invoke("whole", body="grüße")
    api.finish(invocation)
    assert parts(invocation.answer) == ({"statusCode": 201, "headers": {"content-type": "text/plain"}}, "grüße".encode())


def test_an_empty_body_is_a_prelude_alone(api, start):
    start()
    invocation = api.invoke("whole", body="")
    api.finish(invocation)
    assert parts(invocation.answer)[1] == b""
    assert len(invocation.answer.chunks) == 1


def test_a_break_midway_ends_in_announced_trailers(api, start):
    worker = start()
    invocation = api.invoke("breaks")
    api.finish(invocation)

    trailers = invocation.answer.trailers
    assert parts(invocation.answer)[1] == b"first"
    assert trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    error = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"], validate=True))
    assert (error["errorType"], error["errorMessage"]) == ("Function.ValueError", WITHHELD)
    assert error["stackTrace"][-1].endswith(" in body")
    assert [(line["message"], line["request_id"]) for line in worker.errors] == [("the answer broke midway", invocation.id)]
    assert "a prompt in" not in str(worker.logs)


def test_after_comes_behind_the_complete_answer_and_before_the_next_one(api, start):
    start()
    invocation = api.invoke("streamed")
    api.finish(invocation)
    assert api.said[-3:] == ["response ends", "after", "next"]


def test_after_also_follows_a_break(api, start):
    start()
    invocation = api.invoke("breaks")
    api.finish(invocation)
    assert api.said[-3:] == ["response ends", "after", "next"]


def test_a_client_that_has_gone_closes_the_body_and_not_the_loop(api, start):
    worker = start()
    gone = api.invoke("endless", hangs_up_after=3)
    api.finish(gone)
    assert [what for what in api.said if "chunk" not in what][-4:] == ["connection broke", "closed", "after", "next"]
    assert [line["message"] for line in worker.errors] == ["the answer was not taken to its end"]

    api.finish(good := api.invoke("whole"))
    assert parts(good.answer)[1] == b"whole"


def test_an_answer_too_large_for_lambda_is_said_and_survived(api, start):
    worker = start()
    refused = api.invoke("streamed", status=413)
    api.finish(refused)
    assert api.said[-2:] == ["after", "next"]
    assert [(line["message"], line["status"]) for line in worker.errors] == [("the Runtime API refused it", 413)]

    api.finish(good := api.invoke("whole"))
    assert parts(good.answer)[1] == b"whole"


def test_beyond_recovery_the_process_ends_after_its_work(api, start):
    worker = start()
    api.invoke("streamed", status=500)
    assert worker.exit_status() == 1
    assert api.said[-3:] == ["response ends", "after", "shutdown"]
