"""What the chains of a route's targets add behind them."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.routing.catalog import Chain, Snapshot, Target
from signalbox.routing.chains import expanded


def snapshot_of(**chains: Chain) -> Snapshot:
    """Targets a to h; the chain of each has its name."""
    targets = {id: Target(id, "acme", id, 1_000, 100, frozenset(), None, chain=id if id in chains else None) for id in "abcdefgh"}
    return Snapshot(1, "digest", {}, targets, {}, {}, chains=chains)


def order(targets: str, usable: str = "abcdefgh", passed: dict[str, str] | None = None, **chains: Chain) -> str:
    return "".join(expanded(tuple(targets), snapshot_of(**chains), usable.__contains__, passed or {})[0])


def behind(targets: str, usable: str = "abcdefgh", **chains: Chain) -> dict[str, dict[str, tuple[str, ...]]]:
    return expanded(tuple(targets), snapshot_of(**chains), usable.__contains__)[1]


def generic(*targets: str, terminal: str | None = None) -> Chain:
    return Chain(generic=targets, terminal=terminal)


def test_without_a_chain_the_targets_are_all_there_is():
    assert expanded(("b", "a"), snapshot_of(), "".__contains__) == (("b", "a"), {})
    assert expanded((), snapshot_of(a=generic("b")), "b".__contains__) == ((), {})


def test_the_routes_own_come_first_then_the_chains_in_their_order():
    assert order("ab", a=generic("c", "d"), b=generic("e")) == "abcde"


def test_a_chain_of_a_chain_comes_behind_it_and_nothing_comes_twice():
    assert order("ab", a=generic("c", "b"), c=generic("d", "a"), b=generic("c", "e"), d=generic("f")) == "abcedf"


def test_a_circle_ends_where_it_began():
    assert order("a", a=generic("a")) == "a"
    assert order("a", a=generic("b"), b=generic("a")) == "ab"
    assert order("a", a=generic("b"), b=generic("c"), c=generic("b", "a"), d=generic("a")) == "abc"
    assert behind("a", a=Chain(context_too_long=("b",)), b=Chain(context_too_long=("a",))) == {
        "a": {"context_too_long": ("b",)},
        "b": {"context_too_long": ("a",)},
    }


def test_the_terminal_one_is_last_and_of_several_that_of_the_first_chain_is_the_very_last():
    assert order("ab", a=generic("c", terminal="h"), b=generic("d")) == "abcdh"
    assert order("abc", a=generic("d", terminal="h"), b=generic(terminal="g"), c=generic(terminal="f")) == "abcdgfh"
    assert order("ab", a=generic("c", terminal="h"), c=generic(terminal="h"), b=generic("h", "e")) == "abceh"


def test_a_terminal_one_of_the_route_itself_is_last_unless_it_was_chosen_as_the_first():
    assert order("abc", a=generic(terminal="b")) == "acb"
    assert order("abc", "", a=generic(terminal="b")) == "acb"
    assert order("bac", a=generic(terminal="b")) == "bac"


def test_what_is_not_usable_is_left_out_and_its_chain_followed():
    assert order("a", "abd", a=generic("b", "c", terminal="h"), c=generic("d")) == "abd"
    assert behind("a", "ad", a=Chain(context_too_long=("b", "c")), b=Chain(context_too_long=("d",)), c=Chain(generic=("e",))) == {
        "a": {"context_too_long": ("d",)}
    }


def test_the_targets_themselves_stay_even_where_nothing_is_usable():
    assert order("ab", "", a=generic("c")) == "ab"


def test_the_chains_of_those_that_stand_back_for_a_request_are_followed_by_what_they_would_have_failed_in():
    chain = Chain(generic=("c",), context_too_long=("d",), content_filtered=("e",))
    assert order("b", passed={"a": "generic"}, a=chain) == "bc"
    assert order("b", passed={"a": "context_too_long"}, a=chain) == "bdc"
    assert order("", passed={"a": "generic"}, a=generic("c", terminal="h"), c=generic("a")) == "ch"


def test_behind_a_target_are_the_kinds_of_its_chain_and_behind_these_the_whole_of_theirs():
    assert behind(
        "a",
        a=Chain(generic=("b",), context_too_long=("c",), content_filtered=("d", "e")),
        b=Chain(content_filtered=("c",)),
        c=Chain(generic=("f", "a"), context_too_long=("g",), terminal="h"),
    ) == {
        "a": {"context_too_long": ("c",), "content_filtered": ("d", "e")},
        "b": {"content_filtered": ("c",)},
        "c": {"context_too_long": ("g",), "generic": ("f", "a", "h")},
    }


LISTS = st.lists(st.sampled_from("abcdefgh"), max_size=4).map(tuple)
CHAINS = st.dictionaries(st.sampled_from("abcdefgh"), st.builds(Chain, LISTS, LISTS, LISTS, st.none() | st.sampled_from("abcdefgh")))


@given(st.lists(st.sampled_from("abcdefgh"), max_size=4, unique=True), CHAINS, st.frozensets(st.sampled_from("abcdefgh")))
def test_whatever_the_chains_nothing_comes_twice_and_nothing_unusable_is_added(targets, chains, usable):
    found, kinds = expanded(targets, snapshot_of(**chains), usable.__contains__)
    assert len(set(found)) == len(found)
    assert set(targets) <= set(found) <= set(targets) | usable
    assert found[:1] == tuple(targets[:1]) or not targets
    for id, row in kinds.items():
        assert all(rows and id not in rows and set(rows) <= usable and len(set(rows)) == len(rows) for rows in row.values())
    assert expanded(targets, snapshot_of(**chains), usable.__contains__) == (found, kinds)
