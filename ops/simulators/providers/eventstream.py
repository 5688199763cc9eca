"""One message of application/vnd.amazon.eventstream: a prelude with its checksum, headers, the payload, and a checksum of it all.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html (event stream encoding)
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib
from collections.abc import Mapping

STREAM_TYPE = "application/vnd.amazon.eventstream"
A_STRING = 7  # the type of a header's value
PRELUDE_BYTES, CHECKSUM_BYTES = 12, 4


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    size = PRELUDE_BYTES + len(head) + len(payload) + CHECKSUM_BYTES
    prelude = struct.pack("!II", size, len(head))
    begun = prelude + _checksum(prelude) + head + payload
    return begun + _checksum(begun)


def event(kind: str, payload: bytes) -> bytes:
    return message({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """The provider's own error, after the head: the last message of its stream."""
    return message({":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload)


def garbled(data: bytes) -> bytes:
    """Of the size it says, with a payload that is not what its checksum says."""
    spoilt = len(data) - CHECKSUM_BYTES - 1
    return data[:spoilt] + bytes([data[spoilt] ^ 0xFF]) + data[spoilt + 1 :]


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", A_STRING, len(value)) + value


def _checksum(data: bytes) -> bytes:
    return struct.pack("!I", zlib.crc32(data))
