"""The torture's judge finds what is wrong; else a ledger that is wrong would pass."""

import pytest

from signalbox.admission.shards import Lease, Sight

from ...torture.storm import LIMITS, TIGHTEST, Storm
from ...torture.verdict import judge

STORM = Storm(0, fits=5, dies=0)
SCOPES = ("key#k0", "team#t/a", TIGHTEST, "global#*")
FITS = STORM.limit("key#k0")  # the tightest of what one request touches
USED = STORM.limit(TIGHTEST) - FITS  # by others, before


def lines(bills=FITS, cost=FITS):
    yield {"life": "life-1-0", "at_s": 0, "what": "spoilt", "fault": "lost"}
    yield {"life": "life-1-0", "at_s": 0, "what": "admitted", "id": "old", "granted": USED, "scopes": [TIGHTEST]}
    yield {"life": "life-1-0", "at_s": 1, "what": "begun", "id": "old", "bills": USED}
    yield {"life": "life-1-0", "at_s": 2, "what": "settled", "id": "old"}
    yield {"life": "life-0-0", "at_s": 3, "what": "admitted", "id": "a", "granted": FITS, "scopes": SCOPES}
    yield {"life": "life-0-0", "at_s": 4, "what": "begun", "id": "a", "bills": bills}
    yield {"life": "life-0-0", "at_s": 5, "what": "billed", "id": "a", "cost": cost, "broken": False}
    yield {"life": "life-0-0", "at_s": 6, "what": "settled", "id": "a"}


def events(cost=FITS, **more):
    return [{"id": "old", "cost_nanousd": USED}, {"id": "a", "cost_nanousd": cost} | more]


def sights(settled=FITS, held=0, lost=0):
    found = dict.fromkeys(LIMITS)
    for scope in SCOPES:
        spent = settled + (USED if scope == TIGHTEST else 0)
        leases = {"x": Lease("x", held, 1, 0)} if held else {}
        found[scope] = Sight(STORM.limit(scope), STORM.limit(scope) - spent - held - lost, spent, 1, leases)
    return found


LINES, EVENTS, SIGHTS = tuple(lines()), tuple(events()), sights()


def judged(lines=LINES, events=EVENTS, sights=SIGHTS, pending=0, killed=1):
    return judge(STORM, lines, events, sights, pending, killed)


def test_what_is_right_is_not_complained_of():
    figures, complaints = judged()
    assert complaints == []
    assert (figures.admitted, figures.overspent, figures.used, figures.billed) == (2, 0, 1, USED + FITS)


MORE = FITS + 1


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"lines": tuple(lines(bills=MORE, cost=MORE)), "events": tuple(events(MORE)), "sights": sights(MORE)}, "overspent by 1"),
        ({"sights": sights(FITS - 1), "events": tuple(events())}, "1 was billed and is not settled"),
        ({"sights": sights(MORE)}, "has settled 1 beyond its limit"),
        ({"sights": sights(lost=1)}, "does not keep its sum"),
        ({"sights": sights(FITS, held=1)}, "1 never came home"),
        ({"events": tuple(events())[:1]}, "was never recorded"),
        ({"events": tuple(events(FITS + 5))}, "came to its end"),
        ({"events": (*events(), {"id": "a", "cost_nanousd": FITS - 1})}, f"costs {FITS} and {FITS - 1}"),
        ({"events": (*events(), {"id": "ghost", "cost_nanousd": 1})}, "nobody asked for"),
        ({"pending": 1}, "never finished"),
        ({"killed": 0}, "it proves nothing"),
        ({"lines": tuple(lines())[1:]}, "0 calls spoilt: it proves nothing"),
    ],
)
def test_what_is_wrong_is(wrong, complaint):
    assert any(complaint in told for told in judged(**wrong)[1]), judged(**wrong)[1]


def test_a_crash_may_be_told_with_the_whole_bound_beside_what_it_cost():
    whole = (*events(), {"id": "a", "cost_nanousd": FITS + 9, "outcome": "crashed"})
    assert judged(events=whole)[1] == []
    assert "and the events say" in judged(events=whole, sights=sights(FITS + 10))[1][-1]


def denied(at_s, life="life-0-0", floor=1):
    return {"life": life, "at_s": at_s, "what": "denied", "floor": floor, "scopes": SCOPES}


def test_a_denial_is_false_where_what_is_settled_and_under_way_leaves_room():
    figures, complaints = judged(lines=(*lines(), denied(2.5), denied(3.5), denied(7)))
    assert (figures.denied, figures.false_out, complaints) == (3, 1, [])


def test_once_the_leases_are_home_a_false_denial_is_wrong():
    assert "could have had" in judged(lines=(*lines(), denied(2.5, "last-0-0")))[1][0]


def test_a_budget_that_could_not_be_used_up_is_wrong():
    few = [line for line in lines() if line.get("id") == "a"]
    found = sights()
    found[TIGHTEST] = found[TIGHTEST]._replace(settled=FITS, remaining=STORM.limit(TIGHTEST) - FITS)
    assert "could be used" in judged(lines=few, events=events()[1:], sights=found)[1][-1]
