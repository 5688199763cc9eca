"""SIGTERM: Lambda gives 500 ms from here."""

from signalbox.runtime.termination import GRACE_S, LAST_S

LAMBDA_S = 0.5


def test_what_is_waited_for_leaves_time_for_the_shutdown():
    assert GRACE_S + 2 * LAST_S < LAMBDA_S


def test_an_idle_loop_shuts_down_and_leaves(api, start):
    worker = start()
    api.finish(api.invoke("whole"))
    worker.terminate()
    assert worker.exit_status() == 0
    assert api.said[-2:] == ["next", "shutdown"]
    assert not worker.errors


def test_also_before_the_first_invocation(api, start):
    worker = start()
    api.wait_until_said("next")
    worker.terminate()
    assert worker.exit_status() == 0
    assert api.said[-1] == "shutdown"


def test_work_that_ends_in_time_is_finished_first(api, start):
    worker = start(TESTS_GRACE_S="60")
    invocation = api.invoke("after_waits")
    api.wait_until_said("response ends")
    worker.terminate()
    api.open_gate("after")
    assert worker.exit_status() == 0
    assert [what for what in api.said if what in ("after", "shutdown")] == ["after", "shutdown"]
    assert invocation.kind == "response"
    assert not worker.errors


def test_work_that_does_not_end_is_broken_off(api, start):
    worker = start(TESTS_LAST_S="60")
    invocation = api.invoke("hangs")
    api.wait_until_said("chunk b'first'")
    worker.terminate()
    assert worker.exit_status() == 0
    assert [what for what in api.said if what in ("closed", "after", "shutdown")] == ["closed", "after", "shutdown"]
    assert not invocation.done


def test_work_that_holds_on_to_its_end_does_not_cost_the_shutdown(api, start):
    worker = start()
    api.invoke("hangs_on")
    api.wait_until_said("chunk b'first'")
    worker.terminate()
    assert worker.exit_status() == 0  # and not when its waiting is over
    assert "shutdown" in api.said


def test_an_api_that_goes_away_ends_the_loop_but_not_without_a_shutdown(api, start):
    worker = start()
    api.wait_until_said("next")
    api.hang_up()
    assert worker.exit_status() == 1
    assert worker.errors[-1]["message"] == "the Runtime API is gone"
    assert api.said[-1] == "shutdown"
