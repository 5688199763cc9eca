"""Lines are the same however the bytes that hold them are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import UpstreamFailure
from signalbox.providers.formats.ndjson import lines
from signalbox.providers.formats.sse import MOST_BYTES


@pytest.mark.parametrize(
    ("pieces", "read"),
    [
        ([b'{"a":1}\n{"b":2}\n'], [b'{"a":1}', b'{"b":2}']),
        ([b'{"a"', b":1}", b"\n"], [b'{"a":1}']),
        ([b'{"a":1}'], [b'{"a":1}']),
        ([b"\n \r\n1\n\n2\n"], [b"1", b"2"]),
        ([b"", b"1\n", b""], [b"1"]),
        ([], []),
    ],
)
def test_each_line_is_read_that_holds_anything(pieces, read):
    assert [line.strip() for line in lines(pieces)] == read


@given(st.lists(st.text(alphabet="ab {}\u2028ü", min_size=1).filter(str.strip)), st.data())
def test_lines_are_the_same_wherever_they_are_cut(written, data):
    stream = "".join(f"{line}\n" for line in written).encode()
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20))), len(stream)]
    assert list(lines(stream[a:b] for a, b in pairwise(edges))) == [line.encode() for line in written]


def test_what_never_ends_is_no_line():
    endless = (b"x" * 65_536 for _ in range(MOST_BYTES // 65_536 + 2))
    with pytest.raises(UpstreamFailure) as failure:
        list(lines(endless))
    assert failure.value.kind == "malformed"
    assert next(endless, None) is not None  # it is refused before all of it is read
