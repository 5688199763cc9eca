"""What the client makes of answers that are slow, cut, throttled or wrong, over real sockets."""

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from signalbox.aws import dynamodb, events, telemetry
from signalbox.aws.client import Aws, AwsError, Call, Cancelled, ConditionFailed, Rejected, Throttled, Unavailable
from signalbox.aws.http import TimedOut, Unreachable

from .conftest import ENVIRONMENT

SOON_S = 60  # nothing waits so long but what is broken


class Script:
    """Answers in turn what it is told to: (status, body), or a function that does as it likes with the connection."""

    def __init__(self):
        self.answers = []
        self.asked = []
        self.together = 0
        self.under_way = 0
        self.lock = threading.Condition()
        self.over = threading.Event()
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with script.lock:
                    script.asked.append((self.headers["x-amz-target"], json.loads(body)))
                    script.lock.notify_all()
                    answer = script.answers.pop(0) if script.answers else (200, {})
                    script.under_way += 1
                    script.together = max(script.together, script.under_way)
                if callable(answer):
                    answer = answer(self)
                with script.lock:
                    script.under_way -= 1
                if answer:
                    status, fields = answer
                    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
                    self.send_response(status)
                    self.send_header("content-length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.slept = []

    def was_asked(self, times):
        """Who asks and has no patience may be gone before it is read."""
        with self.lock:
            return self.lock.wait_for(lambda: len(self.asked) >= times, SOON_S) and len(self.asked) == times

    def silent(self, _):
        """An answer that does not come."""
        self.over.wait(SOON_S)

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def script():
    script = Script()
    yield script
    script.close()


@pytest.fixture
def aws(script):
    endpoint = f"http://127.0.0.1:{script.server.server_port}"
    aws = Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}, draw=lambda: 0.5, sleep=script.slept.append)
    yield aws
    aws.close()


CALL = Call("dynamodb", "GetItem", {"TableName": "t"})


def failure(code, **more):
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "why"} | more


def cancelled(*codes):
    return failure("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def hang_up(handler):
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (failure("ValidationException"), Rejected, "ValidationException"),
        (failure("AccessDeniedException"), Rejected, "AccessDeniedException"),
        (failure("ConditionalCheckFailedException"), ConditionFailed, "ConditionalCheckFailedException"),
        (failure("TransactionCanceledException", CancellationReasons=[{"Code": "None"}]), Cancelled, "TransactionCanceledException"),
        (cancelled("TransactionConflict", "ConditionalCheckFailed"), Cancelled, "TransactionCanceledException"),
    ],
)
def test_what_would_fail_again_is_not_tried_again(script, aws, answer, kind, code):
    script.answers = [answer]
    with pytest.raises(kind) as error:
        aws.call(CALL)
    assert error.value.code == code
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "tries"),
    [
        (failure("ProvisionedThroughputExceededException"), Throttled, 5),
        (failure("TransactionConflictException"), Throttled, 5),
        (cancelled("None", "TransactionConflict"), Throttled, 5),
        (cancelled("ThrottlingError", "TransactionConflict"), Throttled, 5),
        ((429, {}), Throttled, 5),
        ((500, {"__type": "InternalServerError"}), Unavailable, 2),
        ((503, {}), Unavailable, 2),
        (hang_up, Unavailable, 2),
    ],
)
def test_what_may_pass_is_tried_again_and_not_for_ever(script, aws, answer, kind, tries):
    script.answers = [*[answer] * (tries - 1), (200, {"Item": 1})]
    assert aws.call(CALL) == {"Item": 1}
    for allowed, asked in ((2, tries), (1, 1)):
        script.answers, script.asked[:] = [answer] * 9, []
        with pytest.raises(kind):
            aws.call(CALL, tries=allowed)
        assert len(script.asked) == asked


PAGE = b"<html>The company's proxy wants you to sign in.</html>"
GET, QUERY, PUT = dynamodb.get("t", "a", "b"), dynamodb.query("t", "a"), dynamodb.put("t", {"pk": "a"})
BATCH_GET = dynamodb.batch_get("t", [("a", "b")])
UPDATE = dynamodb.update("t", "a", "b", dynamodb.Expression("SET #a = :a", values={"a": 1}))
PUT_EVENTS = events.put("bus", "UsageRecorded", {})
# Of each call, answers of status 200 that are of another form than its own.
UNREADABLE: list[tuple[Call, list[Any]]] = [
    (GET, [[], "text", 5, None, {"Item": "text"}, {"Item": {"n": {}}}, {"Item": {"n": {"N": "x"}}}]),
    (PUT, [PAGE, b'{"Item": {"pk": {"S"', b"\xff\xfe", b"[" * 100_000]),
    (UPDATE, [PAGE, {}, []]),
    (BATCH_GET, [{}, {"Responses": [], "UnprocessedKeys": 5}]),
    (QUERY, [{}, {"Items": 5}, {"Items": [{"n": {"B": 5}}]}]),
    (PUT_EVENTS, [PAGE, {}, {"FailedEntryCount": 1, "Entries": []}]),
]
BROKEN_REASONS: list[Any] = [None, 5, ["text"], [{"Code": []}]]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        *((call, (200, body)) for call, bodies in UNREADABLE for body in bodies),
        *((GET, failure("TransactionCanceledException", CancellationReasons=reasons)) for reasons in BROKEN_REASONS),
        (GET, failure("ConditionalCheckFailedException", Item="text")),
    ],
)
def test_an_answer_that_cannot_be_read_leaves_open_whether_it_was_done(script, aws, call, answer):
    script.answers = [answer, answer]
    with pytest.raises(Unavailable) as error:
        aws.call(call)
    assert error.value.code == "UnreadableAnswer"
    assert "company" not in str(error.value)
    script.answers = [answer, answer]
    assert [type(each) for each in aws.wave([call, call], tries=1)] == [Unavailable, Unavailable]


def test_of_an_answer_that_cannot_be_read_the_log_tells_the_line_and_nothing_that_was_said(script, aws, capsys):
    def mistaken(answer):
        return answer["Item"] + 1

    script.answers = [(200, {"Item": "a word"})]
    with pytest.raises(Unavailable) as error:
        aws.call(CALL._replace(to_answer=mistaken), tries=1)
    telemetry.error("nothing was read", error.value)
    told = capsys.readouterr().err
    assert json.loads(told)["where"][-1].endswith(" in mistaken")
    assert "a word" not in told


def test_only_throttling_is_waited_for_with_jitter(script, aws):
    script.answers = [(503, {}), *[failure("ThrottlingException")] * 3, (200, {})]
    aws.call(CALL)
    assert script.slept == [0.05, 0.1, 0.2]


def test_an_answer_that_does_not_come_is_given_up_in_time(script, aws):
    script.answers = [script.silent] * 2
    with pytest.raises(Unavailable) as error:
        aws.call(CALL, timeout_s=0.1)
    assert error.value.code == "TimedOut"
    assert script.was_asked(2)
    assert script.under_way == 2  # it did not wait for them


def test_a_call_of_little_patience_holds_up_no_wave_and_is_not_sent_again(script, aws):
    script.answers = [script.silent]
    [answer] = aws.wave([dynamodb.get("t", "a", "b")._replace(patience_s=0.05)], timeout_s=2 * SOON_S)
    assert answer.code == "TimedOut"
    assert script.was_asked(1)
    assert script.under_way == 1  # it did not wait for it


@pytest.mark.parametrize("answer", [(500, {}), (400, {"__type": "x#ThrottlingException"})])
def test_what_has_no_patience_is_not_tried_again(script, aws, answer):
    script.answers = 3 * [answer]
    [found] = aws.wave([dynamodb.get("t", "a", "b")._replace(patience_s=1.0)])
    assert isinstance(found, Unavailable | Throttled)
    assert len(script.asked) == 1


def test_the_environment_says_how_long_an_answer_may_take(script):
    script.answers = [script.silent]
    endpoint = f"http://127.0.0.1:{script.server.server_port}"
    impatient = Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint, "SIGNALBOX_AWS_TIMEOUT_S": "0.05"})
    with closing(impatient), pytest.raises(Unavailable) as error:
        impatient.call(CALL, tries=1)
    assert error.value.code == "TimedOut"


def test_nobody_at_home(nobody):
    with pytest.raises(Unavailable):
        Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": nobody}).call(CALL)


def test_a_wave_is_under_way_at_once_and_answers_in_order(script, aws):
    everybody = threading.Barrier(3)

    def wait_for_the_others(_):
        everybody.wait(SOON_S)
        return 200, {"number": script.together}

    script.answers = [wait_for_the_others] * 3
    answers = aws.wave([CALL, CALL, CALL], timeout_s=SOON_S)
    assert script.together == 3
    assert len(answers) == 3


class SlowToConnect:
    """A pool of which the first request of each wave takes all the time there is to connect; the others are answered a moment later."""

    def __init__(self, monkeypatch):
        self.now_s, self.sent = 0.0, 0
        monkeypatch.setattr("signalbox.aws.client.time.monotonic", lambda: self.now_s)

    def send(self, request, timeout_s):
        self.sent += 1
        if self.sent % 2:
            self.now_s += timeout_s
            raise Unreachable("nobody there")
        return Prompt(self.now_s + 0.5, self)

    def close(self):
        pass


class Prompt:
    def __init__(self, at_s, clock):
        self.at_s, self.clock = at_s, clock

    def head(self, timeout_s):
        if self.clock.now_s + timeout_s < self.at_s:
            raise TimedOut("too late")
        self.clock.now_s = max(self.clock.now_s, self.at_s)
        return 200

    def read(self, timeout_s):
        return b"{}"


def test_what_is_sent_late_for_anothers_sake_has_all_its_time(monkeypatch):
    pool = SlowToConnect(monkeypatch)
    aws = Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, pool=pool)
    away, fine = aws.wave([CALL, CALL], timeout_s=1.0, tries=1)
    assert (away.code, fine) == ("Unreachable", {})


def test_a_wave_tries_again_only_what_failed(script, aws):
    script.answers = [(200, {}), (503, {}), (200, {})]
    answers = aws.wave([Call("dynamodb", "GetItem", {"n": n}) for n in range(3)])
    assert answers == [{}, {}, {}]
    asked = [fields["n"] for _, fields in script.asked]
    assert sorted(asked[:3]) == [0, 1, 2]
    assert len(asked) == 4


def test_one_failure_in_a_wave_leaves_the_other_answers(script, aws):
    script.answers = [failure("ConditionalCheckFailedException", Item={"n": {"N": "7"}}), (200, {"fine": True})]
    first, second = sorted(aws.wave([CALL, CALL]), key=lambda answer: not isinstance(answer, AwsError))
    assert dynamodb.old_item(first) == {"n": 7}
    assert second == {"fine": True}


def test_a_call_is_under_way_while_something_else_happens(script, aws):
    flight = aws.begin(CALL)
    assert aws.call(Call("dynamodb", "PutItem", {})) == {}
    assert flight.answer() == {}
    assert {target for target, _ in script.asked} == {"DynamoDB_20120810.GetItem", "DynamoDB_20120810.PutItem"}


def test_an_event_that_the_bus_did_not_take_is_a_failure_though_the_answer_is_200(script, aws):
    refused = (200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]})
    script.answers = [refused, (200, {"FailedEntryCount": 0, "Entries": [{}]})]
    aws.call(events.put("bus", "UsageRecorded", {"id": "r1"}))
    script.answers = [refused] * 5
    with pytest.raises(Throttled) as error:
        aws.call(events.put("bus", "UsageRecorded", {"id": "r1"}))
    assert error.value.code == "InternalFailure"
