"""What happens where the code that carries an admission to the ledger, and levels its shards, decides otherwise.

Told as in `ledger_stories`; what the world does not see, as what was asked and how often, is asserted here.
"""

from signalbox.aws import dynamodb
from signalbox.aws.client import TRIES
from signalbox.aws.ledger import BudgetExceeded
from signalbox.errors import Refusal

from .ledger_stories import ENDED, FOR_A_WHILE, HARD, SOFT, several_hold
from .ledger_world import CALLER, SCOPES, Act, World, nothing_else_is_raised, small_shards

AMPLE = {"key#k": ("total", True, 100_000)}
STALE = 1  # a place in STEPS_MS: 9 s, of the 5 that a definition is fresh
UPDATES = ("UpdateItem", "TransactWriteItems")


class Errand:
    """Wants something at its first `turns`; raises `reason` when it is asked what, or `answered` at what comes of it."""

    def __init__(self, turns=0, reason=None, answered=None):
        self.turns, self.reason, self.answered = turns, reason, answered
        self.asked, self.heard_of = 0, []

    def calls(self, view, now_ms):
        self.asked += 1
        if self.reason:
            raise self.reason
        return [dynamodb.get("control", "nobody", "scope")] if self.asked <= self.turns else []

    def heard(self, answers):
        self.heard_of.append(answers)
        if self.answered:
            raise self.answered


def admitted(world, who, *errands, bound=100, floor=100, meddle=lambda action, payload: None):
    """The hold, or why there is none; and what it sent for that."""
    container, sent, refusal = world.containers[who], [], None
    if container.desk is None:
        world._start(container)

    def noted(action, payload):
        sent.append(action)
        return meddle(action, payload)

    container.pool.meddle = noted
    with nothing_else_is_raised():
        try:
            hold = container.desk.admit(
                CALLER,
                SCOPES,
                request_id="r",
                bound_nanousd=bound,
                floor_nanousd=floor,
                deadline_ms=world.now_ms + 5_000,
                errands=errands,
            )
        except Refusal as raised:
            hold, refusal = None, raised
    container.pool.meddle = lambda action, payload: None
    return hold, refusal, sent


def once(action, others):
    """`others` act before the first of these."""
    left = [others]

    def meddle(each, payload):
        if each == action and left:
            left.pop()()

    return meddle


def warm(ignored, limits=AMPLE):
    world = World(ignored, limits)
    for _ in range(3):
        world.act(Act(0, "step", 1))
    return world


def a_warm_container_has_a_slice(ignored):
    world = warm(ignored)
    for _ in range(3):
        world.act(Act(0, "step", 1))
    _, _, sent = admitted(world, 0, bound=10, floor=10)
    assert not sent, "it asks for what it has"
    return world


def a_key_is_disabled_while_its_container_has_a_slice(ignored):
    world = warm(ignored)
    world.cloud.items("control")["key#k", "scope"]["status"] = "disabled"
    world.act(Act(0, "advance", STALE))
    hold, _, _ = admitted(world, 0, bound=10, floor=10)
    assert hold is None, "admitted by what is not so any more"
    return world


def an_errand_is_all_there_is_to_do(ignored):
    world, errand = warm(ignored), Errand(turns=1)
    hold, _, _ = admitted(world, 0, errand, bound=10, floor=10)
    assert hold
    assert len(errand.heard_of) == 1, "it begins before its errand is done"
    return world


def one_errand_is_done_and_another_is_not(ignored):
    world, done, other = World(ignored, HARD), Errand(), Errand(turns=2)
    admitted(world, 0, done, other)
    assert len(other.heard_of) == 2, "it begins before its errand is done"
    assert not done.heard_of, "who asked for nothing hears something"
    return world


def an_errand_is_never_done(ignored):
    world, errand, naps = World(ignored, HARD), Errand(turns=99), []
    world._start(world.containers[0])
    aws = world.containers[0].desk._aws
    aws._sleep, aws._draw = naps.append, lambda: 1
    _, refusal, _ = admitted(world, 0, errand)
    assert refusal
    assert refusal.code == "ledger_unavailable", "refused by what is not the matter"
    assert errand.asked == len(errand.heard_of) + 1, "it asks once more when nobody will look at the answer"
    assert naps == [0.05, 0.1, *[0.2] * 7], "it meets the others in step, or waits where nobody is in the way"
    return world


def an_errand_knows_that_the_request_is_of_no_use(ignored):
    world, reason = World(ignored, HARD), Refusal("rate_limited", "first")
    _, refusal, sent = admitted(world, 0, Errand(reason=reason), Errand(reason=Refusal("rate_limited", "second")))
    assert refusal is not None, "admitted, and its errand says no"
    assert refusal is reason, "told by the last reason"
    assert not {*sent} & {*UPDATES}, "leased for a request that is of no use"
    return world


def an_errand_hears_that_the_request_is_of_no_use(ignored):
    world, answered = World(ignored, HARD), Refusal("rate_limited", "none left")
    _, refusal, _ = admitted(world, 0, Errand(turns=1, answered=answered))
    assert refusal is answered, "admitted, and its errand says no"
    return world


def others_come_first_at_every_turn(ignored):
    """They have it whenever it is asked for, and give it back before anybody looks."""
    with small_shards(1):
        world, away = several_hold(ignored, size=5), {}

        def meddle(action, payload):
            items = world.cloud.items("ledger")
            for key, remaining in away.items():
                items[key]["remaining"] += remaining
            away.clear()
            if action in UPDATES:
                away.update({key: item["remaining"] for key, item in items.items() if key[0] == "key#k"})
                for key, remaining in away.items():
                    items[key]["remaining"] -= remaining

        _, refusal, _ = admitted(world, 3, meddle=meddle)
        meddle("", {})
        assert isinstance(refusal, BudgetExceeded), "told that the ledger does not answer, and others hold what there is"
    return world


def a_budget_becomes_soft_and_whoever_asks_knows_it_as_hard(ignored):
    world = World(ignored, {"key#k": ("total", True, 300)})
    world.act(Act(0, "step", 20))
    world.act(Act(1, "step", 1))
    world.act(Act(0, "flip"))
    world.act(Act(0, "advance", STALE))
    hold, _, _ = admitted(world, 1, bound=2_000, floor=2_000)
    assert hold, "refused by what is not so any more"
    return world


def a_limit_is_raised_while_somebody_takes_a_raise_back(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 90))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step"))
    world.act(Act(0, "raise", FOR_A_WHILE))
    world.act(Act(0, "advance", ENDED))
    raises = once("TransactWriteItems", lambda: world.act(Act(0, "change", 30)))
    hold, _, _ = admitted(world, 1, meddle=raises)
    assert hold, "refused by what is not so any more"
    return world


def others_come_first_and_the_budget_is_the_same(ignored):
    begun, raised = World(ignored, HARD), World(ignored, HARD)
    raised.act(Act(0, "step", 1))
    raised.act(Act(0, "raise", FOR_A_WHILE))
    raised.act(Act(0, "advance", ENDED))
    for world in (begun, raised):
        _, _, sent = admitted(world, 1, meddle=once("TransactWriteItems", lambda world=world: world.act(Act(2, "step", 10))))
        assert sent.count("BatchGetItem") == 1, "it reads again what has not changed"
        world.end()
    return world


def a_transaction_is_in_the_way_of_a_soft_lease(ignored):
    world = World(ignored, SOFT, faults_a_request=99)
    world.act(Act(1, "step"))
    world.act(Act(0, "step", faults=tuple((place, "in the way") for place in range(99))))
    return world


def a_hard_lease_is_not_answered_for(ignored):
    world = World(ignored, HARD)
    world.act(Act(1, "step"))
    _, refusal, sent = admitted(world, 0, meddle=lambda action, payload: "lost" if action == "UpdateItem" else None)
    assert refusal
    assert refusal.code == "ledger_unavailable", "refused by what is not the matter"
    assert sent.count("UpdateItem") == TRIES, "it waits again and again for what does not answer"
    return world


def the_shards_cannot_be_read(ignored):
    with small_shards(1):
        world = several_hold(ignored, size=5)
        for who in (3, 4, 5):
            _, refusal, _ = admitted(world, who, meddle=lambda action, payload: "lost" if action == "Query" else None)
        assert refusal
        assert refusal.code == "ledger_unavailable", "admitted without a place"
    return world


def a_limit_is_lowered_below_what_several_shards_hold(ignored):
    with small_shards(1):
        world = several_hold(ignored, size=20)
        world.act(Act(0, "change", 1))
        assert world._budget(("key#k", "total")).limit_nanousd == 90, "a limit cannot be lowered"
        world.end()
    return world


def a_soft_budget_becomes_hard_while_one_of_its_shards_owes(ignored):
    with small_shards(1):
        world = several_hold(ignored, size=20, limits={"team#t/a": ("total", False, 500)})
        owing = [item for (_, sk), item in world.cloud.items("ledger").items() if sk > "total#00" and item.get("remaining", 0) < 0]
        assert owing
        world.harden(200)
        assert world._budget(("team#t/a", "total")).hard, "a budget that owes cannot become hard"
        world.end()
    return world


STORIES = (
    a_warm_container_has_a_slice,
    a_key_is_disabled_while_its_container_has_a_slice,
    an_errand_is_all_there_is_to_do,
    one_errand_is_done_and_another_is_not,
    an_errand_is_never_done,
    an_errand_knows_that_the_request_is_of_no_use,
    an_errand_hears_that_the_request_is_of_no_use,
    others_come_first_at_every_turn,
    a_budget_becomes_soft_and_whoever_asks_knows_it_as_hard,
    a_limit_is_raised_while_somebody_takes_a_raise_back,
    others_come_first_and_the_budget_is_the_same,
    a_transaction_is_in_the_way_of_a_soft_lease,
    a_hard_lease_is_not_answered_for,
    the_shards_cannot_be_read,
    a_limit_is_lowered_below_what_several_shards_hold,
    a_soft_budget_becomes_hard_while_one_of_its_shards_owes,
)
