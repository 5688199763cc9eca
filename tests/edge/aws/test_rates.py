"""Callers within their limits, whichever container they ask; and what that costs in calls."""

import json

import pytest

from signalbox.admission.keys import Caller
from signalbox.admission.rates import Need, RateLimited
from signalbox.aws import dynamodb, windows
from signalbox.aws.control import View
from signalbox.aws.rates import CROWDED_MS, GRACE_MS, LACKED_MS, MOST_KNOWN, SILENCE_MS, Rates
from signalbox.errors import Refusal

from .counted import Clock, client, clients

HOUR = 498_675
MINUTE = HOUR * 60 + 30
NOW_MS = MINUTE * 60_000 + 10_000
NEXT_MINUTE_MS = (MINUTE + 1) * 60_000
NEXT_HOUR_MS = (HOUR + 1) * 3_600_000
CALLER = Caller("k", "t", "a", minted=True)
SCOPES = ("key#k", "team#t/a", "tenant#t")
NO_LIMITS = {"requests_per_minute": None, "requests_per_hour": None}
LASTS_MS = 30_000


class Container:
    """Asks as the desk does: wave by wave, until nothing is wanted."""

    def __init__(self, aws, ledger, clock):
        self.aws, self.clock = aws, clock
        self.rates = Rates(aws, ledger, clock)

    def ask(self, input=10, output=0, fresh=True, caller=CALLER, **limits):
        """`limits` by kind of scope. The entry that was let in, with the waves it took; or the refusal, once it has left."""
        before = self.aws.made
        entry = self.rates.entry(caller, SCOPES, Need(input, output), self.clock.now_ms + LASTS_MS)
        try:
            entry.waves = self.waves(entry, fresh, limits)
        except Refusal as refusal:
            refusal.told = entry.standings()
            entry.leave(0)()
            refusal.calls = self.aws.made - before
            return refusal
        entry.cost = self.aws.made - before
        return entry

    def waves(self, entry, fresh, limits):
        records = {scope: {"limits": limits.get(scope.partition("#")[0], NO_LIMITS)} for scope in SCOPES}
        for number in range(8):
            calls = entry.calls(View({}, {}, records, fresh=fresh or number > 0), self.clock.now_ms)
            if not calls:
                return number
            entry.heard(self.aws.wave(calls, timeout_s=30))
        raise AssertionError("there is no end to it")

    def let_in(self, most=10_000, **asked):
        """How many requests there is room for, and why there is for no more."""
        for number in range(most):
            if isinstance(told := self.ask(**asked), Refusal):
                return number, told
            told.leave(0)()
        raise AssertionError("there is no end to it")


@pytest.fixture
def clock():
    return Clock(NOW_MS)


@pytest.fixture
def containers(tables, endpoint, clock):
    """As many as are asked for, each with a client of its own."""
    with clients(endpoint) as open_client:
        yield lambda: Container(open_client(), tables.ledger, clock)


@pytest.fixture
def one(containers):
    return containers()


@pytest.fixture
def stored(aws, tables):
    return lambda scope="key#k": aws.call(dynamodb.get(tables.ledger, *windows.key(windows.RATES, scope)))


def minute(requests):
    return NO_LIMITS | {"requests_per_minute": requests}


def hour(requests):
    return NO_LIMITS | {"requests_per_hour": requests}


def tokens(most):
    return NO_LIMITS | {"tokens_per_minute": most}


def places(most):
    return NO_LIMITS | {"concurrency": most}


# ---- requests and tokens


def test_without_limits_nothing_is_called(one):
    entry = one.ask()
    assert (entry.cost, entry.standings()) == (0, (None, None))
    entry.leave(10**9)()
    assert one.aws.made == 0


@pytest.mark.parametrize("kind", ["key", "team", "tenant"])
@pytest.mark.parametrize("limit", [1, 7, 130])
def test_just_as_many_as_a_limit_says_go_in_a_minute(one, kind, limit):
    number, refusal = one.let_in(**{kind: minute(limit)})
    assert number == limit
    assert (refusal.code, refusal.scope.partition("#")[0], refusal.limit) == ("rate_limited", kind, "requests_per_minute")
    assert refusal.retry_after_s == 50
    assert "Try again in 50 s, or ask the operators to raise `requests_per_minute`." in refusal.message


def test_a_key_that_says_nothing_has_the_defaults_and_its_team_and_tenant_have_none(one):
    entry = one.ask(key={}, team={}, tenant={})
    requests, of_tokens = entry.standings()
    assert (requests.limit, requests.remaining, of_tokens) == (1_000, 999, None)
    assert entry.cost == 2  # its item is new


@pytest.mark.parametrize("limit", [1, 7, 60, 300])
def test_several_containers_share_one_minute(containers, limit):
    mine = [containers() for _ in range(4)]
    told = [container.ask(key=minute(limit)) for _ in range(limit) for container in mine]
    assert sum(not isinstance(each, Refusal) for each in told) == limit


def test_an_hour_is_counted_over_its_minutes(one, clock):
    for _ in range(5):
        assert one.let_in(most=4, key=hour(20) | {"requests_per_minute": 3})[0] == 3
        clock.now_ms += 60_000
    number, refusal = one.let_in(key=hour(20))
    assert (number, refusal.limit) == (5, "requests_per_hour")
    assert refusal.retry_after_s == (NEXT_HOUR_MS - clock.now_ms) // 1000
    clock.now_ms = NEXT_HOUR_MS
    assert one.let_in(key=hour(20))[0] == 20


def test_a_new_container_goes_on_with_the_hour_that_others_have_begun(containers, clock):
    one, other = containers(), containers()
    assert one.let_in(most=9, key=hour(8))[0] == 8
    clock.now_ms += 120_000
    assert other.let_in(key=hour(8))[0] == 0
    clock.now_ms = NEXT_HOUR_MS + 60_000
    assert other.let_in(key=hour(8))[0] == 8
    assert one.let_in(key=hour(8))[0] == 0


def test_who_waits_for_two_limits_is_told_the_longer_wait(one):
    both = hour(3) | {"requests_per_minute": 3}
    assert one.let_in(key=both)[1].limit == "requests_per_hour"


def test_tokens_are_taken_by_what_may_be_used_and_corrected_by_what_was(one, stored):
    first = one.ask(100, 400, key=tokens(1_000))
    second = one.ask(100, 400, key=tokens(1_000))
    refusal = one.ask(100, 0, key=tokens(1_000))
    assert (refusal.limit, refusal.retry_after_s) == ("tokens_per_minute", 50)
    first.leave(150)()
    assert stored()["tokens"] == 650  # what is not used goes back where little is left
    one.clock.now_ms += LACKED_MS
    third = one.ask(50, 300, key=tokens(1_000))
    assert not isinstance(third, Refusal)
    second.leave(900)()
    assert stored()["tokens"] == 1_400  # used is used


def test_another_container_may_have_what_the_first_did_not_use(containers):
    one, other = containers(), containers()
    large = one.ask(100, 800, key=tokens(1_000))
    assert other.ask(100, 300, key=tokens(1_000)).limit == "tokens_per_minute"
    large.leave(110)()
    refusal = other.ask(100, 300, key=tokens(1_000))
    assert refusal.calls == 0  # not looked at again at once
    other.clock.now_ms += LACKED_MS
    assert not isinstance(other.ask(100, 300, key=tokens(1_000)), Refusal)


def test_as_much_output_as_nobody_has_in_a_minute_waits_for_a_whole_one(one):
    whole = one.ask(100, 32_000, key=tokens(1_000))
    assert not isinstance(whole, Refusal)
    assert isinstance(one.ask(1, 0, key=tokens(1_000)), RateLimited)


def test_more_input_than_a_minute_has_is_never_let_in_and_told_to_send_less(one):
    refusal = one.ask(1_001, 0, key=tokens(1_000))
    assert (refusal.code, refusal.retry_after_s, refusal.calls) == ("request_too_large", None, 0)
    assert "may use 1,000 tokens a minute, and this request has about 1,001 of input alone" in refusal.message


@pytest.mark.parametrize("limit", ["requests_per_minute", "requests_per_hour", "tokens_per_minute", "concurrency"])
def test_a_limit_of_nothing_suspends(one, limit):
    refusal = one.ask(team=NO_LIMITS | {limit: 0})
    assert (refusal.code, refusal.retry_after_s, refusal.calls) == ("permission_denied", None, 0)
    assert refusal.message == f"The team t/a is suspended: its `{limit}` is 0. Ask its operators."


def test_a_request_that_one_scope_refuses_counts_in_no_other(containers):
    one, other = containers(), containers()
    other.let_in(key=minute(6), tenant=minute(2))
    for _ in range(3):
        assert one.ask(key=minute(6), tenant=minute(2)).scope == "tenant#t"
    assert one.let_in(key=minute(6))[0] == 4


# ---- what an old view says is not the last word


def test_a_refusal_by_an_old_view_waits_for_a_fresh_one(one):
    one.let_in(key=minute(1))
    entry = one.rates.entry(CALLER, SCOPES, Need(10, 0), NOW_MS + LASTS_MS)
    old, fresh = ({scope: {"limits": limits} for scope in SCOPES} for limits in (minute(1), minute(50)))
    assert entry.calls(View({}, {}, old), NOW_MS) == []
    [_, *_] = calls = entry.calls(View({}, {}, fresh, fresh=True), NOW_MS)
    entry.heard(one.aws.wave(calls))


def test_who_was_let_in_by_an_old_limit_is_refused_by_the_lowered_one_and_what_it_took_is_left(one, stored):
    for _ in range(3):
        assert not isinstance(one.ask(key=minute(500)), Refusal)
    entry = one.rates.entry(CALLER, SCOPES, Need(10, 0), NOW_MS + LASTS_MS)
    assert entry.calls(View({}, {}, {"key#k": {"limits": minute(500)}}), NOW_MS) == []  # from the slice in hand
    with pytest.raises(RateLimited):
        entry.calls(View({}, {}, {"key#k": {"limits": minute(1)}}, fresh=True), NOW_MS)
    entry.leave(0)()
    assert one.let_in(key=minute(30))[0] == 27


def test_a_place_taken_by_an_old_limit_is_exchanged_for_one_by_the_new(one, stored):
    first = one.ask(key=places(3))
    entry = one.rates.entry(CALLER, SCOPES, Need(10, 0), NOW_MS + LASTS_MS)
    for limit, fresh in ((3, False), (2, True)):
        while calls := entry.calls(View({}, {}, {"key#k": {"limits": places(limit)}, "team#t/a": {}, "tenant#t": {}}, fresh=fresh), NOW_MS):
            entry.heard(one.aws.wave(calls))
    assert len(stored()["slots"]) == 2
    assert one.ask(key=places(2)).limit == "concurrency"
    entry.leave(0)()
    first.leave(0)()
    assert stored()["slots"] == {}


# ---- places


def test_no_more_go_at_once_than_a_limit_says_and_one_that_is_over_makes_room(containers):
    one, other = containers(), containers()
    entries = [one.ask(tenant=places(2)), other.ask(tenant=places(2))]
    refusal = one.ask(tenant=places(2))
    assert (refusal.limit, refusal.retry_after_s) == ("concurrency", 1)
    entries[0].leave(0)()
    assert not isinstance(one.ask(tenant=places(2)), Refusal)
    assert isinstance(other.ask(tenant=places(2)), RateLimited)


def test_after_all_places_were_taken_it_is_asked_again_a_moment_later(containers):
    one, other = containers(), containers()
    busy = other.ask(key=places(1))
    assert one.ask(key=places(1)).calls == 1
    assert one.ask(key=places(1)).calls == 0
    busy.leave(0)()
    one.clock.now_ms += CROWDED_MS
    assert not isinstance(one.ask(key=places(1)), Refusal)


def test_the_place_of_a_crashed_request_is_free_when_it_must_be_over(containers, clock):
    crashed, one = containers(), containers()
    crashed.ask(key=places(1))
    clock.now_ms += LASTS_MS + GRACE_MS
    assert isinstance(one.ask(key=places(1)), RateLimited)
    clock.now_ms += CROWDED_MS
    assert not isinstance(one.ask(key=places(1)), Refusal)


def test_one_that_is_refused_elsewhere_gives_its_place_back(containers, stored):
    one, other = containers(), containers()
    other.let_in(key=places(3), team=minute(1))
    refusal = one.ask(key=places(3), team=minute(1))
    assert (refusal.scope, refusal.calls) == ("team#t/a", 3)  # both are asked, and the place that was had is given back
    assert stored()["slots"] == {}


# ---- what it costs


def test_with_slices_in_hand_nothing_is_called(one):
    all_three = {"key": {}, "team": minute(5_000) | {"tokens_per_minute": 10_000_000}, "tenant": hour(100_000)}
    one.ask(**all_three).leave(10)()
    costs = []
    for _ in range(500):
        entry = one.ask(**all_three)
        entry.leave(10)()
        costs.append((entry.waves, entry.cost))
    assert costs.count((0, 0)) >= 460
    assert max(waves for waves, _ in costs) == 1
    assert one.aws.made < 75


def test_minute_hour_tokens_and_place_are_one_write(one):
    limits = {"requests_per_minute": 100, "requests_per_hour": 1_000, "tokens_per_minute": 100_000, "concurrency": 5}
    one.ask(key=limits).leave(10)()
    entry = one.ask(key=limits)
    assert (entry.waves, entry.cost) == (1, 1)
    before = one.aws.made
    entry.leave(10)()
    assert one.aws.made == before + 1


def test_the_first_of_a_minute_takes_one_wave_and_one_more_where_others_were_first(containers, clock):
    one, other = containers(), containers()
    for container in (one, other):
        container.ask(key={})
    clock.now_ms += 60_000
    assert [container.ask(key={}).waves for container in (one, other)] == [1, 2]


@pytest.mark.parametrize(("limit", "most"), [(10, 10), (500, 130), (6_000, 170)])
def test_most_requests_of_a_busy_minute_need_no_call(one, limit, most):
    assert one.let_in(key=minute(limit))[0] == limit
    assert one.aws.made <= most + 2


def test_a_refused_caller_that_hammers_costs_nothing(one):
    one.let_in(key=minute(3))
    assert [one.ask(key=minute(3)).calls for _ in range(20)] == [0] * 20


def test_what_an_ending_container_has_left_of_the_hour_goes_back(one, stored):
    for _ in range(20):
        one.ask(key={})
    assert stored()["hourly"] == 32
    one.rates.release()
    assert stored()["hourly"] == 20
    one.rates.release()
    assert stored()["hourly"] == 20


def test_names_of_callers_fill_no_memory(one):
    for number in range(2 * MOST_KNOWN):
        one.rates.known(f"key#jwt:{number}", one.ask()._limits["key#k"], NOW_MS)
    assert len(one.rates._known) <= MOST_KNOWN


# ---- when DynamoDB does not answer


@pytest.mark.parametrize("limits", [minute(1), hour(1), tokens(100), places(1)])
def test_nobody_is_refused_and_it_is_said_once(nobody, clock, capsys, limits):
    one = Container(client(nobody), "ledger", clock)
    for _ in range(15):
        entry = one.ask(key=limits)
        assert not isinstance(entry, Refusal)
        assert entry.standings() == (None, None)
        entry.leave(10)()
        clock.now_ms += SILENCE_MS // 5
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["rates cannot be counted: nobody is held back"]


def test_when_it_answers_again_it_is_counted_again(one, tables, clock, capsys):
    one.rates.ledger = "no such table"
    assert not isinstance(one.ask(key=minute(2)), Refusal)
    one.rates.ledger = tables.ledger
    clock.now_ms += SILENCE_MS
    assert one.let_in(key=minute(2))[0] == 2
    assert capsys.readouterr().err.count("cannot be counted") == 1
