"""Events are the same however their bytes are cut, and what never ends is no event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import UpstreamFailure
from signalbox.providers.formats import sse
from signalbox.providers.formats.sse import data_lines


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_data_of_several_lines_is_one_event(newline):
    stream = b"data: a\ndata: b\n\ndata:c".replace(b"\n", newline)
    for cut in range(len(stream)):
        assert list(data_lines([stream[:cut], stream[cut:]])) == [b"a\nb", b"c"]
    assert list(data_lines(stream[at : at + 1] for at in range(len(stream)))) == [b"a\nb", b"c"]


def test_a_mark_is_a_mark_only_at_the_start():
    assert list(data_lines([b"\xef\xbb", b"\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"])) == [b"a"]


def test_comments_names_and_ids_say_nothing():
    assert list(data_lines([b": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\nevent: y\n\n"])) == [b"a"]


@given(
    st.lists(st.sampled_from([b"data: a", b"data:", b"data", b": x", b"", b"a\rb", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf"]), max_size=30)
)
def test_the_pieces_do_not_matter(pieces):
    assert list(data_lines(pieces)) == list(data_lines([b"".join(pieces)]))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(sse, "MOST_BYTES", 100)


@pytest.mark.parametrize(
    "stream",
    [
        [b"data: " + b"x" * 100],
        [b"x" * 60, b"x" * 60],
        [b"data: x\n" * 20],
        [b"x"] * 101,
    ],
)
def test_an_event_without_an_end_is_malformed_before_it_fills_the_memory(short, stream):
    with pytest.raises(UpstreamFailure) as failure:
        list(data_lines(stream))
    assert failure.value.kind == "malformed"


def test_many_events_may_be_longer_than_one(short):
    assert list(data_lines([b"data: a\n\n" * 20])) == [b"a"] * 20
    assert list(data_lines([b"data: " + b"x" * 90 + b"\n", b"\n"] * 3)) == [b"x" * 90] * 3


def test_a_long_line_in_small_pieces_is_read_once():
    """Not copied with every piece, which would take minutes here."""
    pieces = [b"data: "] + [b"x" * 8] * 400_000 + [b"\n\n"]
    assert list(data_lines(pieces)) == [b"x" * 3_200_000]
