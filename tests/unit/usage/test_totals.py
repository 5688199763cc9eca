import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.money import Tokens
from signalbox.usage.events import MOST_ATTEMPTS, UsageRecorded
from signalbox.usage.item import to_detail, usage_item
from signalbox.usage.packed import SUMS, pack, unpack
from signalbox.usage.record import CRASHED, Attempt, UsageRecord
from signalbox.usage.totals import ALL, MOST_COUNTERS, MOST_EVENTS, Total, by_model, from_rows, gathered, increments, parts, spread, to_rows

AT_MS = 1_795_230_000_000  # 2026-11-21T03:00Z


def event(id="r1", *, attempts=(("openai/gpt-4.1-mini", "ok", 5),), at_ms=AT_MS, outcome="ok", **over) -> UsageRecorded:
    tries = tuple(Attempt(target, kind, at_ms, 10, tokens=Tokens(1, 0, 0, 2, 0), cost_nanousd=cost) for target, kind, cost in attempts)
    named = {"tenant": "acme", "team": "search", "key": "k1", "route": "chat", "policy": "default"} | over
    named |= {"target": attempts[-1][0], "provider": attempts[-1][0].partition("/")[0]} if attempts else {}
    record = UsageRecord(
        id=id,
        at_ms=at_ms,
        model="chat",
        outcome=outcome,
        status=200,
        stream=False,
        prompt_chars=3,
        duration_ms=12,
        attempts=tries,
        tokens=Tokens(len(tries), 0, 0, 2 * len(tries), 0),
        cost_nanousd=sum(attempt.cost_nanousd for attempt in tries),
        **named,
    )
    return UsageRecorded.model_validate_json(json.dumps(record.to_detail()))


def test_one_request_is_counted_for_everyone_it_concerns_in_each_period():
    sums = increments([event()])
    assert {(total.dimension, total.id) for total in sums} == {
        ("tenant", "acme"),
        ("team", "acme/search"),
        ("key", "k1"),
        ("route", "chat"),
        ("policy", "default"),
        ("all", "all"),
        ("model", "openai/gpt-4.1-mini"),
        ("provider", "openai"),
        ("report", "acme/search/all/"),
        ("report", "acme/search/key/k1"),
        ("report", "acme/search/route/chat"),
        ("report", "acme/search/model/openai/gpt-4.1-mini"),
    }
    kept = {total.period for total in sums if total.dimension != "report"}
    assert kept == {"hour#2026-11-21T03", "day#2026-11-21", "month#2026-11"}
    spent = +sums[Total("tenant", "acme", "day#2026-11-21")]
    assert spent == Counter(requests=1, attempts=1, duration_ms=12, input=1, output=2, cost_nanousd=5)


def test_a_failed_first_attempt_is_its_own_targets_cost():
    sums = increments([event(attempts=(("openai/a", "cut", 7), ("mistral/b", "ok", 5)))])
    first, second = sums[Total("model", "openai/a", "month#2026-11")], sums[Total("provider", "mistral", "month#2026-11")]
    assert (first["failed"], first["cost_nanousd"], second["failed"], second["cost_nanousd"]) == (1, 7, 0, 5)
    assert sums[Total("tenant", "acme", "month#2026-11")]["cost_nanousd"] == 12


def test_a_key_knows_what_it_has_used_of_each_model():
    sums = increments([event(attempts=(("openai/a:1", "cut", 7), ("mistral/b", "ok", 5))), event("r2", attempts=(("mistral/b", "ok", 4),))])
    key = sums[Total("key", "k1", "day#2026-11-21")]
    assert (key["requests"], key["cost_nanousd"]) == (2, 16)
    models = by_model(+key)
    spent = {"input": 1, "output": 2, "cost_nanousd": 7}
    assert models["openai/a:1"] == {"requests": 1, "attempts": 1, "failed": 1, "duration_ms": 10} | spent
    assert (models["mistral/b"]["requests"], models["mistral/b"]["cost_nanousd"]) == (2, 9)


def wild(id, *attempts, **over) -> UsageRecorded:
    return event(id, attempts=attempts, unlisted=tuple({target for target, _, _ in attempts}), route="openai/*", **over)


def test_names_that_callers_make_up_below_a_star_come_to_one_total():
    kinds = ("unknown_model", "invalid_request", "timeout", "server")
    made_up = [wild(f"r{n}", (f"openai/no-such-{n}", kinds[n % 4], 0), outcome="upstream_failed") for n in range(100)]
    sums = increments(made_up)
    assert {id for of, id, _ in sums if of == "model"} == {"openai/*"}
    assert sums[Total("model", "openai/*", "day#2026-11-21")]["failed"] == 100
    assert len(sums) == len(increments(made_up[:1]))
    assert by_model(+sums[Total("key", "k1", "day#2026-11-21")])["openai/*"]["attempts"] == 100


def test_a_name_below_a_star_that_was_answered_or_billed_has_its_own():
    answered = wild("r1", ("openai/x", "server", 0), ("openai/x", "ok", 5))
    billed = wild("r2", ("openai/y", "cut", 7), outcome="upstream_failed")
    sums = increments([answered, billed])
    assert {id for of, id, _ in sums if of == "model"} == {"openai/x", "openai/y"}
    assert sums[Total("model", "openai/x", "day#2026-11-21")]["attempts"] == 2


def test_a_listed_model_that_fails_has_its_own_beside_a_made_up_one():
    mixed = event(
        attempts=(("openai/no-such", "server", 0), ("mistral/b", "server", 0)), outcome="upstream_failed", unlisted=("openai/no-such",)
    )
    assert {id for of, id, _ in increments([mixed]) if of == "model"} == {"openai/*", "mistral/b"}


def test_two_attempts_at_one_provider_are_one_request_of_it():
    provider = increments([event(attempts=(("openai/a", "server", 0), ("openai/b", "ok", 5)))])[
        Total("provider", "openai", "month#2026-11")
    ]
    assert (provider["requests"], provider["attempts"], provider["failed"]) == (1, 2, 1)


def test_a_refused_request_is_counted_as_refused_and_a_failed_one_as_failed():
    sums = increments(
        [event(attempts=(), outcome="budget_exceeded"), event("r2", outcome="upstream_failed", attempts=(("a/b", "server", 0),))]
    )
    tenant = sums[Total("tenant", "acme", "day#2026-11-21")]
    assert (tenant["requests"], tenant["refused"], tenant["failed"]) == (2, 1, 1)


def test_a_request_that_crashed_was_sent_and_has_failed():
    tenant = increments([event(attempts=(), outcome=CRASHED)])[Total("tenant", "acme", "day#2026-11-21")]
    assert (tenant["requests"], tenant["refused"], tenant["failed"], tenant["attempts"]) == (1, 0, 1, 0)


def test_users_tags_and_agents_are_a_tenants_own_and_the_first_two_are_kept_by_the_day_and_not_for_ever():
    sums = increments([event(user="u1", tags=("web", "web", "app"), agent="a"), event("r2", tenant="other", user="u1")])
    found = {(total.dimension, total.id): total for total in sums if total.dimension in ("user", "tag")}
    assert set(found) == {("user", "acme/u1"), ("user", "other/u1"), ("tag", "acme/web"), ("tag", "acme/app")}
    assert {total.period for total in found.values()} == {"day#2026-11-21"}
    assert {total.expires_at for total in found.values()} == {AT_MS // 1000 - 3 * 3600 + 100 * 86_400}
    assert sums[Total("tag", "acme/web", "day#2026-11-21")]["requests"] == 1
    assert sums[Total("agent", "acme/a", "month#2026-11")]["requests"] == 1


@pytest.mark.parametrize("period", ["hour#2026-02-28T03", "day#2026-02-28", "month#2026-02"])
@pytest.mark.parametrize("dimension", ["tenant", "agent", "key", "model", ALL])
def test_every_total_expires_and_no_day_of_a_range_to_today_before(dimension, period):
    begin = datetime(2026, 2, 1 if period.startswith("month") else 28, tzinfo=UTC)
    kept_s = Total(dimension, "acme/a", period).expires_at - begin.timestamp()
    assert kept_s == (1_200 if period.startswith("month") else 400) * 86_400


def test_a_slow_call_is_counted_as_slow():
    sums = increments([event(slow=True), event("r2")])
    assert (sums[Total("route", "chat", "day#2026-11-21")]["slow"], sums[Total("tenant", "acme", "month#2026-11")]["slow"]) == (1, 1)


def test_the_item_keeps_the_whole_detail_for_400_days():
    item = usage_item(event(user="müller\u2028", tags=("web",)))
    assert (item["pk"], item["sk"], item["cost_nanousd"]) == ("request#r1", "usage", 5)
    assert item["expires_at"] == AT_MS // 1000 + 400 * 86_400
    assert UsageRecorded.model_validate(to_detail(item)) == event(user="müller\u2028", tags=("web",))


def test_an_item_of_before_details_were_packed_is_read_as_it_stands():
    detail = json.loads(event().model_dump_json())
    assert to_detail({"pk": "request#r1", "sk": "usage", "expires_at": 1} | detail) == detail


EVENTS = st.lists(
    st.builds(
        lambda number, key, targets, at_ms: event(f"r{number}", key=key, at_ms=at_ms, attempts=[(target, "ok", 3) for target in targets]),
        st.integers(),
        st.sampled_from("abcdefgh"),
        st.lists(st.sampled_from(["openai/a", "openai/b", "mistral/c"]), max_size=3),
        st.integers(AT_MS, AT_MS + 10**10),
    ),
    max_size=30,
)


def fits(group):
    return len(group) <= MOST_EVENTS and all(len(+counters) <= MOST_COUNTERS for counters in increments(group).values())


@given(EVENTS)
def test_parts_keep_every_event_in_order_and_fit_a_transaction(events):
    groups = list(parts(events))
    assert [event for group in groups for event in group] == events
    assert all(map(fits, groups))


def test_more_events_than_a_transaction_takes_are_parted():
    assert list(map(len, parts([event(f"r{n}") for n in range(2 * MOST_EVENTS + 1)]))) == [MOST_EVENTS, MOST_EVENTS, 1]


def test_the_largest_event_there_can_be_fits_an_update():
    everywhere = [(f"provider{number}/{'m' * 180}", "ok", 1) for number in range(MOST_ATTEMPTS)]
    flags = tuple(f"{number:03d}{'f' * 61}" for number in range(200))
    assert fits([event(attempts=everywhere, agent="a", flags=flags)])


def test_a_batch_that_gives_a_key_more_counters_than_an_update_takes_is_parted():
    """Few events, and yet too much for one item: a hundred flags, and other ones each time."""
    batch = [event(f"r{n}", flags=tuple(f"f{n}-{flag}" for flag in range(100))) for n in range(8)]
    assert not fits(batch)
    groups = list(parts(batch))
    assert [one.id for group in groups for one in group] == [one.id for one in batch]
    assert all(map(fits, groups))
    assert 1 < len(groups) < len(batch)


@given(EVENTS)
def test_sums_come_out_of_their_packing_as_they_went_in(events):
    sums = gathered(events)
    read = dict(from_rows(unpack(pack(to_rows(sums), SUMS))))
    assert {of: Counter(counters) for of, counters in read.items()} == sums
    assert spread(read.items()) == increments(events)


@given(EVENTS, st.integers(0, 30))
def test_it_is_of_no_consequence_how_events_are_grouped(events, at):
    together = increments(events)
    apart = increments(events[:at])
    for total, counters in increments(events[at:]).items():
        apart.setdefault(total, Counter()).update(counters)
    assert together == apart


def test_an_event_of_before_policies_flags_and_comparisons_still_counts():
    detail = json.loads(event().model_dump_json())
    for name in ("policies", "flags", "default_target", "features", "inputs", "decided", "strategy", "compared"):
        del detail[name]
    older = UsageRecorded.model_validate_json(json.dumps(detail | {"policy": "", "baseline_cost_nanousd": 9}))
    sums = increments([older])
    everyone = sums[Total("all", "all", "month#2026-11")]
    assert (everyone["requests"], everyone["served:openai"], everyone["compared_baseline_nanousd"]) == (1, 1, 9)
    assert "policy" not in {total.dimension for total in sums}
