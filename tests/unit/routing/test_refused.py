"""What a caller is told of a decision that serves nobody: to wait only where waiting helps."""

import pytest

from signalbox.routing.catalog import Snapshot
from signalbox.routing.inputs import Inputs
from signalbox.routing.refused import refusal_of

from .decided import FEATURES, NOW_MS, decided, policy, route, target

TARGETS = [target("a", 100), target("b", 100)]
SNAPSHOT = Snapshot(1, "d", {}, {row.id: row for row in TARGETS}, {}, {})
WITHOUT_A = policy(remove_targets=("a",))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, None),
        ({"full": ("a",)}, None),
        ({"full": ("a", "b")}, "rate_limited"),
        ({"full": ("a",), "lacks": "b"}, "rate_limited"),
        ({"full": ("a", "b"), "lacks": "ab"}, "unsupported_parameter"),  # in the next minute neither can serve it
        ({"full": ("a",), "lacks": "b", "policies": [WITHOUT_A]}, "unsupported_parameter"),
        ({"full": ("a",), "policies": [WITHOUT_A, policy("q", remove_targets=("b",))._replace(priority=2)]}, None),
        ({"policies": [policy(remove_targets=("a", "b"))]}, "no_route"),
        ({"full": ("a", "b"), "policies": [policy(deny="not now")]}, "permission_denied"),
    ],
)
def test_a_caller_waits_only_for_what_may_serve_it(more, code):
    decision = decided(route("a", "b"), TARGETS, **more)
    refusal = refusal_of(decision, Inputs(FEATURES, full=more.get("full", ()), now_ms=NOW_MS), SNAPSHOT)
    assert (refusal and refusal.code) == code
    assert (refusal is not None and refusal.retry_after_s is not None) == (code == "rate_limited")
