"""Neighbourhoods as bytes and back, and how near a byte to a number leaves what was near."""

from math import sqrt

from hypothesis import given
from hypothesis import strategies as st

from signalbox.completion.kept_vectors import (
    MOST_BYTES,
    Neighbour,
    cosine,
    from_bytes,
    nearest,
    quantised,
    to_bytes,
    with_newest,
)

NUMBERS = st.floats(-1, 1, allow_nan=False, width=32)
VECTORS = st.integers(16, 64).flatmap(lambda size: st.tuples(*2 * [st.lists(NUMBERS, min_size=size, max_size=size)]))
NAMES = st.binary(min_size=32, max_size=32).map(bytes.hex)
NEIGHBOURS = st.builds(Neighbour, NAMES, st.integers(0, 2**63), st.binary(max_size=40), st.integers(0, 2**16 - 1))


@given(st.lists(NEIGHBOURS, max_size=5))
def test_what_is_written_is_read(neighbours):
    assert from_bytes(to_bytes(neighbours)) == tuple(neighbours)


@given(st.lists(NEIGHBOURS, min_size=1, max_size=3), st.integers(1, 30))
def test_what_is_cut_short_or_of_another_form_is_nothing(neighbours, by):
    packed = to_bytes(neighbours)
    assert from_bytes(b"1" + packed[1:]) == ()
    shorter = from_bytes(packed[:-by])
    assert shorter == () or shorter == tuple(neighbours[: len(shorter)])
    assert from_bytes(b"") == ()


@given(VECTORS)
def test_a_byte_to_a_number_leaves_a_cosine_what_it_was(pair):
    one, other = pair
    lengths = [sqrt(sum(number * number for number in vector)) for vector in pair]
    if min(lengths) < 1e-3:
        return
    exact = sum(a * b for a, b in zip(one, other, strict=True)) / (lengths[0] * lengths[1])
    assert abs(cosine(quantised(one), quantised(other)) - exact) < 0.03  # of the shortest vectors; of a thousand numbers 0.002


def test_nothing_is_near_what_has_no_direction_or_another_length():
    assert cosine(quantised([0.0, 0.0]), quantised([1.0, 0.0])) == 0
    assert cosine(quantised([1.0, 0.0]), quantised([1.0, 0.0, 0.0])) == 0
    assert quantised([]) == b""
    assert nearest(b"\x01", 0, ()) is None


def test_nothing_is_near_what_another_model_made_however_alike():
    mine, other = Neighbour("a" * 64, 9, b"\x01\x02", 0), Neighbour("b" * 64, 9, b"\x01\x7f", 1)
    assert nearest(b"\x01\x7f", 0, [mine, other])[1] == mine
    assert nearest(b"\x01\x7f", 2, [mine, other]) is None


def test_the_newest_stands_in_front_and_what_has_ended_or_has_no_room_goes():
    old = [Neighbour(f"{number:064x}", number, b"\x01") for number in range(5)]
    newest = Neighbour("f" * 64, 99, b"\x02")
    assert with_newest(newest, old, 3, 1) == (newest, old[2], old[3])
    assert with_newest(newest, [newest._replace(expires_ms=1)], 3, 0) == (newest,)  # no answer stands in it twice,
    assert len(with_newest(newest, [newest._replace(space=1)], 3, 0)) == 2  # but by vectors of two models
    large = newest._replace(vector=bytes(60_000))
    assert len(to_bytes(with_newest(large, [large._replace(name=row.name, expires_ms=9) for row in old], 9, 0))) <= MOST_BYTES + 1
