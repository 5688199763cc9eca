"""Amazon's event streams out of bytes that come in any pieces. https://smithy.io/2.0/aws/amazon-eventstream.html

A message is its length, that of its headers, the CRC of these two, the headers, the payload, and the CRC of all before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from zlib import crc32

from ...errors import UpstreamFailure

PRELUDE = Struct("!III")
CRC = Struct("!I")
LEAST_BYTES = PRELUDE.size + CRC.size
MOST_BYTES = 24 * 1024 * 1024  # what is longer is not waited for
MOST_HEADER_BYTES = 128 * 1024
STRING, BYTES = 7, 6
SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of the other types; true and false have no value
LENGTH = Struct("!H")

Message = tuple[Mapping[str, str], bytes]


def messages(pieces: Iterable[bytes]) -> Iterator[Message]:
    """The headers that are text, and the payload, of each message. A stream that ends within one was cut."""
    rest = b""
    for piece in pieces:
        rest = rest + piece if rest else piece
        at, size = 0, len(rest)
        while size - at >= PRELUDE.size:
            length, header_bytes = _prelude(rest, at)
            if size - at < length:
                break
            yield _message(rest[at : at + length], header_bytes)
            at += length
        rest = rest[at:]
    if rest:
        raise UpstreamFailure("cut", "the stream ended within a message")


def _prelude(data: bytes, at: int) -> tuple[int, int]:
    length, header_bytes, crc = PRELUDE.unpack_from(data, at)
    if crc32(data[at : at + 8]) != crc:
        raise UpstreamFailure("malformed", "the CRC of a prelude is wrong")
    if header_bytes > MOST_HEADER_BYTES or not LEAST_BYTES + header_bytes <= length <= MOST_BYTES:
        raise UpstreamFailure("malformed", "the lengths in a prelude cannot be")
    return length, header_bytes


def _message(data: bytes, header_bytes: int) -> Message:
    if crc32(data[:-4]) != CRC.unpack_from(data, len(data) - 4)[0]:
        raise UpstreamFailure("malformed", "the CRC of a message is wrong")
    return _headers(data[12 : 12 + header_bytes]), data[12 + header_bytes : -4]


@lru_cache(maxsize=64)
def _headers(data: bytes) -> Mapping[str, str]:
    """Most messages of a stream have the same."""
    found, at = {}, 0
    try:
        while at < len(data):
            name, at = _counted(data, at + 1, data[at])
            kind, at = data[at], at + 1
            if kind in (STRING, BYTES):
                value, at = _counted(data, at + 2, LENGTH.unpack_from(data, at)[0])
                if kind == STRING:
                    found[name.decode()] = value.decode()
            else:
                _, at = _counted(data, at, SIZES[kind])
    except (LookupError, ValueError, StructError) as error:
        raise UpstreamFailure("malformed", "the headers of a message cannot be read") from error
    return found


def _counted(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise ValueError("a header is longer than all of them")
    return data[at : at + size], at + size
