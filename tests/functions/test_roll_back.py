"""The workflow from request to undo, walked by its own definition; and each step repeated, out of turn, and against others."""

import json
from pathlib import Path

import pytest

from functions.roll_back import handler as module
from functions.roll_back.handler import handler
from signalbox.aws import boto_bus, boto_rollbacks, boto_tables
from signalbox.usage.events import EVENTS

from . import asl

WORKFLOW = Path(__file__, "../../../functions/roll_back/workflow.asl.json").resolve()
DISABLE = {"action": "disable_llm", "reason": "The bill runs away", "requested_by": "ada"}


@pytest.fixture
def live(stage):
    """The pointer that every request looks at."""
    stage.control.put_item(Item={"pk": "config", "sk": "live", "version": 3, "digest": "d3"})

    def read():
        return boto_tables.get(stage.control, "config", "live")

    return read


@pytest.fixture
def run(stage, live, context):
    return lambda input, name="e1": asl.run(WORKFLOW, lambda event: handler(event, context), input, name)


def record(stage, id="e1"):
    return boto_rollbacks.record_of(stage.control, id)


def somebody_sets(stage, value):
    stage.control.update_item(
        Key={"pk": "config", "sk": "live"}, UpdateExpression="SET llm_disabled = :it", ExpressionAttributeValues={":it": value}
    )


def test_disabling_is_in_force_remembered_and_told(stage, run, live):
    execution = run(DISABLE)
    assert (execution.status, execution.output) == ("SUCCEEDED", {"rollback_id": "e1", "action": "disable_llm", "status": "succeeded"})
    assert execution.states == ["TakeLock", "Taken?", "Snapshot", "Apply", "Verify", "Notify", "Succeeded"]
    item = live()
    assert (item["llm_disabled"]["reason"], item["llm_disabled"]["rollback_id"]) == ("The bill runs away", "e1")
    assert (item["version"], item["digest"]) == (3, "d3")
    assert (record(stage)["status"], record(stage)["requested_by"]) == ("succeeded", "ada")
    heard = stage.heard()
    assert [name for name, _ in heard] == ["RollbackStarted", "RollbackSucceeded"]
    assert all(EVENTS[name].model_validate(detail).version == 1 and detail["rollback_id"] == "e1" for name, detail in heard)
    [(subject, body)] = stage.mailed()
    assert subject == "Signalbox: disable_llm: RollbackSucceeded"
    assert '{"undo": "e1"}' in body


def test_undoing_restores_what_was_there(stage, run, live):
    before = live()
    run(DISABLE)
    assert run({"undo": "e1"}, "e2").status == "SUCCEEDED"
    assert live() == before
    assert (record(stage)["status"], record(stage)["undone_by"]) == ("undone", "e2")


def test_an_undo_can_be_undone(stage, run, live):
    run(DISABLE)
    run({"undo": "e1"}, "e2")
    assert run({"undo": "e2"}, "e3").status == "SUCCEEDED"
    assert live()["llm_disabled"]["rollback_id"] == "e1"


def test_a_second_disabling_on_top_comes_off_to_the_first(stage, run, live):
    run(DISABLE)
    run(DISABLE | {"reason": "and the other one too"}, "e2")
    run({"undo": "e2"}, "e3")
    assert live()["llm_disabled"]["rollback_id"] == "e1"


def test_one_request_delivered_twice_is_one_rollback(stage, run, live):
    asked = DISABLE | {"id": "alarm-7"}
    assert run(asked, "e1").output == {"rollback_id": "alarm-7", "action": "disable_llm", "status": "succeeded"}
    run({"undo": "alarm-7"}, "e2")
    again = run(asked, "e3")
    assert (again.status, again.states[-1]) == ("SUCCEEDED", "TakenBefore")
    assert "llm_disabled" not in live()


def test_an_undo_leaves_what_somebody_else_has_set_since_and_says_so(stage, run, live):
    run(DISABLE)
    theirs = {"reason": "planned work", "at": "now", "rollback_id": ""}
    somebody_sets(stage, theirs)
    stage.heard(), stage.mailed()
    execution = run({"undo": "e1"}, "e2")
    assert (execution.status, execution.output) == ("FAILED", "RollbackFailed")
    assert live()["llm_disabled"] == theirs
    assert record(stage)["status"] == "succeeded"  # e1 is still what it was
    [_, (name, detail)] = stage.heard()
    assert name == "RollbackFailed"
    assert detail["reason"].startswith("ChangedSince: config/live was changed by somebody else since")
    [(subject, body)] = stage.mailed()
    assert subject == "Signalbox: undo: RollbackFailed"
    assert "planned work" in body


@pytest.mark.parametrize("undo", ["e9", "e2"])
def test_what_is_unknown_or_failed_cannot_be_undone(stage, run, live, undo):
    run({"undo": "e9"}, "e2")
    execution = run({"undo": undo}, "e3")
    assert execution.status == "FAILED"
    assert execution.states == ["TakeLock", "Taken?", "Snapshot", "NotifyFailure", "Failed"]
    assert record(stage, "e3")["error"].startswith("CannotRollBack")


def test_an_undone_rollback_cannot_be_undone_again(stage, run, live):
    run(DISABLE)
    run({"undo": "e1"}, "e2")
    assert run({"undo": "e1"}, "e3").status == "FAILED"


@pytest.mark.parametrize("input", [{}, {"action": "drop_tables", "reason": "x"}, {"action": "disable_llm"}])
def test_a_wrong_request_is_refused_with_its_reason_and_changes_nothing(stage, run, live, input):
    before = live()
    execution = run(input)
    assert execution.states == ["TakeLock", "NotifyFailure", "Failed"]
    assert (live(), record(stage)) == (before, None)
    [(name, detail)] = stage.heard()
    assert (name, detail["rollback_id"]) == ("RollbackFailed", "e1")
    assert EVENTS[name].model_validate(detail).version == 1
    assert detail["reason"].startswith("InvalidRequest: ")


def test_without_a_configuration_nothing_is_made_up(stage, run, live):
    stage.control.delete_item(Key={"pk": "config", "sk": "live"})
    assert run(DISABLE).status == "FAILED"
    assert live() is None
    assert "publish a configuration first" in record(stage)["error"]


def test_what_was_applied_and_does_not_verify_is_taken_back(stage, run, live, monkeypatch):
    before = live()
    monkeypatch.setattr(module.boto_rollbacks, "holds", lambda control, change: False)
    execution = run(DISABLE)
    assert execution.states == ["TakeLock", "Taken?", "Snapshot", "Apply", "Verify", "Compensate", "NotifyFailure", "Failed"]
    assert live() == before
    assert (record(stage)["status"], record(stage)["compensation"]) == ("failed", "all is as it was before")
    assert [name for name, _ in stage.heard()] == ["RollbackStarted", "RollbackFailed"]
    [(_, body)] = stage.mailed()
    assert "VerificationFailed" in body
    assert "all is as it was before" in body


def test_a_change_that_somebody_makes_between_apply_and_verify_is_theirs(stage, run, live, monkeypatch):
    make = boto_rollbacks.make

    def made_and_overtaken(control, change):
        make(control, change)
        if change.after["llm_disabled"]:
            somebody_sets(stage, "theirs")

    monkeypatch.setattr(module.boto_rollbacks, "make", made_and_overtaken)
    assert run(DISABLE).status == "FAILED"
    assert live()["llm_disabled"] == "theirs"
    assert "left as it is" in record(stage)["compensation"]


class Flaky:
    """Fails a number of times before it works."""

    def __init__(self, works, times):
        self.works, self.times = works, times

    def __call__(self, *args, **rest):
        if self.times:
            self.times -= 1
            raise ConnectionError("down")
        return self.works(*args, **rest)


@pytest.mark.parametrize("step", ["take", "note", "make", "holds"])
def test_a_passing_fault_is_tried_again(stage, run, live, monkeypatch, step):
    monkeypatch.setattr(module.boto_rollbacks, step, Flaky(getattr(boto_rollbacks, step), 3))
    assert run(DISABLE).status == "SUCCEEDED"
    assert live()["llm_disabled"]["rollback_id"] == "e1"


def test_a_bus_that_is_down_for_a_while_hears_it_once_it_is_back(stage, run, live, monkeypatch):
    monkeypatch.setattr(boto_bus, "publish", Flaky(boto_bus.publish, 2))
    assert run(DISABLE).status == "SUCCEEDED"
    assert [name for name, _ in stage.heard()] == ["RollbackStarted", "RollbackSucceeded"]


def test_a_change_that_stands_is_not_taken_back_because_nobody_could_be_told(stage, run, live, monkeypatch):
    monkeypatch.setattr(boto_bus, "notify", Flaky(boto_bus.notify, 10**6))
    execution = run(DISABLE)
    assert (execution.status, execution.output) == ("FAILED", "NotAnnounced")
    assert live()["llm_disabled"]["rollback_id"] == "e1"
    assert record(stage)["status"] == "succeeded"


def test_where_taking_back_fails_too_the_people_are_told_to_look(stage, run, live, monkeypatch):
    monkeypatch.setattr(module.boto_rollbacks, "holds", lambda control, change: False)
    make = boto_rollbacks.make
    monkeypatch.setattr(
        module.boto_rollbacks, "make", lambda control, change: make(control, change) if change.after["llm_disabled"] else _down()
    )
    assert run(DISABLE).states[-3:] == ["Compensate", "NotifyFailure", "Failed"]
    assert live()["llm_disabled"]["rollback_id"] == "e1"
    [(_, body)] = stage.mailed()
    assert "taking it back failed too (down): look at the setting itself" in body


@pytest.mark.parametrize("step", ["Snapshot", "Apply", "Verify", "Notify"])
def test_a_step_that_is_repeated_changes_nothing_more(stage, run, live, context, step):
    run(DISABLE)
    before, known = live(), record(stage)
    handler({"step": step, "rollback_id": "e1"}, context)
    assert (live(), record(stage)) == (before, known)


def test_the_samples_are_steps(stage, live, context, sample):
    taken = handler(sample("roll_back_disable_llm"), context)
    assert taken == {"rollback_id": "0f3d", "taken": True}
    for step in ("Snapshot", "Apply", "Verify", "Notify"):
        handler({"step": step, "rollback_id": "0f3d"}, context)
    assert handler(sample("roll_back_undo"), context) == {"rollback_id": "0f3e", "taken": True}
    for step in ("Snapshot", "Apply", "Verify", "Notify"):
        handler({"step": step, "rollback_id": "0f3e"}, context)
    assert "llm_disabled" not in live()


def test_a_failed_lock_is_told_without_a_record(stage, live, context):
    error = {"Error": "InvalidRequest", "Cause": json.dumps({"errorMessage": "reason: Field required"})}
    handler({"step": "NotifyFailure", "name": "e5", "state": {"action": "disable_llm", "error": error}}, context)
    [(_, detail)] = stage.heard()
    assert (detail["action"], detail["reason"]) == ("disable_llm", "InvalidRequest: reason: Field required")


def _down(*args, **rest):
    raise ConnectionError("down")
