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
    assert execution.states == ["Requested", "TakeLock", "Taken?", "Snapshot", "Apply", "Verify", "Notify", "Succeeded"]
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
    assert "Mind" not in "".join(body for _, body in stage.mailed())
    run({"undo": "e2"}, "e3")
    assert live()["llm_disabled"]["rollback_id"] == "e1"
    remains = "every completion is refused with 503 llm_disabled, by roll-back e1 (The bill runs away)"
    assert record(stage, "e3")["remains"] == remains
    [(_, body)] = stage.mailed()
    assert f"Mind: {remains}. Undo that one too" in body
    run({"undo": "e1"}, "e4")
    assert ("llm_disabled" in live(), "remains" in record(stage, "e4")) == (False, False)


def test_one_request_delivered_twice_is_one_rollback(stage, run, live):
    asked = DISABLE | {"id": "alarm-7"}
    assert run(asked, "e1").output == {"rollback_id": "alarm-7", "action": "disable_llm", "status": "succeeded"}
    run({"undo": "alarm-7"}, "e2")
    again = run(asked, "e3")
    assert (again.status, again.states[-1]) == ("SUCCEEDED", "TakenBefore")
    assert "llm_disabled" not in live()


def asked_by_event(event_id, **request):
    """As template.yaml hands an event of the bus over."""
    return {"event_id": event_id, "detail": DISABLE | request}


def test_one_event_delivered_twice_is_one_rollback_though_its_sender_named_none(stage, run, live):
    assert run(asked_by_event("3f6c-1"), "e1").output["rollback_id"] == "3f6c-1"
    run({"undo": "3f6c-1"}, "e2")
    assert run(asked_by_event("3f6c-1"), "e3").states[-1] == "TakenBefore"
    assert "llm_disabled" not in live()


def test_the_name_that_a_sender_gives_comes_before_the_events_own(stage, run, live):
    run(asked_by_event("3f6c-1", id="alarm-7"), "e1")
    assert run(asked_by_event("3f6c-2", id="alarm-7"), "e2").states[-1] == "TakenBefore"
    assert run(asked_by_event("3f6c-3", id=None), "e3").output["rollback_id"] == "3f6c-3"


def test_a_malformed_request_that_names_another_rollback_leaves_that_one_alone(stage, run, live):
    run(DISABLE)
    for number, input in enumerate(
        [{"rollback_id": "e1"}, {"id": "e1", "rollback_id": "e1", "action": "?"}, asked_by_event("e1", action="?")]
    ):
        assert run(input, f"other{number}").status == "FAILED"
    assert record(stage)["status"] == "succeeded"
    assert run({"undo": "e1"}, "e2").status == "SUCCEEDED"


def test_a_second_delivery_whose_lock_cannot_be_asked_for_leaves_the_first_alone(stage, run, live, monkeypatch):
    run(DISABLE | {"id": "alarm-7"})
    stage.heard()
    monkeypatch.setattr(module.boto_rollbacks, "take", _down)
    assert run(DISABLE | {"id": "alarm-7"}, "e2").status == "FAILED"
    assert record(stage, "alarm-7")["status"] == "succeeded"
    assert [detail["rollback_id"] for _, detail in stage.heard()] == ["e2"]


def test_a_lock_whose_start_cannot_be_told_has_failed_and_says_so(stage, run, live, monkeypatch):
    publish = boto_bus.publish
    monkeypatch.setattr(boto_bus, "publish", lambda bus, events: _down() if events[0][0] == "RollbackStarted" else publish(bus, events))
    assert run(DISABLE | {"id": "alarm-7"}).states[-2:] == ["NotifyFailure", "Failed"]
    assert (record(stage, "alarm-7")["status"], record(stage, "alarm-7")["error"]) == ("failed", "ConnectionError: down")


def asked_here(stage, id, **facts):
    asked = {"action": "disable_llm", "reason": "x", "requested_by": "ann", "undo": None, "at_ms": 5, "status": "requested"}
    assert boto_rollbacks.begin(stage.control, id, asked | facts)


def test_what_was_asked_for_at_the_control_api_is_the_same_record(stage, run, live):
    asked_here(stage, "r5")
    assert run(DISABLE | {"id": "r5"}, "r5").status == "SUCCEEDED"
    assert [(id, row["status"]) for id, row in boto_rollbacks.newest(stage.control, 9)] == [("r5", "succeeded")]


def test_what_was_asked_for_and_never_got_its_lock_has_failed(stage, run, live, monkeypatch):
    asked_here(stage, "r5")
    monkeypatch.setattr(module.boto_rollbacks, "take", _down)
    run(DISABLE | {"id": "r5"}, "r5")
    assert record(stage, "r5")["status"] == "failed"


def test_what_was_given_up_before_it_began_does_not_begin(stage, run, live):
    asked_here(stage, "r5")
    boto_rollbacks.give_up(stage.control, "r5", "no answer")
    assert run(DISABLE | {"id": "r5"}, "r5").states[-1] == "TakenBefore"
    assert "llm_disabled" not in live()


def test_what_has_begun_is_not_given_up(stage, run, live):
    run(DISABLE)
    boto_rollbacks.give_up(stage.control, "e1", "no answer")
    assert record(stage)["status"] == "succeeded"


def test_rollbacks_are_listed_by_when_they_were_asked_for(stage, run, live, monkeypatch):
    for at_ms, id in ((3, "b"), (1, "c"), (2, "a")):
        monkeypatch.setattr(module, "_now_ms", lambda at_ms=at_ms: at_ms)
        run(DISABLE | {"id": id}, f"e{at_ms}")
    assert [id for id, _ in boto_rollbacks.newest(stage.control, 9)] == ["b", "a", "c"]
    assert [id for id, _ in boto_rollbacks.newest(stage.control, 2)] == ["b", "a"]


def test_a_lock_that_is_taken_again_by_its_owner_is_its_own(stage):
    """A step that was cut off after its write is repeated."""
    mine = {"action": "disable_llm", "at_ms": 1, "undo": None}
    assert [boto_rollbacks.take(stage.control, "e1", "x", mine) for _ in range(2)] == [True, True]
    assert not boto_rollbacks.take(stage.control, "e1", "y", mine)
    boto_rollbacks.note(stage.control, "e1", status="succeeded")
    assert not boto_rollbacks.take(stage.control, "e1", "x", mine)


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
    assert execution.states == ["Requested", "TakeLock", "Taken?", "Snapshot", "NotifyFailure", "Failed"]
    assert record(stage, "e3")["error"].startswith("CannotRollBack")


def test_an_undone_rollback_cannot_be_undone_again(stage, run, live):
    run(DISABLE)
    run({"undo": "e1"}, "e2")
    assert run({"undo": "e1"}, "e3").status == "FAILED"


@pytest.mark.parametrize("input", [{}, [], "disable_llm", None, {"action": "drop_tables", "reason": "x"}, {"action": "disable_llm"}])
def test_a_wrong_request_is_refused_with_its_reason_and_changes_nothing(stage, run, live, input):
    before = live()
    execution = run(input)
    assert execution.states == ["Requested", "TakeLock", "NotifyFailure", "Failed"]
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
    assert execution.states == ["Requested", "TakeLock", "Taken?", "Snapshot", "Apply", "Verify", "Compensate", "NotifyFailure", "Failed"]
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


@pytest.mark.parametrize("input", [{"action": "disable_llm"}, {"event_id": "3f6c-1", "detail": {"action": "disable_llm"}}])
def test_a_failed_lock_is_told_without_a_record(stage, run, live, input):
    run(input, "e5")
    [(_, detail)] = stage.heard()
    assert (detail["action"], detail["reason"]) == ("disable_llm", "InvalidRequest: reason: Field required")


@pytest.mark.parametrize("action", ["drop\ntables", "\x00", "drop" * 1_000, "löschen", {"drop": ["\n"]}, 5])
def test_whatever_is_asked_for_somebody_is_told_that_it_failed(stage, run, live, action):
    run({"action": action, "reason": "x", "k" * 5_000: 1})
    [(name, detail)] = stage.heard()
    assert EVENTS[name].model_validate(detail).action.isprintable()
    assert len(json.dumps(detail)) < 3_000
    [(subject, body)] = stage.mailed()
    assert subject.startswith("Signalbox: ")
    assert (len(subject) <= 100, subject.isascii(), subject.isprintable()) == (True, True, True)
    assert len(body) < 3_000


def _down(*args, **rest):
    raise ConnectionError("down")
