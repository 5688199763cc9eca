"""The artefact of `sam build` in Amazon's runtime interface emulator: the loop against a Runtime API that we did not write."""

import json
from collections.abc import Callable, Iterator

import pytest

from .emulator import BUILT, Emulator, build, rie
from .worker import ROOT, TASK

NO_AWS = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",  # nobody is there: what is answered is answered without AWS
    "SIGNALBOX_STAGE": "test",
    "SIGNALBOX_CONTROL_TABLE": "control",
    "SIGNALBOX_LEDGER_TABLE": "ledger",
    "SIGNALBOX_CONFIG_BUCKET": "config",
    "SIGNALBOX_KEY_SECRET": "key",
    "SIGNALBOX_PROVIDER_SECRETS": "signalbox/test/providers/",
    "SIGNALBOX_BUS": "bus",
    "SIGNALBOX_CACHE_TABLE": "cache",
    "SIGNALBOX_ANSWER_BUCKET": "answers",
    "SIGNALBOX_SAMPLE_QUEUE": "https://sqs.invalid/samples",
    "SIGNALBOX_RESPONSE_MODE": "stream",  # as the template has it
    "AWS_SAM_LOCAL": "true",
}
OVERDUE = "The runtime did not exit after deadline"  # what it says after SIGTERM and 600 ms, which a busy machine takes as well


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build()


@pytest.fixture
def emulate(tmp_path, api) -> Iterator[Callable[..., Emulator]]:
    """Starts the built layer with the tests' own handler, or with the built `complete`."""
    emulators = []

    def emulate(function=TASK, **environment: str) -> Emulator:
        environment = {"TESTS_SERVER": f"http://{api.address}/tests"} | environment
        emulators.append(Emulator(rie(), function, BUILT / "SharedLayer", tmp_path / "log", environment))
        emulators[-1].wait_until_it_listens()
        return emulators[-1]

    yield emulate
    for emulator in emulators:
        emulator.close()


def test_one_answer_after_the_other(emulate):
    emulator = emulate()
    assert emulator.invoke({"act": "whole", "body": "grüße"})["body"] == "grüße"
    assert emulator.invoke({"act": "streamed"})["body"] == "onetwo"
    assert emulator.invoke({"act": "binary"})["isBase64Encoded"] is True
    large = "x" * 3_000_000
    assert emulator.invoke({"act": "whole", "body": large})["body"] == large


def test_errors_are_lambdas_and_do_not_end_the_loop(emulate):
    emulator = emulate()
    assert emulator.invoke({"act": "raises"})["errorType"] == "Function.ValueError"
    assert emulator.invoke({"act": "breaks"})["errorType"] == "Function.ValueError"
    assert emulator.invoke({"act": "whole"})["statusCode"] == 201


def test_an_init_error_reaches_the_caller(emulate, tmp_path):
    function = tmp_path / "function"
    function.mkdir()
    (function / "handler.py").write_text("import there_is_no_such_module\n")
    assert emulate(function).invoke({})["errorType"] == "Runtime.ImportModuleError"


def test_work_after_the_answer_is_done_before_the_next_invocation(emulate, api):
    emulator = emulate()
    emulator.invoke({"act": "streamed"})
    emulator.invoke({"act": "context_of", "trace_id": ""})
    assert api.said[0] == "after"


def test_the_end_of_the_container_reaches_shutdown(emulate, api):
    """Only where the extension is registered and ready does Lambda send SIGTERM first; otherwise SIGKILL alone."""
    emulator = emulate()
    emulator.invoke({"act": "whole"})
    emulator.terminate()
    assert api.said == ["shutdown"] or OVERDUE in emulator.log


def test_complete_answers_from_its_build_folder(emulate):
    emulator = emulate(BUILT / "CompleteFunction", **NO_AWS)
    event = json.loads((ROOT / "events" / "complete_chat.json").read_text())

    health = emulator.invoke(event | {"httpMethod": "GET", "path": "/health", "body": None})
    assert (health["statusCode"], json.loads(health["body"])) == (200, {"status": "ok"})

    nowhere = emulator.invoke(event | {"path": "/v1/nowhere"})
    assert (nowhere["statusCode"], json.loads(nowhere["body"])["error"]["code"]) == (404, "not_found")

    wrong = emulator.invoke(event | {"httpMethod": "DELETE"})
    assert (wrong["statusCode"], json.loads(wrong["body"])["error"]["code"]) == (405, "method_not_allowed")

    assert '"response_mode": "buffered"' in emulator.log
