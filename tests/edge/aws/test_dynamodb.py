"""Our calls against moto, and the fake that the ledger's properties run on against moto too."""

import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.admission.budgets import Budget, Raise
from signalbox.admission.leases import Part, Want
from signalbox.admission.shards import OPEN_MS, Lease, Level, Shift
from signalbox.aws import accounts, dynamodb, outbox, shards
from signalbox.aws.client import AwsError, Cancelled, ConditionFailed
from signalbox.aws.dynamodb import Expression, to_item, to_plain, to_value, to_values
from tests.properties.fake_aws import FakeCloud, Pool, client

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_plain_values_come_back_as_they_went(plain):
    assert to_plain(to_value(plain)) == plain


@pytest.mark.parametrize("value", [1.5, {1, 2}, object()])
def test_what_the_ledger_must_not_hold_is_refused(value):
    with pytest.raises(TypeError):
        to_value({"money": value})


def test_what_others_wrote_with_a_fraction_is_read():
    assert to_item({"rate": {"N": "0.25"}, "count": {"N": "-3"}}) == {"rate": 0.25, "count": -3}


def test_items_come_back_as_they_were_stored(aws, tables):
    item = {"pk": "a", "sk": "1", "n": 10**20, "limit": {"size": [1, "x", None, True]}}
    aws.call(dynamodb.put("ledger", item))
    assert aws.call(dynamodb.get("ledger", "a", "1")) == item
    assert aws.call(dynamodb.get("ledger", "a", "2")) is None
    assert aws.call(dynamodb.batch_get("ledger", [("a", "1"), ("a", "2")])) == ([item], [])
    aws.call(dynamodb.delete("ledger", "a", "1"))
    assert aws.call(dynamodb.get("ledger", "a", "1")) is None


def test_keys_that_dynamodb_did_not_come_to_are_named():
    left = {"ledger": {"Keys": [to_values({"pk": "a", "sk": "2"})]}}
    assert dynamodb.batch_get("ledger", [("a", "2")]).to_answer({"Responses": {}, "UnprocessedKeys": left}) == ([], [("a", "2")])


def test_a_query_is_paged(aws, tables):
    for n in range(12):
        aws.call(dynamodb.put("ledger", {"pk": "a", "sk": f"x#{n:02}", "padding": "x" * 200_000}))
    aws.call(dynamodb.put("ledger", {"pk": "a", "sk": "y#1"}))
    found, after, pages = [], None, 0
    while pages == 0 or after:
        items, after = aws.call(dynamodb.query("ledger", "a", "x#", after))
        found, pages = found + items, pages + 1
    assert [item["sk"] for item in found] == [f"x#{n:02}" for n in range(12)]
    assert pages > 1


def test_a_condition_that_failed_shows_what_is_stored(aws, tables):
    aws.call(dynamodb.put("ledger", {"pk": "a", "sk": "1", "n": 5}))
    refused = Expression("SET #n = :n", "#n < :least", values={"n": 1, "least": 5})
    with pytest.raises(ConditionFailed) as error:
        aws.call(dynamodb.update("ledger", "a", "1", refused))
    assert dynamodb.old_item(error.value) == {"pk": "a", "sk": "1", "n": 5}
    with pytest.raises(ConditionFailed) as error:
        aws.call(dynamodb.update("ledger", "a", "2", refused))
    assert dynamodb.old_item(error.value) is None


def test_a_transaction_is_all_or_nothing_and_says_which_part_failed(aws, tables):
    absent = Expression(condition="attribute_not_exists(#pk)")
    parts = [dynamodb.put("ledger", {"pk": "a", "sk": sk}, absent) for sk in ("1", "2")]
    aws.call(dynamodb.transact(parts))
    with pytest.raises(Cancelled) as error:
        aws.call(dynamodb.transact([dynamodb.put("ledger", {"pk": "a", "sk": "3"}, absent), parts[1]]))
    assert dynamodb.reasons(error.value) == ["None", "ConditionalCheckFailed"]
    assert aws.call(dynamodb.get("ledger", "a", "3")) is None


# The fake beside moto: every write of the ledger, in any order, with amounts and numbers that fit and that do not.

ACCOUNT = ("key#k", "total")
SMALL = st.integers(-3, 12)
LEASES = st.sampled_from(["c0-1", "c1-1"])
PARTS = st.builds(Part, st.just(ACCOUNT), LEASES, st.integers(0, 4), st.sampled_from([0, 0, 1]))
SHARDS = st.sampled_from([0, 0, 1])
WANTS = st.builds(
    Want,
    account=st.just(ACCOUNT),
    lease=LEASES,
    number=st.integers(0, 4),
    fresh=st.booleans(),
    more=SMALL,
    hard=st.booleans(),
    now_ms=st.integers(0, 9),
    shard=SHARDS,
    held=SMALL,
    givers=st.just(()),  # GATHERED has some: a shard gives nothing to itself
)
HELD = st.builds(Lease, LEASES, SMALL, st.integers(0, 4), st.integers(0, 2))
SHIFTS = st.tuples(
    st.builds(Shift, st.just(0), SMALL),
    st.builds(Shift, st.just(1), SMALL, st.booleans()),
    st.builds(Shift, st.just(2), SMALL, st.just(True)),
)
LEVELS = st.builds(
    Level,
    by=SMALL,
    total=st.integers(18, 22),
    size=st.integers(1, 3),
    until_ms=st.sampled_from([0, 5, OPEN_MS]),
    seen_shards=st.integers(0, 3),
    seen_ms=st.sampled_from([0, 5, OPEN_MS, OPEN_MS]),
    guarded=st.booleans(),
    hard=st.booleans(),
    shifts=SHIFTS.flatmap(lambda shifts: st.integers(1, 3).map(lambda size: shifts[:size])),
)
GATHERED = st.builds(lambda want, given: want._replace(hard=True, shard=0, givers=((1, given),)), WANTS, SMALL)
RAISES = st.builds(Raise, id=st.just("1"), by_nanousd=SMALL, until_ms=st.integers(0, 9))
BUDGETS = st.builds(
    Budget,
    scope=st.just("key#k"),
    kind=st.just("total"),
    limit_nanousd=st.just(20),
    hard=st.booleans(),
    version=st.sampled_from([1, 1, 1, 2]),
    zone=st.just(""),
    raises=st.lists(RAISES, max_size=2).map(tuple),
    thresholds=st.just(()),
    by=st.just(""),
)


def pending(n, parts, settled=None):
    return outbox.to_item(
        "a0",
        n,
        request=f"r{n}",
        target="t",
        bound=9,
        deadline_ms=5,
        parts=parts,
        detail={"id": f"r{n}"},
        settled=(4, 6) if settled else None,
    )


PENDING = st.builds(pending, st.integers(1, 2), st.lists(PARTS, max_size=2))
SETTLED = st.builds(pending, st.integers(1, 2), st.lists(PARTS, max_size=2), st.just(True))
STORED = PENDING.map(outbox.to_pending)


def charge(part, about, slot):
    return dynamodb.transact([accounts.charge("ledger", part, 5), outbox.struck("ledger", about, slot)])


CALLS = st.one_of(
    WANTS.map(lambda want: accounts.lease("ledger", want)),
    st.builds(lambda part, cost, back, ms: accounts.settle("ledger", part, cost, back, ms), PARTS, SMALL, SMALL, st.none() | st.just(2)),
    st.builds(lambda lease, shard: accounts.give_back("ledger", ACCOUNT, shard, lease), HELD, SHARDS),
    st.builds(lambda lease, keep, shard: accounts.shorten("ledger", ACCOUNT, shard, lease, keep, 2), HELD, SMALL, SHARDS),
    BUDGETS.map(lambda budget: shards.create("ledger", "control", ACCOUNT, budget, 0)),
    st.builds(lambda level, budget: shards.levelled("ledger", "control", ACCOUNT, level, budget), LEVELS, BUDGETS),
    GATHERED.map(lambda want: accounts.lease("ledger", want)),
    st.just(accounts.all_shards("ledger", ACCOUNT)),
    PENDING.map(lambda item: outbox.open("ledger", item)),
    st.builds(lambda item, certain: outbox.settle("ledger", item, certain=certain), SETTLED, st.booleans()),
    STORED.map(lambda about: outbox.estimate("ledger", about, 8)),
    STORED.map(lambda about: outbox.charged("ledger", about.pk, about.sk)),
    st.builds(charge, PARTS, STORED, st.sampled_from("01")),
    STORED.map(lambda about: outbox.clear("ledger", about.pk, about.sk)),
    st.just(dynamodb.query("ledger", "pending#a", "a0#")),
    st.just(dynamodb.batch_get("ledger", [accounts.key(ACCOUNT), ("pending#a", "a0#00000001")])),
)


def outcome(aws, call):
    """What came of it, for comparing: the answer, or the kind of error with all that it tells."""
    try:
        answer = aws.call(call)
    except ConditionFailed as error:
        return "failed", dynamodb.old_item(error)
    except Cancelled as error:
        return "cancelled", dynamodb.reasons(error)
    except AwsError as error:
        return "error", error.code
    if call.action == "BatchGetItem":
        return sorted(answer[0], key=lambda item: item["pk"]), answer[1]
    return answer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(calls=st.lists(CALLS, min_size=5, max_size=25))
def test_the_fake_answers_as_moto_does(aws, tables, calls):
    fake = client(Pool(FakeCloud()))
    run = uuid.uuid4().hex  # the examples share moto's tables
    record = {"pk": f"key#k{run}", "sk": "scope", "budgets": {"total": {"limit_nanousd": 20, "hard": True, "version": 1}}}
    budget = Budget("key#k", "total", 20, True, 1)
    two = Level(0, 20, 2, OPEN_MS, 1, OPEN_MS, True, True, (Shift(0, -8), Shift(1, 8, fresh=True)))
    begin = [
        dynamodb.put("control", record),
        shards.create("ledger", "control", ACCOUNT, budget, 0),
        shards.levelled("ledger", "control", ACCOUNT, two, budget),
    ]
    for number, call in enumerate([*begin, *calls]):
        call = _apart(call, run)
        assert outcome(fake, call) == outcome(aws, call), f"{number}: {call.payload}"


def _apart(call, run):
    """The same call on partitions of this run's own."""
    return type(call)(call.service, call.action, _renamed(call.payload, run), call.to_answer)


def _renamed(payload, run):
    if isinstance(payload, dict):
        return {
            name: {"S": value["S"].removesuffix(run) + run} if name in ("pk", ":pk") else _renamed(value, run)
            for name, value in payload.items()
        }
    return [_renamed(each, run) for each in payload] if isinstance(payload, list) else payload
