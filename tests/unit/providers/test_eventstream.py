"""Event streams, held against Amazon's own reading of them."""

import struct
from itertools import pairwise
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import UpstreamFailure
from signalbox.providers.formats.eventstream import MOST_BYTES, messages

# A value of each type there is: https://smithy.io/2.0/aws/amazon-eventstream.html#headers
VALUES = st.one_of(
    st.sampled_from([b"\x00", b"\x01"]),
    st.integers(-128, 127).map(lambda value: b"\x02" + struct.pack("!b", value)),
    st.integers(-(2**15), 2**15 - 1).map(lambda value: b"\x03" + struct.pack("!h", value)),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: b"\x04" + struct.pack("!i", value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: b"\x05" + struct.pack("!q", value)),
    st.binary(max_size=20).map(lambda value: b"\x06" + struct.pack("!H", len(value)) + value),
    st.text(max_size=20).map(lambda value: b"\x07" + struct.pack("!H", len(value.encode())) + value.encode()),
    st.integers(0, 2**40).map(lambda value: b"\x08" + struct.pack("!q", value)),
    st.uuids().map(lambda value: b"\x09" + value.bytes),
)
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\x00"), min_size=1, max_size=10)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=4)


def framed(headers, payload):
    written = b"".join(struct.pack("!B", len(name)) + name.encode() + value for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(written) + len(payload), len(written))
    message = prelude + struct.pack("!I", crc32(prelude)) + written + payload
    return message + struct.pack("!I", crc32(message))


def text(value):
    return b"\x07" + struct.pack("!H", len(value)) + value.encode()


def amazons(stream):
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    return [({name: value for name, value in event.headers.items() if isinstance(value, str)}, event.payload) for event in buffer]


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=60)), max_size=4), st.data())
def test_it_is_read_as_amazon_reads_it_wherever_it_is_cut(events, data):
    stream = b"".join(framed(headers, payload) for headers, payload in events)
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=9))), len(stream)]
    read = list(messages(stream[a:b] for a, b in pairwise(edges)))
    assert read == list(messages(stream[at : at + 1] for at in range(len(stream)))) == amazons(stream)
    assert len(read) == len(events)


ONE = framed({":message-type": text("event"), ":event-type": text("ping")}, b'{"a":1}')


@pytest.mark.parametrize("at", range(len(ONE)))
def test_a_wrong_bit_anywhere_is_seen(at):
    wrong = bytearray(ONE)
    wrong[at] ^= 1
    with pytest.raises(UpstreamFailure) as failure:
        list(messages([bytes(wrong)]))
    assert failure.value.kind == "malformed"


@pytest.mark.parametrize("size", range(1, len(ONE)))
def test_half_a_message_is_a_cut_stream(size):
    with pytest.raises(UpstreamFailure) as failure:
        list(messages([ONE, ONE[:size]]))
    assert failure.value.kind == "cut"


def sealed(length, header_bytes, rest=b""):
    prelude = struct.pack("!II", length, header_bytes)
    message = prelude + struct.pack("!I", crc32(prelude)) + rest
    return message + struct.pack("!I", crc32(message))


@pytest.mark.parametrize(
    "stream",
    [
        sealed(15, 0),
        sealed(0, 0),
        sealed(MOST_BYTES + 1, 0),
        sealed(20, 5, b"\0\0\0\0"),
        sealed(2**20, 2**18),
        sealed(19, 3, b"\x09ab"),  # a name longer than all the headers
        sealed(18, 2, b"\x01a"),  # no type
        sealed(19, 3, b"\x01a\x0a"),  # no such type
        sealed(20, 4, b"\x01a\x07\x00"),  # half a length
        sealed(22, 6, b"\x01a\x07\x00\x09b"),  # a text that is not all there
        sealed(22, 6, b"\x01a\x07\x00\x01\xff"),  # no UTF-8
        sealed(21, 5, b"\x01\xff\x07\x00\x00"),
    ],
)
def test_lengths_and_headers_that_cannot_be_are_not_waited_for(stream):
    with pytest.raises(UpstreamFailure) as failure:
        list(messages([stream]))
    assert failure.value.kind == "malformed"


@given(st.binary(min_size=1))
def test_garbage_never_gets_past(stream):
    with pytest.raises(UpstreamFailure):
        list(messages([stream]))
