"""What is said of policies, flags and segments that cannot go live, and of those that come to nothing."""

import json

import pytest

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import Flag, to_snapshot
from signalbox.routing.policies import Actions, Mirror

BEGINNING = """\
version: 1
providers:
  a: {base_url: https://a.example.com/v1}
models:
  a/big: {context_window: 9000, max_output_tokens: 900, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
  a/small: {context_window: 9000, max_output_tokens: 900, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
  a/free-*: {context_window: 9000, max_output_tokens: 900, prices: {input: 0, output: 0, source: s, as_of: 2026-01-02}}
routes:
  chat: {targets: [a/big, a/small]}
aliases: {talk: chat}
segments: {beta: [acme]}
flags:
  slowly: {percent: 10, segments: [beta]}
policies:
"""


def compiled(*rows):
    return compile_text(BEGINNING + "".join(f"  {row}\n" for row in rows))


def faults(*rows):
    with pytest.raises(InvalidDocument) as raised:
        compiled(*rows)
    return [(problem.line, problem.path, problem.message) for problem in raised.value.problems]


def warned(*rows):
    return [(warning.path, warning.message) for warning in compiled(*rows).warnings]


FIRST_LINE = BEGINNING.count("\n") + 1


@pytest.mark.parametrize(
    ("row", "path", "said"),
    [
        ("{conditions: {tenat: acme}, actions: {deny: stop}}", "conditions.tenat", "there is no such field"),
        ("{conditions: {any: [{tokens: {over: 1}}]}, actions: {deny: stop}}", "conditions.any.0.tokens.over", "it knows"),
        ("{conditions: {segment: gold}, actions: {deny: stop}}", "conditions.segment", "there is no segment 'gold'"),
        ("{conditions: {not: {segment: [beta, gold]}}, actions: {deny: stop}}", "conditions.not.segment", "there is no segment 'gold'"),
        ("{conditions: {circuits: {a/none: open}}, actions: {deny: stop}}", "conditions.circuits.a/none", "there is no model 'a/none'"),
        ("{actions: {route: chatt}}", "actions.route", "there is no route, model or alias 'chatt'"),
        ("{actions: {route: a/free-*}}", "actions.route", "there is no route, model or alias"),
        ("{actions: {add_targets: [a/small, a/none]}}", "actions.add_targets.1", "there is no model 'a/none'"),
        ("{actions: {remove_targets: [chat]}}", "actions.remove_targets.0", "'chat' is no target"),
        ("{actions: {add_targets: [a/free-*]}}", "actions.add_targets.0", "is no one model"),
        ("{actions: {weights: {a/none: 3}}}", "actions.weights.a/none", "there is no model"),
        ("{actions: {mirror: {target: a/none, percent: 5}}}", "actions.mirror.target", "there is no model"),
        ("{actions: {timeouts: {ttft_s: 9, total_s: 3}}}", "actions.timeouts.ttft_s", "longer than total_s (3 s)"),
        ("{status: active, actions: {}}", "actions", "an active policy does something"),
        ("{status: active, conditions: {tenant: acme}, actions: {timeouts: {}}}", "actions", "an active policy does something"),
        ("{flag: quickly, actions: {deny: stop}}", "flag", "there is no flag 'quickly'; the flags are: cost_optimization, fallback"),
    ],
)
def test_what_cannot_go_live_is_named_by_its_line_and_path(row, path, said):
    ((line, where, message),) = faults(f"p: {row}")
    assert (line, where) == (FIRST_LINE, f"policies.p.{path}")
    assert said in message


def test_a_condition_knows_its_own_line():
    rows = ["p:", "  conditions:", "    tenant: acme", "    time: {from: 25:00}", "  actions: {deny: stop}"]
    assert [(line, path) for line, path, _ in faults(*rows)] == [(FIRST_LINE + 3, "policies.p.conditions.time.from")]


def test_a_flag_names_segments_that_there_are():
    text = BEGINNING.replace("segments: [beta]", "segments: [beta, gold]").removesuffix("policies:\n")
    with pytest.raises(InvalidDocument) as raised:
        compile_text(text)
    assert [problem.path for problem in raised.value.problems] == ["flags.slowly.segments.1"]


@pytest.mark.parametrize(
    "row",
    [
        "{status: active, actions: {deny: stop}, flag: slowly}",
        "{status: active, actions: {deny: stop}, flag: monitoring}",
        "{status: active, actions: {route: talk}, conditions: {model: talk}}",
        "{status: active, actions: {route: a/free-one, add_targets: [a/free-two]}}",
        "{status: draft, actions: {}}",
        "{status: active, actions: {remove_targets: [a/big]}, conditions: {model: chat}}",
        "{status: active, actions: {remove_targets: [a/big, a/small]}, conditions: {not: {model: chat}}}",
        '{status: active, actions: {max_tokens: 9}, conditions: {time: {from: 22:00, to: "06:00", days: [fri], zone: Europe/Berlin}}}',
    ],
)
def test_these_go_live_without_a_word(row):
    assert warned(f"p: {row}") == []


def test_what_is_never_reached_is_told():
    first = "a: {status: active, priority: 1, actions: {route: chat}}"
    assert "'a' comes first" in dict(warned(first, "b: {status: active, actions: {deny: stop}}"))["policies.b"]
    assert warned(first.replace("priority", "continue: true, priority"), "b: {status: active, actions: {deny: stop}}") == []
    assert warned(first.replace("priority", "flag: slowly, priority"), "b: {status: active, actions: {deny: stop}}") == []
    assert warned(first, "b: {status: draft, actions: {deny: stop}}") == []
    same = "{status: active, conditions: {tenant: acme, tokens: {gt: 3}}, actions: {deny: stop}}"
    assert [path for path, _ in warned(f"a: {same}", f"b: {same.replace('3', '4')}", f"c: {same}")] == ["policies.c"]


@pytest.mark.parametrize(
    ("row", "path", "said"),
    [
        ("{actions: {route: talk, remove_targets: [a/big, a/small]}}", "actions.remove_targets", "leaves talk no target"),
        ("{conditions: {model: [talk]}, actions: {remove_targets: [a/big, a/small]}}", "actions.remove_targets", "leaves talk no target"),
        ("{conditions: {model: chad}, actions: {strategy: sticky}}", "conditions.model", "nobody can ask for 'chad'"),
        ("{actions: {cache: {ttl_s: 0}}}", "actions.cache.ttl_s", "nothing else here keeps any"),
        ("{actions: {deny: stop, route: chat}}", "actions.deny", "nothing comes of: route"),
    ],
)
def test_what_comes_to_nothing_is_told(row, path, said):
    ((where, message),) = warned(f"p: {row}")
    assert where == f"policies.p.{path}"
    assert said in message


def test_a_policy_reads_back_from_the_snapshot_in_order_and_drafts_do_not():
    rows = (
        "z: {status: active, priority: 5, continue: true, flag: slowly, conditions: {headers: {X-A: b}}, actions: {max_cost_usd: 0.5}}",
        "b: {status: active, priority: 7, actions: {mirror: {target: a/small, percent: 5}, weights: {a/big: 2}, timeouts: {ttft_s: 3}}}",
        "a: {status: active, priority: 5, name: First, actions: {add_targets: [a/small], cache: {ttl_s: 9}}, conditions: {stream: true}}",
        "d: {status: disabled, actions: {deny: stop}}",
    )
    snapshot = to_snapshot(json.loads(compiled(*rows).json), 1, "")
    first, second, third = snapshot.policies.rows
    assert (first.id, first.name, first.actions) == (
        "a",
        "First",
        Actions(add_targets=("a/small",), cache={"ttl_s": 9, "any": False, "max_kb": 64}),
    )
    assert (second.id, second.flag, second.goes_on, second.actions.max_cost_nanousd) == ("z", "slowly", True, 500_000_000)
    assert (third.actions.mirror, third.actions.weights, third.actions.timeouts) == (Mirror("a/small", 5), {"a/big": 2}, {"ttft_s": 3})
    assert snapshot.policies.headers == {"x-a"}
    assert snapshot.flags == {"slowly": Flag("slowly", percent=10, segments=("beta",))}
    assert snapshot.segments == {"beta": {"acme"}}


def test_a_draft_makes_a_version_and_the_same_draft_the_same_one():
    draft = "p: {actions: {deny: stop}}"
    assert len({compiled(draft).digest, compiled(draft.replace("stop", "never")).digest, compiled("{}").digest}) == 3
    assert compiled(draft).digest == compiled(draft + " # a comment").digest
