"""Of each budget, who below it has spent the most."""

import pytest

from signalbox.usage.rows import Reported
from signalbox.usage.spenders import largest, within

COSTS = {
    Reported("acme", "red", "all", ""): 60,
    Reported("acme", "red", "key", "k1"): 50,
    Reported("acme", "red", "key", "k2"): 10,
    Reported("acme", "red", "route", "chat"): 40,
    Reported("acme", "red", "model", "openai/gpt-4.1"): 60,
    Reported("acme", "", "all", ""): 25,
    Reported("acme", "", "key", "k3"): 25,
    Reported("beta", "red", "all", ""): 70,
    Reported("beta", "red", "key", "k4"): 70,
    Reported("beta", "red", "route", "chat"): 70,
    Reported("beta", "red", "model", "anthropic/openai/x"): 70,
    Reported("free", "red", "all", ""): 0,
}


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ("global#*", [("tenant#acme", 85), ("tenant#beta", 70)]),
        ("tenant#acme", [("team#acme/red", 60), ("key#k1", 50), ("key#k3", 25), ("key#k2", 10)]),
        ("team#acme/red", [("key#k1", 50), ("key#k2", 10)]),
        ("route#chat", [("tenant#beta", 70), ("tenant#acme", 40)]),
        ("provider#openai", [("tenant#acme", 60)]),
        ("key#k1", []),
        ("agent#acme/crawler", []),
    ],
)
def test_the_largest_below_a_scope(scope, found):
    prefix = within(scope)
    assert (prefix is None) == (not found)
    rows = {of: cost for of, cost in COSTS.items() if f"{of.tenant}/{of.team}/".startswith(prefix or "")}
    assert list(largest(scope, rows)) == found


def test_three_are_named_of_each_kind_and_of_equals_the_same_ones():
    rows = {Reported("t", team, by, team): 7 for team in "edcba" for by in ("all", "key")}
    named = [name for name, _ in largest("tenant#t", rows)]
    assert named == ["team#t/a", "team#t/b", "team#t/c", "key#a", "key#b", "key#c"]
