"""Faults say which field is wrong, and are taken as often as they were told."""

import pytest

from ops.simulators.faults import Fault, Faults, to_fault

EVERY = {
    "status": 503,
    "latency_ms": 1.5,
    "first_chunk_ms": 2,
    "chunk_ms": 3,
    "cut_after_chunks": 0,
    "malformed": True,
    "retry_after_s": 0.5,
    "times": 2,
}


def test_every_field_is_kept():
    assert to_fault(EVERY).to_json() == EVERY
    assert to_fault({}).to_json() == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 200),
        ("status", "503"),
        ("status", True),
        ("status", None),
        ("latency_ms", -1),
        ("latency_ms", float("nan")),
        ("first_chunk_ms", float("inf")),
        ("chunk_ms", "soon"),
        ("cut_after_chunks", 1.5),
        ("malformed", 1),
        ("retry_after_s", [1]),
        ("times", 0),
        ("colour", "red"),
    ],
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        to_fault({field: value})


def test_a_fault_is_an_object():
    with pytest.raises(ValueError, match="JSON object"):
        to_fault([503])


def test_times_counts_down_and_clears_itself():
    faults = Faults(["a", "b"])
    faults.tell("a", Fault(status=500, times=2))
    faults.tell("b", Fault(status=503))
    assert [faults.take("a").status for _ in range(3)] == [500, 500, None]
    assert [faults.take("b").status for _ in range(3)] == [503, 503, 503]
    assert faults.to_json() == {"b": {"status": 503}}
    faults.clear()
    assert faults.take("b") == Fault()
