"""What questions with kept answers meant: a vector each, a byte to a number, in one entry for all that are equal but for the last text."""

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from operator import mul
from typing import NamedTuple

VERSION = b"2"  # of this form: what is of another counts as nothing
HEAD = struct.Struct(">32sQHH")
MOST_BYTES = 300 * 1024  # an item takes 400 KB
STEPS = 127


class Neighbour(NamedTuple):
    """`name` is that of its answer, in hex; `vector` has a signed byte for each number, of a length that says nothing.

    It is compared with those of its `space` alone.
    """

    name: str
    expires_ms: int
    vector: bytes
    space: int = 0


def quantised(vector: Sequence[float]) -> bytes:
    """A cosine is off by less than 0.01 for it."""
    scale = STEPS / (max(map(abs, vector), default=0) or 1)
    return array("b", (round(number * scale) for number in vector)).tobytes()


def cosine(one: bytes, other: bytes) -> float:
    """-1 to 1; none where their lengths differ."""
    a, b = array("b", one), array("b", other)
    if len(a) != len(b):
        return 0.0
    lengths = sqrt(sum(map(mul, a, a)) * sum(map(mul, b, b)))
    return sum(map(mul, a, b)) / lengths if lengths else 0.0


def nearest(vector: bytes, space: int, neighbours: Iterable[Neighbour]) -> tuple[float, Neighbour] | None:
    return max(((cosine(vector, neighbour.vector), neighbour) for neighbour in neighbours if neighbour.space == space), default=None)


def with_newest(newest: Neighbour, neighbours: Sequence[Neighbour], most: int, now_ms: int) -> tuple[Neighbour, ...]:
    """In front; of the others, as many as there is room for, and none that has ended."""
    others = [other for other in neighbours if (other.name, other.space) != (newest.name, newest.space) and other.expires_ms > now_ms]
    room = MOST_BYTES // (HEAD.size + len(newest.vector) or 1)
    return (newest, *others)[: min(most, max(1, room))]


def to_bytes(neighbours: Iterable[Neighbour]) -> bytes:
    rows = (HEAD.pack(bytes.fromhex(one.name), one.expires_ms, len(one.vector), one.space) + one.vector for one in neighbours)
    return VERSION + b"".join(rows)


def from_bytes(packed: bytes) -> tuple[Neighbour, ...]:
    """Nothing of what another release wrote, or what is damaged."""
    try:
        return tuple(_read(packed[1:])) if packed[:1] == VERSION else ()
    except struct.error:
        return ()


def _read(packed: bytes) -> Iterator[Neighbour]:
    place = 0
    while place < len(packed):
        name, expires_ms, size, space = HEAD.unpack_from(packed, place)
        place += HEAD.size + size
        if place > len(packed):
            raise struct.error("cut short")
        yield Neighbour(name.hex(), expires_ms, packed[place - size : place], space)
