"""Before the first invocation: the environment is said once, and what keeps the loop from starting is said clearly."""

import json

import pytest


@pytest.fixture
def task(tmp_path):
    """A task root with one broken module of each kind."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "imports.py").write_text("import there_is_no_such_module\n")
    (folder / "syntax.py").write_text("def handler(:\n")
    (folder / "fails.py").write_text("{}['BUCKET']\n")
    (folder / "empty.py").write_text("handler = 3\n")
    return str(folder)


BROKEN = [
    ("imports.handler", "Runtime.ImportModuleError", "cannot import module 'imports': No module named 'there_is_no_such_module'"),
    ("absent.handler", "Runtime.ImportModuleError", "cannot import module 'absent': No module named 'absent'"),
    ("syntax.handler", "Runtime.UserCodeSyntaxError", "syntax error in module 'syntax': "),
    ("fails.handler", "Function.KeyError", "module 'fails' failed while it was imported: KeyError: 'BUCKET'"),
    ("empty.handler", "Runtime.HandlerNotFound", "module 'empty' has no function 'handler'"),
    ("empty", "Runtime.MalformedHandlerName", "_HANDLER is 'empty'; it must be `module.function`"),
]


@pytest.mark.parametrize(("handler", "kind", "message"), BROKEN, ids=[row[0] + "-" + row[1] for row in BROKEN])
def test_what_cannot_be_loaded_is_an_init_error(api, start, task, handler, kind, message):
    worker = start(LAMBDA_TASK_ROOT=task, _HANDLER=handler)
    assert worker.exit_status() == 1
    (call,) = api.init_errors
    error = json.loads(call.body)
    assert error["errorType"] == kind
    assert error["errorMessage"].startswith(message)
    assert [line["errorType"] for line in worker.errors] == [kind]
    assert "next" not in api.said


def test_an_unknown_response_mode_is_an_init_error(api, start):
    worker = start(SIGNALBOX_RESPONSE_MODE="streem")
    assert worker.exit_status() == 1
    assert json.loads(api.init_errors[0].body)["errorMessage"].startswith("SIGNALBOX_RESPONSE_MODE is 'streem'")


def test_without_a_runtime_api_one_line_says_so(api, start):
    worker = start(AWS_LAMBDA_RUNTIME_API="")
    assert worker.exit_status() == 1
    (line,) = worker.logs
    assert line["errorMessage"].startswith("AWS_LAMBDA_RUNTIME_API is not set")


def test_a_runtime_api_that_nobody_serves_ends_the_loop(api, start):
    worker = start(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1")
    assert worker.exit_status() == 1
    assert worker.errors[-1]["message"] == "the Runtime API is gone"


def test_the_environment_is_said_in_one_line(api, start):
    worker = start(AWS_SAM_LOCAL="true")
    api.finish(invocation := api.invoke("whole"))
    (line,) = worker.logs
    assert (line["handler"], line["response_mode"]) == ("handler.handler", "buffered")
    assert invocation.json["body"] == "whole"


def test_the_extension_registers_before_the_first_invocation(api, start):
    start()
    api.finish(api.invoke("whole"))
    assert api.said[:2] == ["registered", "next"]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_where_extensions_are_refused_the_loop_goes_on(api, start, status):
    api.extension_status = status
    worker = start()
    api.finish(invocation := api.invoke("whole"))
    assert invocation.kind == "response"
    assert api.said[:2] == ["not registered", "next"]
    assert not worker.errors


def test_what_a_handler_prints_is_not_held_back(api, start, capfd):
    start()
    api.finish(api.invoke("prints"))
    assert capfd.readouterr().out == "printed\n"
