"""How much of a limit containers hold in hand, and so refuse each other."""

import pytest

from signalbox.admission.windows import SLICES, Taking, Window

MINUTE, LIMIT = 600, 1_000


class Fleet:
    """Windows of as many containers over one stored item, which lets nobody take more than the limit."""

    def __init__(self, containers):
        self.windows = [Window(MINUTE) for _ in range(containers)]
        self.minute = MINUTE
        self.taken, self.calls = 0, 0

    def turn(self, minute):
        self.minute, self.taken = minute, 0

    def ask(self, number):
        """Whether the container may serve one more."""
        window = self.windows[number]
        if window.minute != self.minute:
            window.move(self.minute)
        window.limits = {"requests": LIMIT}
        taking = Taking(window, {"requests": 1})
        while not taking.serve() and not taking.lacking:
            ask = taking.write().asks["requests"]
            self.calls += 1
            if self.taken + ask.more <= ask.limit:
                self.taken += ask.more
                taking.took(self.stored())
            else:
                taking.failed(self.stored(), 0)
        return taking.is_done

    def stored(self):
        return {"minute": self.minute, "requests": self.taken, "tokens": 0}


def until_refused(fleet, most=2 * LIMIT):
    """The containers in turn, each for one request."""
    return next(number for number in range(most) if not fleet.ask(number % len(fleet.windows)))


@pytest.mark.parametrize("containers", [1, 8, 40, 64, 200, 600])
def test_nobody_is_refused_before_half_of_a_limit_is_used_however_many_containers_share_it(containers):
    assert until_refused(Fleet(containers)) >= LIMIT / 2


def test_who_comes_back_to_the_same_few_containers_finds_what_many_others_left_there():
    fleet = Fleet(200)
    assert all(fleet.ask(number) for number in range(200))
    served = next(number for number in range(LIMIT) if not fleet.ask(number % 4))
    assert served >= 0.6 * LIMIT


def test_a_container_that_served_many_in_the_minute_before_takes_whole_slices_from_the_first():
    fleet = Fleet(1)
    assert all(fleet.ask(0) for _ in range(100))
    fleet.turn(MINUTE + 1)
    assert fleet.ask(0)
    assert fleet.taken == LIMIT // SLICES["requests"]


def test_a_minute_in_which_nothing_came_is_forgotten():
    fleet = Fleet(1)
    assert all(fleet.ask(0) for _ in range(100))
    fleet.turn(MINUTE + 2)
    assert fleet.ask(0)
    assert fleet.taken == 1


def test_slices_grow_with_what_is_served():
    fleet = Fleet(1)
    assert all(fleet.ask(0) for _ in range(200))
    assert fleet.calls <= 15
