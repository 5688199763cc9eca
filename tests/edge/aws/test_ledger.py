"""The desk against moto: what it reads and writes, in how many waves, and what it answers when the ledger does not."""

import json
from contextlib import contextmanager

import pytest

from signalbox.admission.budgets import scopes_of
from signalbox.admission.keys import Caller
from signalbox.aws import dynamodb
from signalbox.aws.client import Aws, InFlight, Unavailable
from signalbox.aws.ledger import BudgetExceeded, Desk
from signalbox.aws.sweep import Sweep
from signalbox.errors import Refusal

from .conftest import ENVIRONMENT

START_S = 1_795_000_000.0
CALLER = Caller("k", "t", "a", minted=False)
SCOPES = scopes_of(CALLER, route="r")
KEY, TENANT = ("key#k", "month#2026-11#00"), ("tenant#t", "total#00")


class Clock:
    now_s = START_S

    def __call__(self):
        return self.now_s


class Counted(Aws):
    """Our client, counting its waves; `broken` actions are sent to nobody."""

    waves: list
    broken: tuple = ()

    def wave(self, calls, **more):
        if calls:
            self.waves.append([call.action for call in calls])
        answers = iter(super().wave([call for call in calls if call.action not in self.broken], **more))
        return [Unavailable("TimedOut") if call.action in self.broken else next(answers) for call in calls]

    def begin(self, call, **more):
        if call.action in self.broken:
            return InFlight(call, Unavailable("TimedOut"))
        return super().begin(call, **more)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counted(aws):
    aws.__class__ = Counted
    aws.waves = []
    return aws


@pytest.fixture
def desk(counted, tables, clock):
    return Desk(counted, tables, wall=clock, ticks=clock, container="a0")


@pytest.fixture
def budget(endpoint, tables):
    aws = Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint})

    def set_budget(scope, kind, limit, hard=True):
        row = {"limit_nanousd": limit, "hard": hard, "version": 1}
        aws.call(dynamodb.put(tables.control, {"pk": scope, "sk": "scope", "budgets": {kind: row}}))

    yield set_budget
    aws.close()


@pytest.fixture
def events(boto, tables):
    """What the bus delivered, as the details that an SQS target got."""
    sqs, bus = boto("sqs"), boto("events")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="all", EventBusName=tables.bus, EventPattern='{"source": ["signalbox"]}')
    bus.put_targets(Rule="all", EventBusName=tables.bus, Targets=[{"Id": "queue", "Arn": arn}])

    def delivered():
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["detail"] for message in messages]

    yield delivered
    bus.remove_targets(Rule="all", EventBusName=tables.bus, Ids=["queue"])
    bus.delete_rule(Name="all", EventBusName=tables.bus)
    sqs.delete_queue(QueueUrl=url)


def admit(desk, clock, *, bound=100, floor=None, id="r1", caller=CALLER, scopes=SCOPES, seconds=30, errands=()):
    return desk.admit(
        caller,
        scopes,
        request_id=id,
        bound_nanousd=bound,
        floor_nanousd=bound if floor is None else floor,
        deadline_ms=int((clock.now_s + seconds) * 1000),
        errands=errands,
    )


def spend(desk, clock, cost, **asked):
    hold = admit(desk, clock, **asked)
    desk.open(hold, "openai/small", {"id": hold.request_id})
    hold.opened()
    desk.settle(hold, cost, {"id": hold.request_id, "target": "openai/small", "cost_nanousd": cost})
    return hold


def stored(aws, key):
    return aws.call(dynamodb.get("ledger", *key))


def pending(aws):
    return aws.call(dynamodb.query("ledger", "pending#a"))[0]


def told(capsys):
    return "".join(capsys.readouterr())


@contextmanager
def refused(code):
    with pytest.raises(Refusal) as refusal:
        yield refusal
    assert refusal.value.code == code


def test_a_warm_request_needs_no_round_trip_before_the_upstream_call(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    spend(desk, clock, 60)
    counted.waves.clear()
    hold = admit(desk, clock)
    assert counted.waves == []
    assert hold.granted_nanousd == 100
    assert hold.period_by_scope == {"key#k": ["month#2026-11"]}


def test_a_cold_request_reads_once_makes_what_is_missing_and_leases_in_every_budget_at_once(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    budget("tenant#t", "total", 5_000_000)
    admit(desk, clock)
    assert counted.waves == [["BatchGetItem"], ["UpdateItem"] * 2, ["TransactWriteItems"] * 2, ["UpdateItem"] * 2]
    assert len(stored(counted, KEY)["leases"]) == len(stored(counted, TENANT)["leases"]) == 1


def test_a_stale_container_reads_and_renews_in_one_wave(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    spend(desk, clock, 60)
    counted.waves.clear()
    clock.now_s += 100
    admit(desk, clock)
    assert counted.waves == [["BatchGetItem", "UpdateItem"]]
    assert len(stored(counted, KEY)["leases"]) == 1


def test_what_is_spent_is_settled_published_and_cleared(counted, desk, clock, budget, events):
    budget("key#k", "month", 1_000_000)
    spend(desk, clock, 60)
    spend(desk, clock, 70, id="r2")
    item = stored(counted, KEY)
    [lease] = item["leases"].values()
    assert item["settled"] == 130
    assert item["settled"] + item["remaining"] + lease["held"] == item["limit"] == 1_000_000
    assert pending(counted) == []
    assert [event["id"] for event in events()] == ["r1", "r2"]


def test_after_the_answer_there_are_two_waves(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    hold = admit(desk, clock)
    desk.open(hold, "t", {"id": "r1"})
    hold.opened()
    counted.waves.clear()
    desk.settle(hold, 60, {"id": "r1"})
    assert counted.waves == [["PutItem", "PutEvents", "UpdateItem"], ["DeleteItem"]]


def test_nobody_gets_past_the_limit_and_a_last_request_is_cut_to_what_is_left(counted, desk, clock, budget, events):
    budget("key#k", "month", 250)
    assert spend(desk, clock, 100).granted_nanousd == 100
    assert spend(desk, clock, 100, id="r2").granted_nanousd == 100
    assert spend(desk, clock, 50, id="r3", floor=20).granted_nanousd == 50
    with pytest.raises(BudgetExceeded) as refusal:
        admit(desk, clock, id="r4", floor=20)
    assert (refusal.value.scope, refusal.value.period) == ("key#k", "month#2026-11")
    assert refusal.value.retry_after_s == 1_083_200
    desk.record({"id": "r4", "outcome": "budget_exceeded"})
    assert stored(counted, KEY)["settled"] == 250
    assert [event["id"] for event in events()] == ["r1", "r2", "r3", "r4"]


def test_where_one_budget_refuses_the_others_go_back(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    budget("tenant#t", "total", 50)
    with refused("budget_exceeded"):
        admit(desk, clock)
    assert stored(counted, KEY)["remaining"] < 1_000_000
    desk.record({"id": "r1", "outcome": "budget_exceeded"})
    assert stored(counted, KEY)["remaining"] == 1_000_000
    assert stored(counted, TENANT)["remaining"] == 50


def test_a_soft_budget_counts_and_does_not_refuse(counted, desk, clock, budget):
    budget("key#k", "month", 50, hard=False)
    for n in range(3):
        assert spend(desk, clock, 100, id=f"r{n}").granted_nanousd == 100
    assert stored(counted, KEY)["settled"] == 300
    assert stored(counted, KEY)["remaining"] < 0


def test_a_request_without_a_budget_is_published_all_the_same(counted, desk, clock, events):
    hold = spend(desk, clock, 60)
    assert (hold.granted_nanousd, hold.period_by_scope) == (100, {})
    assert pending(counted) == []
    assert [event["id"] for event in events()] == ["r1"]


def test_a_cancelled_hold_costs_nothing_and_stays_in_hand(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    desk.cancel(admit(desk, clock))
    counted.waves.clear()
    admit(desk, clock)
    assert counted.waves == []


def test_a_hold_that_was_never_opened_is_settled_at_nothing(counted, desk, clock, budget, events):
    budget("key#k", "month", 1_000_000)
    desk.settle(admit(desk, clock), 0, {"id": "r1", "outcome": "upstream_failed"})
    assert stored(counted, KEY)["settled"] == 0
    assert pending(counted) == []
    assert [event["id"] for event in events()] == ["r1"]


def test_sigterm_returns_everything_in_one_wave(counted, desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    budget("tenant#t", "total", 1_000_000)
    spend(desk, clock, 60)
    counted.waves.clear()
    desk.release()
    assert counted.waves == [["UpdateItem", "UpdateItem"]]
    assert (stored(counted, KEY)["remaining"], stored(counted, KEY)["leases"]) == (999_940, {})


def test_a_revoked_key_and_a_disabled_tenant_are_refused_within_five_seconds(counted, desk, clock):
    admit(desk, clock)
    counted.call(dynamodb.put("control", {"pk": "tenant#t", "sk": "scope", "status": "disabled"}))
    clock.now_s += 4
    admit(desk, clock)
    clock.now_s += 2
    with refused("permission_denied"):
        admit(desk, clock)
    counted.call(dynamodb.put("control", {"pk": "key#k", "sk": "scope", "status": "disabled"}))
    clock.now_s += 6
    with refused("invalid_key"):
        admit(desk, clock)
    with refused("invalid_key"):
        admit(desk, clock, caller=Caller("gone", "t", "a", minted=True), scopes=("key#gone",))


def test_a_new_version_is_seen_in_the_same_wave(counted, desk, clock):
    admit(desk, clock)
    counted.call(dynamodb.put("control", {"pk": "config", "sk": "live", "version": 2, "digest": "d"}))
    clock.now_s += 6
    counted.waves.clear()
    assert admit(desk, clock).view.live["digest"] == "d"
    assert counted.waves == [["BatchGetItem"]]


def test_a_budget_that_is_set_meanwhile_holds_from_the_next_look_on(counted, desk, clock, budget):
    assert admit(desk, clock).period_by_scope == {}
    budget("key#k", "month", 50)
    clock.now_s += 6
    with refused("budget_exceeded"):
        admit(desk, clock)


def test_the_hold_begins_soon_or_not_at_all(desk, clock, budget):
    budget("key#k", "month", 1_000_000)
    hold = admit(desk, clock)
    clock.now_s += 31
    with refused("ledger_unavailable"):
        desk.open(hold, "t", {"id": "r1"})


def test_without_the_ledger_a_hard_budget_refuses_and_a_soft_one_is_charged_later(counted, desk, clock, budget, capsys):
    budget("key#k", "month", 1_000_000)
    spend(desk, clock, 60)
    clock.now_s += 100
    counted.broken = ("UpdateItem",)
    with refused("ledger_unavailable"):
        admit(desk, clock)
    budget("key#k", "month", 1_000_000, hard=False)
    clock.now_s += 6
    hold = admit(desk, clock, id="r2")
    counted.broken = ()
    desk.open(hold, "t", {"id": "r2"})
    hold.opened()
    counted.waves.clear()
    desk.settle(hold, 70, {"id": "r2"})
    assert "UpdateItem" not in counted.waves[0]  # there is no lease to settle it from
    assert stored(counted, KEY)["settled"] == 130
    assert pending(counted) == []
    assert "a lease was not answered for" in told(capsys)


def test_a_budget_that_became_hard_lets_nothing_pass_unseen(counted, desk, clock, budget):
    """Its definition is read in the very wave in which the ledger does not answer."""
    budget("key#k", "month", 1_000_000, hard=False)
    spend(desk, clock, 60)
    clock.now_s += 100
    budget("key#k", "month", 1_000_000)
    counted.broken = ("UpdateItem",)
    with refused("ledger_unavailable"):
        admit(desk, clock)


def test_control_items_serve_for_a_minute_where_the_table_is_silent(counted, desk, clock):
    admit(desk, clock)
    counted.broken = ("BatchGetItem",)
    clock.now_s += 50
    admit(desk, clock)
    clock.now_s += 20
    with refused("ledger_unavailable"):
        admit(desk, clock)


def test_a_cold_container_without_its_control_table_says_so(counted, desk, clock):
    counted.broken = ("BatchGetItem",)
    with refused("ledger_unavailable"):
        desk.look(SCOPES)


def test_an_intent_that_cannot_be_stored_refuses_under_a_hard_budget_alone(counted, desk, clock, budget, capsys):
    counted.broken = ("PutItem",)
    hold = admit(desk, clock)
    desk.open(hold, "t", {"id": "r1"})
    hold.opened()
    budget("key#k", "month", 1_000_000)
    clock.now_s += 6
    hold = admit(desk, clock, id="r2")
    desk.open(hold, "t", {"id": "r2"})
    with refused("ledger_unavailable"):
        hold.opened()
    counted.broken = ()
    desk.settle(hold, 40, {"id": "r2"})
    assert stored(counted, KEY)["settled"] == 40
    assert "could not be stored" in told(capsys)


def test_an_event_that_the_bus_does_not_take_waits_in_the_outbox_for_the_sweeper(counted, desk, clock, budget, tables, events, capsys):
    budget("key#k", "month", 1_000_000)
    counted.broken = ("PutEvents",)
    spend(desk, clock, 60)
    [item] = pending(counted)
    assert (item["state"], item["charged"], json.loads(item["detail"])["id"]) == ("settled", True, "r1")
    assert "waits in the outbox" in told(capsys)
    clock.now_s += 61
    swept = Sweep(counted, tables, lambda: int(clock.now_s * 1000)).run(int(clock.now_s * 1000) + 1)
    assert (swept.published, swept.failed) == (0, 1)
    log = told(capsys)
    assert "a usage event waits in the outbox" in log
    assert "TimedOut" in log
    counted.broken = ()
    swept = Sweep(counted, tables, lambda: int(clock.now_s * 1000)).run(int(clock.now_s * 1000) + 1)
    assert (swept.estimated, swept.published, swept.failed) == (0, 1, 0)
    assert pending(counted) == []
    assert [event["id"] for event in events()] == ["r1"]
    assert stored(counted, KEY)["settled"] == 60


def test_a_crashed_request_counts_in_full_and_only_when_its_time_is_over(counted, desk, clock, budget, tables, events):
    budget("key#k", "month", 1_000)
    hold = admit(desk, clock, bound=300, seconds=400)
    desk.open(hold, "openai/small", {"id": "r1", "outcome": "crashed", "cost_nanousd": 0})
    hold.opened()

    other = Desk(counted, tables, wall=clock, ticks=clock, container="b0")
    clock.now_s += 300
    with refused("budget_exceeded"):  # the lease has expired, its intent has not
        admit(other, clock, bound=701)
    assert spend(other, clock, 0, id="r2", bound=700).granted_nanousd == 700

    clock.now_s += 161
    swept = Sweep(counted, tables, lambda: int(clock.now_s * 1000)).run(int(clock.now_s * 1000) + 1)
    assert (swept.estimated, swept.published, swept.failed) == (1, 1, 0)
    assert stored(counted, KEY)["settled"] == 300
    assert stored(counted, KEY)["remaining"] == 700
    detail = next(event for event in events() if event["id"] == "r1")
    assert (detail["outcome"], detail["estimated"], detail["cost_nanousd"]) == ("crashed", True, 300)


def test_expired_leases_are_returned_when_somebody_needs_them(counted, desk, clock, budget, tables):
    budget("key#k", "month", 1_000)
    admit(desk, clock, bound=600)
    other = Desk(counted, tables, wall=clock, ticks=clock, container="b0")
    with refused("budget_exceeded") as refusal:
        admit(other, clock, bound=600)
    assert refusal.value.retry_after_s == 2
    clock.now_s += 121
    assert admit(other, clock, bound=600).granted_nanousd == 600


def test_where_the_shards_do_not_make_up_the_limit_the_log_says_whose_they_are(counted, desk, clock, budget, capsys):
    budget("key#k", "month", 1_000)
    admit(desk, clock)
    item = stored(counted, KEY)
    counted.call(dynamodb.put("ledger", item | {"remaining": 0, "shards": 4, "leases": {}}))
    with refused("ledger_unavailable"):
        admit(desk, clock, bound=1_000)
    log = told(capsys)
    assert "an admission came to no end" in log
    assert "key#k" in log


class Asking:
    """An errand that reads something, `turns` times."""

    def __init__(self, tables, turns=1, error=None):
        self.call, self.turns, self.error, self.answers = dynamodb.get(tables.control, "global#*", "scope"), turns, error, []

    def calls(self, view, now_ms):
        return [self.call] * 2 if len(self.answers) < self.turns else []

    def heard(self, answers):
        self.answers.append(answers)
        if self.error:
            raise self.error


def test_errands_go_along_in_the_same_wave(desk, clock, tables, counted, budget):
    budget("key#k", "total", 1_000)
    admit(desk, clock)  # makes the period's item
    errands = [Asking(tables), Asking(tables, turns=2)]
    counted.waves.clear()
    admit(desk, clock, bound=900, floor=900, errands=errands)
    assert counted.waves[:2] == [["UpdateItem", *["GetItem"] * 4], ["GetItem", "GetItem"]]
    assert [errand.answers for errand in errands] == [[[None, None]], [[None, None]] * 2]


def test_what_an_errand_raises_comes_before_what_a_budget_refuses(desk, clock, tables, counted, budget):
    """And whoever else was in that wave hears what came of it."""
    budget("key#k", "total", 1_000)
    first, second = Asking(tables, error=Refusal("rate_limited", "Later.")), Asking(tables)
    with pytest.raises(Refusal, match="Later"):
        admit(desk, clock, bound=2_000, floor=2_000, errands=[first, second])
    assert second.answers == [[None, None]]
    with pytest.raises(BudgetExceeded):
        admit(desk, clock, bound=2_000, floor=2_000, errands=[Asking(tables)])
    assert admit(desk, clock, bound=1_000, floor=1_000).granted_nanousd == 1_000
