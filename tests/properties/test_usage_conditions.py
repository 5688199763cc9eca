"""What may go wrong between those who write and those who fold, move by move; and that each condition of their writes is missed."""

import pytest

from signalbox.aws import boto_sums, boto_usage

from . import fake_table
from .fake_table import FakeTable, Serial
from .test_usage_sums import DAY, EVENTS

SHARD = 3


class Gone(Exception):
    """Whoever was at it stops here."""


class Meeting(FakeTable):
    """Once, before a write whose expression begins so, others do what they do."""

    def __init__(self):
        super().__init__(page=1_000)
        self.waiting = []

    def before_the(self, beginning, others):
        self.waiting.append((beginning, others))

    def update_item(self, **update):
        for met in [row for row in self.waiting if update["UpdateExpression"].startswith(row[0])]:
            self.waiting.remove(met)
            met[1]()
        return super().update_item(**update)

    def transact_write_items(self, TransactItems):
        for met in [row for row in self.waiting if row[0] == "transaction"]:
            self.waiting.remove(met)
            met[1]()
        return super().transact_write_items(TransactItems)


CLAIM, ADD, FINISH = "SET claimed", "SET folded = :folded", "SET folded = :claimed"


def write(table, *numbers):
    boto_usage.record(table, [EVENTS[number] for number in numbers], SHARD)


def leave(table, before):
    """Somebody folds, and is gone before a write like this."""

    def go():
        raise Gone

    table.before_the(before, go)
    with pytest.raises(Gone):
        boto_sums.fold(table, SHARD)


def holds(table, *numbers):
    """Read as it stands, folded by whoever comes next, and read again."""
    for _ in range(2):
        found = boto_usage.totals(table, "all", "all", [DAY])[DAY]
        assert (found["requests"], found["cost_nanousd"]) == (len(numbers), sum(2**number for number in numbers))
        boto_sums.fold_all(table, SHARD)
    assert boto_sums.unfolded(table) == []
    assert boto_sums.mark(table, SHARD).bytes == 0


def late_to_claim(table, *folded_before):
    """Others wrote more, claimed all of it and left when totals had it: after a smaller claim the rest would be folded twice."""
    write(table, 1)

    def others():
        write(table, 2)
        leave(table, FINISH)

    table.before_the(CLAIM, others)
    boto_sums.fold(table, SHARD)
    write(table, 3)
    holds(table, *folded_before, 1, 2, 3)


def late_to_claim_again(table):
    write(table, 0)
    boto_sums.fold_all(table, SHARD)
    late_to_claim(table, 0)


def late_to_add(table):
    """Others had the same entries, and came to the end of them."""
    write(table, 1)
    table.before_the(ADD, lambda: boto_sums.fold_all(table, SHARD))
    boto_sums.fold(table, SHARD)
    holds(table, 1)


def late_to_finish(table):
    write(table, 1)
    table.before_the(FINISH, lambda: boto_sums.fold(table, SHARD))
    boto_sums.fold(table, SHARD)
    holds(table, 1)


def late_to_finish_again(table):
    """Others came to the same end and went on: the mark never goes back."""
    write(table, 0)
    boto_sums.fold_all(table, SHARD)
    write(table, 1)

    def others():
        boto_sums.fold(table, SHARD)
        write(table, 2)
        boto_sums.fold(table, SHARD)

    table.before_the(FINISH, others)
    boto_sums.fold(table, SHARD)
    holds(table, 0, 1, 2)


def late_to_write(table):
    """Another has taken the number."""
    write(table, 0)
    table.before_the("transaction", lambda: write(table, 1))
    write(table, 2)
    holds(table, 0, 1, 2)


def first_of_all(table):
    table.before_the("transaction", lambda: write(table, 1))
    write(table, 2)
    holds(table, 1, 2)


def known(table):
    write(table, 1)
    write(table, 1, 2)
    holds(table, 1, 2)


STORIES = (late_to_claim, late_to_claim_again, late_to_add, late_to_finish, late_to_finish_again, late_to_write, first_of_all, known)
CONDITIONS = (
    *("claimed = :folded", "attribute_not_exists(claimed)", "folded = :folded", "attribute_not_exists(folded)", "folded < :folded"),
    *("#last = :last", "attribute_not_exists(pk)"),
)


def is_missed_by(story):
    try:
        story(Meeting())
    except AssertionError:
        return True
    return False


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for module in (boto_sums, boto_usage):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Serial)


@pytest.mark.parametrize("story", STORIES)
def test_each_event_is_counted_once(story):
    story(Meeting())


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition_is_missed(condition, monkeypatch):
    real = fake_table._term
    asked = []

    def term(told, *given):
        if told == condition:
            asked.append(told)
        return told == condition or real(told, *given)

    monkeypatch.setattr(fake_table, "_term", term)
    assert any(is_missed_by(story) for story in STORIES)
    assert asked
