"""Chains, weights, shares and hedges that cannot be meant are found before a document goes live."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import Chain, Snapshot, to_snapshot
from signalbox.routing.chains import expanded

PRICES = {"input": 0, "output": 0, "source": "s", "as_of": "2026-11-21"}


def text(chains=None, models=None, routes=None) -> str:
    """Models p/a to p/f, with what `models` says of them, by the letter; JSON is YAML."""
    of = models or {}
    rows = {
        f"p/{id}": {"context_window": 1_000, "max_output_tokens": 9, "prices": PRICES, **of.get(id, {})}
        for id in dict.fromkeys(["a", "b", "c", "d", "e", "f", *of])
    }
    rows = {id: {key: value for key, value in row.items() if value is not None} for id, row in rows.items()}
    document = {
        "version": 1,
        "providers": {"p": {"base_url": "https://p.test/v1"}, "q": {"base_url": "https://q.test/v1"}},
        "models": rows,
        "routes": routes or {},
        "chains": chains or {},
    }
    return json.dumps(document, indent=1)


def chained(**chains: str) -> dict[str, dict[str, str]]:
    return {id: {"chain": chain} for id, chain in chains.items()}


def errors(chains=None, models=None, routes=None) -> list[tuple[str, str]]:
    try:
        compile_text(text(chains, models, routes))
    except InvalidDocument as invalid:
        return [(problem.path, problem.message) for problem in invalid.problems]
    return []


def warnings(chains=None, models=None, routes=None) -> list[tuple[str, str]]:
    return [(warning.path, warning.message) for warning in compile_text(text(chains, models, routes)).warnings]


def test_chains_are_compiled_as_they_are_read():
    chains = {"x": {"generic": ["p/b"], "context_too_long": ["p/c"], "content_filtered": ["p/d"], "terminal": "p/e"}}
    models = chained(a="x") | {"c": {"context_window": 2_000}}
    assert (errors(chains, models), warnings(chains, models)) == ([], [])
    compiled = compile_text(text(chains, models))
    snapshot: Snapshot = to_snapshot(json.loads(compiled.json), 1, compiled.digest)
    assert snapshot.chains == {"x": Chain(("p/b",), ("p/c",), ("p/d",), "p/e")}
    order, behind = expanded(("p/a",), snapshot, lambda id: True)
    assert order == ("p/a", "p/b", "p/e")
    assert behind == {"p/a": {"context_too_long": ("p/c",), "content_filtered": ("p/d",)}}


def test_a_model_names_a_chain_that_there_is():
    [(path, message)] = errors({"x": {}}, chained(a="y", b="x"))
    assert (path, message) == ("models.p/a.chain", "there is no chain 'y'; the chains are: x")


def test_a_chain_names_models_each_once_and_no_star():
    chains = {"x": {"generic": ["p/b", "p/none", "p/b", "q/*", "q/any", "p/c"], "terminal": "p/c", "content_filtered": ["p/b"]}}
    found = dict(errors(chains, chained(a="x")))
    assert found.keys() == {f"chains.x.generic.{place}" for place in (1, 2, 3, 4, 5)}
    assert "there is no model 'p/none'" in found["chains.x.generic.1"]
    assert "'p/b' is in this chain already" in found["chains.x.generic.2"]
    assert "is no one model" in found["chains.x.generic.3"]
    assert "'p/c' is in this chain already" in found["chains.x.generic.5"]


def test_a_name_that_a_star_stands_for_is_a_model():
    assert errors({"x": {"generic": ["p/some"]}}, {"a": {"chain": "x"}, "so*": {}}) == []


# Circles.


@pytest.mark.parametrize("kind", ["generic", "context_too_long", "content_filtered", "terminal"])
def test_a_circle_is_told_as_a_whole_by_whatever_kind_it_goes(kind):
    def names(id):
        return {kind: id if kind == "terminal" else [id]}

    sizes = {id: {"context_window": size} for id, size in zip("abc", (1, 2, 3), strict=True)}
    models = {id: {"chain": chain, "max_output_tokens": 1} | sizes[id] for id, chain in (("a", "x"), ("b", "y"), ("c", "z"))}
    found = errors({"x": names("p/b"), "y": names("p/c"), "z": names("p/a")}, models)
    where = "chains.z.terminal" if kind == "terminal" else f"chains.z.{kind}.0"
    assert (where, "goes round in a circle: p/a → p/b → p/c → p/a; let one of these chains end before it") in found


def test_the_shortest_circles():
    assert errors({"x": {"generic": ["p/a"]}}, chained(a="x")) == [
        ("chains.x.generic.0", "goes round in a circle: p/a → p/a; let one of these chains end before it")
    ]
    [(_, message)] = errors({"x": {"generic": ["p/b"]}, "y": {"content_filtered": ["p/c", "p/a"]}}, chained(a="x", b="y"))
    assert "p/a → p/b → p/a;" in message


def test_a_circle_beside_the_way_to_it_is_told_once_and_without_the_way():
    chains = {"w": {"generic": ["p/b"]}, "x": {"generic": ["p/c"]}, "y": {"generic": ["p/d"]}, "z": {"generic": ["p/c"]}}
    [(path, message)] = errors(chains, chained(a="w", b="x", c="y", d="z"))
    assert path == "chains.z.generic.0"
    assert "circle: p/c → p/d → p/c;" in message


def test_a_name_that_a_star_stands_for_goes_round_as_well():
    [(_, message)] = errors({"x": {"generic": ["p/some"]}}, {"so*": {"chain": "x"}})
    assert "p/some → p/some" in message


def test_two_ways_to_one_target_are_no_circle():
    chains = {"x": {"generic": ["p/b", "p/c"]}, "y": {"generic": ["p/d"]}}
    assert errors(chains, chained(a="x", b="y", c="y")) == []


EDGES = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3, unique=True))


@given(EDGES)
def test_a_circle_is_found_wherever_there_is_one_and_nowhere_else(edges):
    chains = {f"of-{id}": {"generic": [f"p/{other}" for other in others]} for id, others in edges.items()}
    found = errors(chains, {id: {"chain": f"of-{id}"} for id in edges})
    assert all("circle" in message for _, message in found)
    for _, message in found:
        circle = message.partition(": ")[2].partition(";")[0].replace("p/", "").split(" → ")
        assert circle[0] == circle[-1]
        assert all(other in edges[id] for id, other in pairwise(circle))
    ends: set[str] = set()  # those from which every way ends: what is left when no more can be added goes round
    while more := {id for id in "abcdef" if id not in ends and ends.issuperset(edges.get(id, ()))}:
        ends |= more
    assert bool(found) == (len(ends) < 6)


# What cannot serve, or is not reached.


def test_where_a_request_is_too_long_a_larger_window_is_next():
    chains, models = {"x": {"context_too_long": ["p/b", "p/c"]}}, chained(a="x") | {"b": {"context_window": 1_001}}
    [(path, message)] = errors(chains, models)
    assert path == "chains.x.context_too_long.1"
    assert "'p/c' has room for 1000 tokens, and is tried where the 1000 of p/a are too few" in message


def embeds(**rest):
    prices = {key: value for key, value in PRICES.items() if key != "output"}
    return {"max_output_tokens": None, "capabilities": ["embeddings"], "prices": prices, **rest}


def test_what_embeds_and_what_writes_are_not_in_one_route_or_chain():
    models = {"a": {"chain": "x"}, "b": embeds(chain="y"), "c": embeds()}
    routes = {"r": {"targets": ["p/a", "p/b"]}, "s": {"targets": ["p/b", "p/c", "p/d"]}}
    found = dict(errors({"x": {"generic": ["p/d", "p/c"]}, "y": {"terminal": "p/e"}}, models, routes))
    assert found.keys() == {"chains.x.generic.1", "chains.y.terminal", "routes.r.targets.1", "routes.s.targets.2"}
    assert found["routes.r.targets.1"] == "'p/b' embeds and p/a writes: neither can serve the other's requests; take one of them out"
    assert found["chains.y.terminal"].startswith("'p/e' writes and p/b embeds")


def test_nothing_is_reached_behind_a_terminal_one():
    [(path, message)] = errors({"x": {"terminal": "p/b"}, "y": {"generic": ["p/c"]}}, chained(a="x", b="y"))
    assert path == "chains.x.terminal"
    assert "'p/b' is terminal here, and its own chain 'y' is not reached (p/c)" in message


def test_who_lacks_what_the_first_one_has_is_a_warning_that_says_which_requests_pass_it_over():
    models = {
        "a": {"capabilities": ["tools", "vision", "streaming"], "chain": "x"},
        "b": {"capabilities": ["tools"]},
        "c": {"capabilities": ["tools", "vision", "reasoning"]},
    }
    routes = {"r": {"targets": ["p/a", "p/c", "p/b"]}}
    lacks = "lacks vision, which p/a has: requests that need it pass this one over"
    assert sorted(warnings({"x": {"generic": ["p/c", "p/b"]}}, models, routes)) == [
        ("chains.x.generic.1", lacks),
        ("routes.r.targets.2", lacks),
    ]


def test_a_chain_that_nobody_names_is_a_warning():
    assert warnings({"x": {"generic": ["p/a"]}}) == [("chains.x", "no model names it; write chain: x at one, or take it out")]


def test_targets_beyond_the_last_attempt_are_a_warning():
    def beyond(**route):
        found = warnings({"x": {"generic": ["p/d", "p/e"], "terminal": "p/f"}}, chained(a="x"), {"r": route})
        return [message.partition(": ")[2].partition(" only")[0] for path, message in found if path == "routes.r.max_attempts"]

    assert beyond(targets=["p/b", "p/c"]) == []
    assert beyond(targets=["p/b", "p/a"]) == ["p/e, p/f"]
    assert beyond(targets=["p/b", "p/a"], max_attempts=5) == []
    assert beyond(targets=["p/b", "p/c", "p/d"], max_attempts=2) == ["p/d"]
    assert beyond(targets=["p/b", "p/c", "p/d"], max_attempts=2, strategy="lowest_cost") == []
    assert beyond(targets=["p/b", "p/c", "p/a"], max_attempts=2, strategy="round_robin") == ["p/d, p/e, p/f"]


# A route's own rows.


def test_weights_name_the_routes_targets():
    routes = {"r": {"targets": ["p/a"], "strategy": "weighted", "weights": {"p/a": 3, "p/b": 1}}}
    assert errors(routes=routes) == [("routes.r.weights.p/b", "is none of this route's targets: p/a")]


def test_shares_name_providers_and_come_to_a_hundred_at_the_most():
    assert errors(routes={"r": {"targets": ["p/a"], "shares": {"p": 60, "q": 40}}}) == []
    found = dict(errors(routes={"r": {"targets": ["p/a"], "shares": {"p": 60, "z": 41}}}))
    assert found == {
        "routes.r.shares.z": "there is no provider 'z'; those of this route are: p",
        "routes.r.shares": "come to 101 %; let them come to 100 at the most",
    }


def test_a_hedge_comes_before_an_attempt_is_given_up():
    def hedged(**rest):
        return [path for path, _ in errors(routes={"r": {"targets": ["p/a", "p/b"], **rest}})]

    assert hedged(hedge_after_s=4.9) == []
    assert hedged(hedge_after_s=5) == ["routes.r.hedge_after_s"]
    assert hedged(hedge_after_s=5, timeouts={"ttft_s": 6}) == []
    assert errors(None, {"b": {"timeouts": {"ttft_s": 9}}}, {"r": {"targets": ["p/a", "p/b"], "hedge_after_s": 8}}) == []


def test_a_cache_keeps_something_and_says_for_how_long():
    def cached(**cache):
        return [path for path, _ in errors(routes={"r": {"targets": ["p/a"], "cache": cache}})]

    assert cached(ttl_s=60) == cached(ttl_s=2_592_000, any=True, max_kb=350) == []
    assert cached(ttl_s=0) == ["routes.r.cache.ttl_s"]
    assert cached(ttl_s=2_592_001) == ["routes.r.cache.ttl_s"]
    assert cached(ttl_s=60, max_kb=351) == ["routes.r.cache.max_kb"]
    assert cached(any=True) == ["routes.r.cache.ttl_s"]
    assert cached(ttl_s=60, semantic=True) == ["routes.r.cache.semantic"]


def test_vectors_for_a_look_up_by_meaning_are_made_by_a_model_of_embeddings():
    embeds = {"e": {"context_window": 10, "capabilities": ["embeddings"]}}

    def refused(route, **more):
        row = {"targets": ["p/a"], "cache": {"ttl_s": 60, "semantic": {"route": route}}}
        said = errors(models=embeds | {"a": {"context_window": 10, "max_output_tokens": 5}}, routes={"r": row} | more)
        return [(path, message) for path, message in said if "semantic" in path]

    assert refused("p/e") == refused("vectors", vectors={"targets": ["p/e"]}) == []
    [(path, message)] = refused("p/a")
    assert path == "routes.r.cache.semantic.route"
    assert "leads to 'p/a', which is no model of embeddings" in message
    assert "p/e" in message
    assert refused("vectors", vectors={"targets": ["p/e", "p/a"]})  # whoever is asked where the first fails
    assert refused("nobody")
