"""What conditions mean, and what is said of those that mean nothing."""

import json

import pytest
from hypothesis import example, given

from signalbox.circuits.state import Circuit
from signalbox.config.conditions import MAX_DEPTH, InvalidConditions, to_compiled
from signalbox.data_api import DIALECTS
from signalbox.routing.conditions import FIELDS, Facts, to_test, to_values
from signalbox.routing.inputs import Features, Inputs

from . import asked

FEATURES = Features(
    request="r",
    tenant="acme",
    team="core",
    key="k1",
    agent="planner",
    model="chat",
    tags=("vip", "batch"),
    headers={"x-plan": "gold"},
    stream=True,
    input_tokens=1500,
    complexity=40,
    uses=("tools", "vision"),
)
MONDAY_NOON_MS = 1_767_614_400_000  # 2026-01-05T12:00Z
FACTS = Facts(
    Inputs(FEATURES, circuits={"openai/gpt": Circuit(state="open")}, budget_used=80, now_ms=MONDAY_NOON_MS), frozenset({"enterprise"})
)


def holds(conditions, facts=FACTS):
    return to_test(json.loads(json.dumps(to_compiled(conditions))))(to_values(facts))


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"tenant": "acme", "team": ["core", "other"], "key": {"ne": "k2"}, "agent": {"prefix": "plan"}},
        {"segment": "enterprise", "tags": {"contains": ["vip", "batch"]}, "uses": ["vision", "reasoning"]},
        {"headers": {"X-Plan": "gold", "x-other": {"exists": False}}},
        {"tokens": {"gt": 1000, "lte": 1500}, "max_tokens": {"exists": False}, "complexity": {"in": [40, 41]}},
        {"budget_used": {"gte": 80}, "circuits": {"openai/gpt": "open", "openai/other": "closed"}},
        {"any": [{"tenant": "x"}, {"all": [{"model": "chat"}, {"stream": True}]}]},
        {"not": {"tenant": "acme", "model": "x"}},
        {"time": {"from": "12:00", "to": "12:01"}},
        {"time": {"from": "13:00", "to": "14:00", "zone": "Europe/Berlin", "days": ["mon"]}},
        {"time": {"from": "17:00", "to": "18:00", "zone": "+05:30"}},
        {"time": {"days": ["mon", "tue"]}},
        {"model": {"not_in": ["a", "b"], "contains": "ha"}},
    ],
)
def test_all_of_these_hold(conditions):
    assert holds(conditions)
    assert not holds({"not": conditions} if conditions else {"tenant": "x"})


@pytest.mark.parametrize(
    ("window", "now_ms", "expected"),
    [
        ({"from": "22:00", "to": "06:00"}, 10 * 3_600_000, True),  # Monday 22:00
        ({"from": "22:00", "to": "06:00"}, 18 * 3_600_000, False),  # Tuesday 06:00
        ({"from": "22:00", "to": "06:00", "days": ["mon"]}, 17 * 3_600_000, True),  # Tuesday 05:00 is Monday's night
        ({"from": "22:00", "to": "06:00", "days": ["tue"]}, 17 * 3_600_000, False),
        ({"from": "22:00", "to": "24:00", "days": ["mon"]}, 12 * 3_600_000 - 1, True),
        ({"from": "22:00", "to": "24:00", "days": ["mon"]}, 12 * 3_600_000, False),
    ],
)
def test_a_window_may_cross_midnight_and_belongs_to_the_day_it_begins_on(window, now_ms, expected):
    facts = FACTS._replace(inputs=FACTS.inputs._replace(now_ms=MONDAY_NOON_MS + now_ms))
    assert holds({"time": window}, facts) is expected


@given(asked.conditions, asked.facts)
@example(
    {"time": {"from": "02:30", "to": "03:30", "zone": "Europe/Berlin"}},
    FACTS._replace(inputs=FACTS.inputs._replace(now_ms=1_774_747_800_000)),
)
def test_they_mean_what_their_definition_says(conditions, facts):
    assert holds(conditions, facts) is asked.holds(conditions, facts)


def deep(levels):
    return {"not": deep(levels - 1)} if levels else {"tenant": "x"}


@pytest.mark.parametrize(
    ("conditions", "path", "said"),
    [
        ({"tenat": "x"}, ("tenat",), "the fields are: agent, all, any"),
        ({"tokens": {"prefix": 1}}, ("tokens", "prefix"), "it knows: eq, exists, gt"),
        ({"tokens": {"gt": "many"}}, ("tokens", "gt"), "a number, not 'many'"),
        ({"tokens": {"gt": True}}, ("tokens", "gt"), "a number"),
        ({"tokens": {"gt": float("nan")}}, ("tokens", "gt"), "a number"),
        ({"tenant": 7}, ("tenant",), "write it in quotes"),
        ({"tenant": ""}, ("tenant",), "exists: false"),
        ({"tenant": []}, ("tenant",), "one at least"),
        ({"tenant": {}}, ("tenant",), "empty"),
        ({"tenant": {"in": "acme"}}, ("tenant", "in"), "a list of values"),
        ({"tenant": {"eq": ["acme"]}}, ("tenant", "eq"), "a text"),
        ({"stream": "yes"}, ("stream",), "true or false"),
        ({"stream": {"exists": 1}}, ("stream", "exists"), "it knows: eq, ne"),
        ({"agent": {"exists": 1}}, ("agent", "exists"), "true or false"),
        ({"uses": "magic"}, ("uses",), "none of: embeddings, json_schema"),
        ({"dialect": "soap"}, ("dialect",), "none of: anthropic_messages"),
        ({"circuits": {"a/b": "ajar"}}, ("circuits", "a/b"), "none of: closed, half_open, open"),
        ({"circuits": {"a/b": {"prefix": "op"}}}, ("circuits", "a/b", "prefix"), "it knows"),
        ({"circuits": "open"}, ("circuits",), "write `target: value`"),
        ({"headers": {"x plan": "a"}}, ("headers", "x plan"), "no name of a header"),
        ({"headers": {"Authorization": "a"}}, ("headers", "Authorization"), "holds a secret"),
        ({"headers": {"x-api-key": "a"}}, ("headers", "x-api-key"), "holds a secret"),
        ({"any": {"tenant": "x"}}, ("any",), "a list of conditions"),
        ({"any": []}, ("any",), "one at least"),
        ({"any": [{}]}, ("any", 0), "empty"),
        ({"not": "x"}, ("not",), "not a mapping"),
        ({"any": [{"tenant": "x"}, {"not": {"tokens": {"over": 3}}}]}, ("any", 1, "not", "tokens", "over"), "it knows"),
        ({"time": "night"}, ("time",), "write it as"),
        ({"time": {"zone": "UTC"}}, ("time",), "neither hours nor days"),
        ({"time": {"from": "25:00"}}, ("time", "from"), "a time of the day"),
        ({"time": {"from": "06:00", "to": "06:00"}}, ("time", "to"), "it is never"),
        ({"time": {"days": ["monday"]}}, ("time", "days"), "the days are: mon"),
        ({"time": {"days": [["mon"]]}}, ("time", "days"), "is no day"),
        ({"time": {"days": ["mon"], "zone": "Mars/Olympus"}}, ("time", "zone"), "write an offset"),
        ({"time": {"days": ["mon"], "zone": "../../etc/passwd"}}, ("time", "zone"), "write an offset"),
        ({"time": {"days": ["mon"], "at": "06:00"}}, ("time", "at"), "known here: from, to"),
        (deep(MAX_DEPTH + 1), ("not",) * (MAX_DEPTH + 1), "nested more than 10 deep"),
    ],
)
def test_what_means_nothing_is_named_by_its_place(conditions, path, said):
    with pytest.raises(InvalidConditions) as raised:
        to_compiled(conditions)
    assert [where for where, _ in raised.value.faults] == [path]
    assert said in raised.value.faults[0][1]


def test_every_fault_is_told_and_a_key_never():
    with pytest.raises(InvalidConditions) as raised:
        to_compiled({"tokens": {"gt": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"}, "nobody": 1, deep(1).popitem()[0]: {}})
    assert len(raised.value.faults) == 3
    assert "sk-proj" not in str(raised.value)


def test_nesting_has_a_bound_and_what_keeps_to_it_holds():
    assert holds(deep(MAX_DEPTH)) is False


def test_the_choices_are_those_that_there_are():
    for dialect in DIALECTS.values():
        assert to_compiled({"dialect": dialect})
    with pytest.raises(InvalidConditions) as raised:
        to_compiled({"dialect": "?"})
    assert raised.value.faults[0][1].endswith(", ".join(sorted(DIALECTS.values())))


def test_every_field_can_be_read_of_a_request_that_says_nothing():
    assert len(to_values(Facts(Inputs(Features("r", "t", "t", "k", "m"))))) == len(FIELDS)
