"""Every condition of every write on the ledger, by what it belongs to; and random lives, to see what becomes of the ledger without one."""

import random
from typing import NamedTuple

from signalbox.admission.budgets import Budget
from signalbox.admission.leases import Part, Want
from signalbox.admission.shards import OPEN_MS, Lease, Level, Shift
from signalbox.aws import accounts, boto_accounts, dynamodb, outbox, shards

from .fake_aws import BotoTable, FakeCloud, place_of
from .ledger_world import ROOMY, SKEWS_MS, Act, World, small_shards

ACCOUNT = ("key#k", "total")
BUDGET = Budget("key#k", "total", 9, True, 1)
PART = Part(ACCOUNT, "c0-1", 1)
LEASE = Lease("c0-1", 1, 1, 1)


class Mutant(NamedTuple):
    """A write without one of its conditions."""

    write: str
    place: str
    updates: tuple[str, ...]
    condition: str
    term: str

    @property
    def ignored(self):
        return tuple((self.place, update, self.condition, self.term) for update in self.updates)


def mutants():
    """One for each condition of each write, in order."""
    found = []
    for write, payload, *variants in _writes():
        text = payload["ConditionExpression"]
        updates = tuple(each.get("UpdateExpression", "") for each in (payload, *variants))
        expression = (_place(write, payload), updates, text)
        found += [Mutant(write, *expression, term) for term in ([text] if " OR " in text else text.split(" AND "))]
    return found


def _place(write, payload):
    return place_of(payload, "level" if write.startswith("level") else "create")


def _writes():
    def want(fresh, hard, givers=()):
        return accounts.lease("ledger", Want(ACCOUNT, "c0-1", 1, fresh, 2, hard, 1, givers=givers))

    def level(**changes):
        shifts = (Shift(0, 1), Shift(1, -1))
        return shards.level("ledger", ACCOUNT, Level(0, 9, 2, OPEN_MS, 2, OPEN_MS, True, True, shifts)._replace(**changes), 1)

    item = outbox.to_item("a0", 1, request="r", target="t", bound=1, deadline_ms=1, parts=[PART], detail={"id": "r"})
    pending = outbox.to_pending(item)
    [checked, created] = _parts(shards.create("ledger", "control", ACCOUNT, BUDGET, 0))
    [gathers, given] = _parts(want(True, True, ((1, 1),)))
    [gathers_again, _] = _parts(want(False, True, ((1, 1),)))
    [absent] = boto_accounts.moved(BotoTable(FakeCloud(), "ledger"), ACCOUNT, None, BUDGET, 0)
    absent = absent["ConditionCheck"]
    yield "lease, hard", want(True, True).payload, gathers
    yield "lease, soft", want(True, False).payload
    yield "renew, hard", want(False, True).payload, gathers_again
    yield "renew, soft", want(False, False).payload
    yield "settle", accounts.settle("ledger", PART, 1, 0, 1).payload, accounts.settle("ledger", PART, 1, 0).payload
    yield "give back", accounts.give_back("ledger", ACCOUNT, 0, LEASE).payload
    yield "shorten", accounts.shorten("ledger", ACCOUNT, 0, LEASE, 1, 1).payload
    yield "create: the definition", checked
    yield "create: the item", created
    yield "level: the definition", checked
    yield "level: item 00, open", level()[0].payload
    yield "level: item 00, shut", level(guarded=False)[0].payload
    yield "level: item 00, dated", level(guarded=False, seen_shards=0)[0].payload
    yield "level: a shard, open", level()[1].payload
    yield "gather: the giver", given
    yield "change: no item", absent | {"Key": dynamodb.to_values(absent["Key"])}
    yield "intent", outbox.open("ledger", item).payload
    yield "outbox", outbox.settle("ledger", item, certain=True).payload
    yield "outbox, uncertain", outbox.settle("ledger", item, certain=False).payload
    yield "estimate", outbox.estimate("ledger", pending, 1).payload
    yield "charged", outbox.charged("ledger", "pending#a", "a").payload
    yield "struck", outbox.struck("ledger", pending, "0").payload


def _parts(transaction):
    return [next(iter(part.values())) for part in transaction.payload["TransactItems"]]


# Random lives, the same for the same number.

FAULTS = ["lost", "late", "late", "delayed", "throttled", "crash", "crash after"]
WHATS = ["step"] * 8 + ["advance", "advance", "sweep", "crash", "abandon", "deliver", "release", "change", "raise", "flip"]
HARD = {"key#k": ("total", True, 900)}
WORLDS = (
    HARD,
    HARD,
    {"key#k": ("total", True, 300)},
    {"key#k": ("day", True, 6_500)},
    {"key#k": ("total", True, 5_000)},
    ROOMY,
    {"team#t/a": ("total", False, 500)},
    {"key#k": ("total", True, 900), "team#t/a": ("month", False, 500), "provider#p": ("total", True, 700)},
)


def live(number, ignored=()):
    """Raises what the checks find."""
    draw = random.Random(number)
    with small_shards(draw.choice([1, 2, 2, 14])):
        world = World(ignored, draw.choice(WORLDS), dear=draw.random() < 0.15)
        if draw.random() < 0.1:
            world.backdate()
        for _ in range(draw.choice([15, 40])):
            world.act(_act(draw, 2))
        world.end()


def _act(draw, depth):
    many = draw.random() < 0.3
    faults = tuple((_position(draw), draw.choice(FAULTS)) for _ in range(draw.randint(0, 2))) if many else ()
    meanwhile = tuple((_position(draw), _act(draw, depth - 1)) for _ in range(draw.randint(0, 2))) if depth and draw.random() < 0.4 else ()
    return Act(draw.randrange(len(SKEWS_MS)), draw.choice(WHATS), draw.randint(1, 20), faults, meanwhile)


def _position(draw):
    return draw.choice([*range(8), *range(15, 23)])
