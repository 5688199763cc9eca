"""What one window's writes decide by themselves, told as short as it can be: in the worlds of `test_rates` and `test_capacity`."""

from signalbox.admission.windows import Ask, Place, Window, Write
from signalbox.aws.windows import RATES, hand_back, to_call

from . import test_capacity as capacity
from . import test_rates as rates

MINUTE = 480


def test_a_caller_gets_all_of_its_limits_and_no_more():
    world = rates.World()
    for name in rates.CALLERS:
        for who in (0, 3, 0):
            world.act(rates.Act("ask", who, name, times=2, tokens=400))
    world.end()


def test_an_hour_that_is_over_is_not_counted_on_by_who_never_saw_its_item():
    world, an_hour_and_more_ms = rates.World(), 4_000_000
    world.act(rates.Act("ask", 0, times=3))
    world.now_ms += an_hour_and_more_ms
    world.act(rates.Act("ask", 3, times=3))
    assert len(world.asked) == 6, "three of five in the hour before, and three in this one"


def test_a_place_is_free_again_once_its_request_is_over_or_has_expired():
    world = capacity.World()
    for name in capacity.TARGETS:
        for what in ("take", "take", "give", "crash"):
            world.act(capacity.Act(what, 0, name, tokens=400))
    for _ in range(2):
        world.act(capacity.Act("advance", times=4))
    world.act(capacity.Act("take", 1, "places", times=2))
    assert [attempt.target for attempt in world.containers[1].under_way] == ["places", "places"]
    world.end()


def test_what_is_left_of_the_hour_goes_back_and_nothing_is_not_sent():
    window = Window(MINUTE, ("requests", "tokens", "hourly"))
    assert hand_back("ledger", "k", window) is None
    window.left["hourly"] = 3
    assert hand_back("ledger", "k", window) is not None


def test_a_place_removes_those_that_are_gone_and_nothing_else():
    for gone, removes in (({}, ""), ({"old": 1}, " REMOVE #slots.#gone0")):
        write = Write(MINUTE, {"requests": Ask(1, 3)}, Place("new", 9, 2, gone), MINUTE, MINUTE + 1)
        update = to_call("ledger", RATES, "k", write).payload["UpdateExpression"]
        assert update == f"SET #requests = #requests + :requests, #slots.#id = :expires_ms{removes}"
