import pytest

from signalbox.rollback.actions import ACTIONS, CannotRollBack, Change, change_of, undo_of
from signalbox.rollback.request import InvalidRequest, to_request


def test_an_action_with_its_reason_is_a_request():
    request = to_request({"action": "disable_llm", "reason": "too dear", "requested_by": "ada"})
    assert (request.name, request.reason, request.requested_by) == ("disable_llm", "too dear", "ada")


def test_the_detail_of_an_event_is_a_request_too():
    assert to_request({"version": 1, "id": "e-1", "at_ms": 5, "action": "disable_llm", "reason": "x"}).id == "e-1"


@pytest.mark.parametrize(("detail", "id"), [({"undo": "rb-1"}, "ev-1"), ({"undo": "rb-1", "id": "mine"}, "mine")])
def test_an_event_of_the_bus_lends_its_id_to_a_request_without_one(detail, id):
    assert to_request({"event_id": "ev-1", "detail": detail}).id == id


def test_an_undo_explains_itself():
    request = to_request({"undo": "rb-1"})
    assert (request.name, request.reason) == ("undo", "undo of rb-1")


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({}, "reason"),
        ([], "input"),
        ("disable_llm", "input"),
        ({"event_id": "ev-1", "detail": []}, "input"),
        ({"event_id": "ev 1; drop", "detail": {"undo": "rb-1"}}, "id"),
        ({"event_id": "ev-1", "detail": {"event_id": "ev-1", "detail": {"undo": "rb-1"}}}, "reason"),
        ({"reason": "x"}, "either `action` or `undo`"),
        ({"action": "disable_llm", "undo": "rb-1", "reason": "x"}, "either `action` or `undo`"),
        ({"action": "drop_tables", "reason": "x"}, "one of disable_llm"),
        ({"action": "disable_llm"}, "reason"),
        ({"action": "disable_llm", "reason": ""}, "reason"),
        ({"action": "disable_llm", "reason": 5}, "reason"),
        ({"action": "disable_llm", "reason": "x", "force": True}, "force"),
        ({"undo": "rb 1; drop"}, "undo"),
        ({"version": 2, "action": "disable_llm", "reason": "x"}, "version"),
    ],
)
def test_what_is_wrong_with_the_input_is_said_by_field(input, said):
    with pytest.raises(InvalidRequest, match=said):
        to_request(input)


def test_the_action_remembers_what_was_there_and_backwards_is_its_undoing():
    change = change_of(ACTIONS["disable_llm"], {"version": 3}, "too dear", "rb-1", "2026-11-21T03:00:00+00:00")
    assert change.before == {"llm_disabled": None}
    assert change.after["llm_disabled"] == {"reason": "too dear", "at": "2026-11-21T03:00:00+00:00", "rollback_id": "rb-1"}
    assert undo_of("rb-1", {"status": "succeeded", "change": change.to_plain()}) == change.backwards()
    assert change.backwards().backwards() == change


def test_without_a_configuration_there_is_nothing_to_disable():
    with pytest.raises(CannotRollBack, match="publish a configuration first"):
        change_of(ACTIONS["disable_llm"], {}, "x", "rb-1", "")


@pytest.mark.parametrize("status", ["started", "failed", "undone"])
def test_only_what_succeeded_can_be_undone(status):
    with pytest.raises(CannotRollBack, match=status):
        undo_of("rb-1", {"status": status, "change": Change("a", "b", {}, {}).to_plain()})


def test_an_unknown_rollback_cannot_be_undone():
    with pytest.raises(CannotRollBack, match="no roll-back rb-9"):
        undo_of("rb-9", None)
