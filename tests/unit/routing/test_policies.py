"""Which policies apply to a request, in which order, and what asking costs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.conditions import to_compiled
from signalbox.routing.conditions import Facts, to_values
from signalbox.routing.index import Index
from signalbox.routing.inputs import Features, Inputs
from signalbox.routing.policies import Actions, Policies, Policy

from . import asked

NOBODY = Facts(Inputs(Features("r", "acme", "t", "k", "m")))


def policy(id, conditions, priority=100, flag=None, goes_on=False):
    return Policy(id, id, priority, json.loads(json.dumps(to_compiled(conditions))), Actions(), flag, goes_on)


def applied(*rows, facts=NOBODY, on=()):
    return [row.id for row in Policies(rows).applied(facts, on=set(on).__contains__)]


def test_the_first_that_matches_ends_it_unless_it_goes_on():
    assert applied(policy("a", {"tenant": "x"}), policy("b", {}), policy("c", {})) == ["b"]
    assert applied(policy("a", {}, goes_on=True), policy("b", {"tenant": "acme"}, goes_on=True), policy("c", {})) == ["a", "b", "c"]


def test_a_policy_whose_flag_is_off_is_passed_over():
    rows = (policy("a", {}, flag="beta"), policy("b", {}))
    assert applied(*rows) == ["b"]
    assert applied(*rows, on=["beta"]) == ["a"]


def test_one_that_names_a_tenant_twice_is_applied_once():
    assert applied(policy("a", {"tenant": ["acme", "acme"]}, goes_on=True)) == ["a"]


def test_what_was_tried_is_told_up_to_the_end():
    rows = [policy("a", {"model": {"prefix": "x"}}), policy("b", {}, flag="off"), policy("c", {"tenant": "acme"}), policy("d", {})]
    assert Policies(rows).tried(NOBODY, on=lambda flag: False) == [("a", False), ("b", False), ("c", True)]


def test_of_the_policies_of_others_nothing_is_told():
    rows = [policy("a", {"tenant": "other"}), policy("b", {"tokens": {"gt": 1}})]
    assert Policies(rows).tried(NOBODY, on=lambda flag: True) == [("b", False)]


def test_the_headers_that_are_read_are_known_however_deep_they_stand():
    rows = [policy("a", {"any": [{"not": {"headers": {"X-Plan": "gold"}}}, {"all": [{"headers": {"x-app": {"exists": True}}}]}]})]
    assert Policies(rows).headers == {"x-plan", "x-app"}
    assert Policies(()).headers == frozenset()


FLAGS = ("f", "g")
policies = st.lists(
    st.tuples(asked.conditions, st.none() | st.sampled_from(FLAGS), st.booleans()),
    max_size=12,
)


@given(policies, asked.facts, st.sets(st.sampled_from(FLAGS)))
def test_they_apply_as_if_each_were_asked_in_turn(rows, facts, on):
    expected = []
    for position, (conditions, flag, goes_on) in enumerate(rows):
        if (flag is None or flag in on) and asked.holds(conditions, facts):
            expected.append(str(position))
            if not goes_on:
                break
    made = Policies(policy(str(position), *row[:1], flag=row[1], goes_on=row[2]) for position, row in enumerate(rows))
    assert [row.id for row in made.applied(facts, on.__contains__)] == expected
    assert [id for id, matched in made.tried(facts, on.__contains__) if matched] == expected


class Counted(str):
    """A text that counts how often it is compared."""

    asked = 0

    def __eq__(self, other):
        Counted.asked += 1
        return str(self) == other

    def __hash__(self):
        return str.__hash__(self)


def test_the_policies_of_other_tenants_are_not_asked():
    rows = [policy(f"{number:05}", {"tenant": f"t{number}", "tags": "x"}) for number in range(10_000)]
    made = Policies(rows)
    facts = Facts(Inputs(Features("r", Counted("t7"), "t", "k", "m", tags=("x",))))
    assert [row.id for row in made.applied(facts, lambda flag: True)] == ["00007"]
    assert Counted.asked < 10


@pytest.mark.parametrize(("operator", "most"), [("gt", 2), ("gte", 3), ("lt", 7), ("lte", 8), ("eq", 1)])
def test_of_those_that_ask_for_an_amount_only_those_are_asked_whose_it_is(operator, most):
    rows = [policy(str(number), {"tokens": {operator: number}, "stream": False}, goes_on=True) for number in (9, 0, 8, 1, 7, 2, 6, 3, 5, 4)]
    facts = NOBODY._replace(inputs=NOBODY.inputs._replace(features=NOBODY.inputs.features._replace(input_tokens=2)))
    asked_of = Index(row.conditions for row in rows).positions(to_values(facts))
    assert [rows[position].id for position in asked_of] == applied(*rows, facts=facts)
    assert len(asked_of) == most


def test_one_that_holds_in_either_of_two_cases_is_asked_in_these_alone():
    either = [{"tags": "x"}, {"all": [{"tenant": {"ne": "acme"}}, {"complexity": {"gt": 90}}]}]
    index = Index([policy("a", {"any": either}).conditions, policy("b", {"any": [*either, {"not": {"team": "t"}}]}).conditions])
    features = NOBODY.inputs.features
    for changed, asked_of in (({}, [1]), ({"tags": ("x",)}, [0, 1]), ({"complexity": 91}, [0, 1])):
        facts = Facts(NOBODY.inputs._replace(features=features._replace(**changed)))
        assert list(index.positions(to_values(facts))) == asked_of
