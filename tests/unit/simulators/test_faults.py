"""Faults say which field is wrong, and are taken as often as they were told."""

import pytest

from ops.simulators.faults import Fault, Faults, to_fault

EVERY = {
    "status": 503,
    "latency_ms": 1.5,
    "first_chunk_ms": 2,
    "chunk_ms": 3,
    "hold_after_chunks": 4,
    "cut_after_chunks": 0,
    "malformed": True,
    "retry_after_s": 0.5,
    "retry_after_form": "http_date",
    "error_in_stream": 529,
    "error_after_chunks": 3,
    "late_usage": True,
    "echo": True,
    "bad_keys": ["sk-a"],
    "limited_keys": [],
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
        ("hold_after_chunks", -1),
        ("cut_after_chunks", 1.5),
        ("malformed", 1),
        ("retry_after_s", [1]),
        ("times", 0),
        ("retry_after_form", "soon"),
        ("retry_after_form", None),
        ("error_in_stream", 200),
        ("bad_keys", "sk-a"),
        ("limited_keys", [1]),
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


def test_an_error_in_the_stream_has_a_place_and_a_status():
    assert Fault().stream_error() is Fault(error_in_stream=False).stream_error() is None
    assert Fault(error_in_stream=True).stream_error() == (0, 503)
    assert Fault(error_in_stream=429, error_after_chunks=2).stream_error() == (2, 429)
    assert Fault(error_after_chunks=2).stream_error() == (2, 503)
