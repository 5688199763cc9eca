import json
import os
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import Phase, given, settings

from signalbox.routing.catalog import Timeouts
from signalbox.routing.decide import Decision
from signalbox.routing.inputs import Features, Inputs
from signalbox.routing.replay import differences, digest, holds, recorded, replayed
from signalbox.usage.record import Attempt

from . import traffic

ONCE = (Phase.explicit, Phase.reuse, Phase.generate)  # whole worlds take minutes to make smaller

PLAIN = Decision("chat", "chat", ("a/x", "b/y"), "a/x", "sequential", Timeouts(None, None, 30.0), 3)


def test_the_digest_is_the_same_in_every_process():
    assert digest(PLAIN) == "175156eed85164d7d12ee80d412f8c4ca694c35c1b68a4b987ec8c076b3d78e9"


def test_what_is_decided_changes_it_and_how_it_is_held_does_not():
    assert digest(PLAIN._replace(targets=("b/y", "a/x"))) != digest(PLAIN)
    assert digest(PLAIN._replace(retries={"server": 1})) != digest(PLAIN)
    one = PLAIN._replace(retries=MappingProxyType({"server": 1, "timeout": 2}))
    assert digest(one) == digest(PLAIN._replace(retries={"timeout": 2, "server": 1}))


def test_words_do_not_change_it():
    passed = PLAIN._replace(passed=(("c/z", "cannot serve `tools`"),), reasons={"a/x": "first declared"}, warning="open")
    assert digest(passed) == digest(passed._replace(passed=(("c/z", "has no tools"),), reasons={}, warning="every circuit is open"))
    assert digest(passed) != digest(PLAIN)


@given(traffic.compiled(), traffic.inputs(), traffic.LACKS)
@settings(max_examples=100, phases=ONCE)
def test_whatever_was_decided_is_decided_again_from_its_record(compiled, inputs, lacks):
    row = traffic.row_of(inputs, lacks, traffic.read(compiled))
    again = traffic.read(compiled)
    assert list(differences(row, again)) == []
    assert recorded(row).inputs == inputs
    decision = recorded(row).decide(traffic.read(compiled))
    assert decision == replayed(row["inputs"], again)  # in every field, the words as well
    assert decision is not None
    assert digest(decision) == row["decided"]


AGAIN = """
import json, sys
from tests.unit.routing import traffic
from signalbox.routing.replay import differences
rows = json.load(sys.stdin)
print(json.dumps([list(differences(row, traffic.read(compiled))) for compiled, row in rows]))
"""


def test_a_process_that_orders_its_sets_in_another_way_decides_the_same():
    rows = []

    @given(traffic.compiled(), traffic.inputs(), traffic.LACKS)
    @settings(max_examples=40, phases=[Phase.generate])
    def draw(compiled, inputs, lacks):
        rows.append((compiled, traffic.row_of(inputs, lacks, traffic.read(compiled))))

    draw()
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": f"{root}:{root / 'layers/shared'}"}
    command = [sys.executable, "-c", AGAIN]
    said = subprocess.run(command, input=json.dumps(rows), env=environment, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == [[]] * len(rows)


@pytest.fixture
def plain():
    """A route of two targets, and a request to it."""
    compiled = {
        "providers": {"a": {"name": "a", "wire": "openai", "base_url": "http://x", "secret": None}},
        "targets": {id: _target(id) for id in ("a/x", "a/y")},
        "routes": {"chat": _route(["a/x", "a/y"])},
        "names": {"chat": "chat"},
    }
    features = Features("r1", "acme", "", "k1", "chat")
    return compiled, Inputs(features, draw=0.3, now_ms=traffic.NOW_MS)


def _target(id):
    row = {"id": id, "provider": "a", "model": id[2:], "context_window": 8_000, "max_output_tokens": 100, "capabilities": []}
    return row | {"prices": None, "timeouts": traffic.TIMEOUTS, "capacity": {}}


def _route(targets):
    timeouts = {"ttft_s": None, "between_chunks_s": None, "total_s": 30.0}
    return {"name": "chat", "targets": targets, "strategy": "sequential", "timeouts": timeouts, "max_attempts": 2}


def test_what_differs_is_named(plain):
    compiled, inputs = plain
    row = traffic.row_of(inputs, {}, traffic.read(compiled))
    other = compiled | {"routes": {"chat": _route(["a/y", "a/x"])}}
    assert not holds(row, traffic.read(other))
    behind = "target: 'a/x' was tried first, and stands behind ['a/y'], which may have been passed over then"
    assert list(differences(row, traffic.read(other))) == ["default_target: was 'a/x', is 'a/y'", behind]
    gone = compiled | {"routes": {"chat": _route(["a/y"])}}
    not_among = "target: 'a/x' was tried first, and is not among those to try: ['a/y']"
    assert list(differences(row, traffic.read(gone))) == ["default_target: was 'a/x', is 'a/y'", not_among]
    unnamed = compiled | {"routes": {"chat": _route(["a/x"])}}
    assert list(differences(row, traffic.read(unnamed))) == ["decision: another digest, in something that the record does not name"]
    nameless = compiled | {"names": {}, "targets": {}}
    assert list(differences(row, traffic.read(nameless))) == ["route: the snapshot knows no model 'chat'"]


def test_who_was_passed_over_at_its_capacity_is_not_taken_for_another_decision(plain):
    compiled, inputs = plain
    second = (Attempt("a/y", "ok", inputs.now_ms, 200),)
    row = traffic.row_of(inputs, {}, traffic.read(compiled), attempts=second, target="a/y")
    assert holds(row, traffic.read(compiled))
    said = list(differences(row | {"decided": "another"}, traffic.read(compiled)))
    assert said == ["target: 'a/y' was tried first, and stands behind ['a/x'], which may have been passed over then"]


def test_inputs_that_were_changed_since_are_found_out(plain):
    compiled, inputs = plain
    row = traffic.row_of(inputs, {}, traffic.read(compiled))
    changed = row | {"inputs": row["inputs"].replace('"draw":0.3', '"draw":0.4')}
    assert list(differences(changed, traffic.read(compiled))) == ["inputs: the text is not the one that the digest was taken of"]


def test_who_could_not_serve_then_cannot_now(plain):
    compiled, inputs = plain
    row = traffic.row_of(inputs, {"a/x": ("top_k", "its provider knows no such parameter")}, traffic.read(compiled))
    decision = replayed(row["inputs"], traffic.read(compiled))
    assert decision is not None
    assert (decision.targets, dict(decision.lacks)) == (("a/y",), {"a/x": ("top_k", "its provider knows no such parameter")})
