"""Lines of JSON out of bytes that come in any pieces. https://github.com/ndjson/ndjson-spec"""

from collections.abc import Iterable, Iterator

from ...errors import UpstreamFailure
from .sse import MOST_BYTES


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each that is not blank, the last one also where only the stream ends it. What has no end yet is kept in pieces.

    Raises UpstreamFailure (malformed) where one is longer than any would be.
    """
    rest: list[bytes] = []
    size = 0
    for piece in pieces:
        first, *more = piece.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > MOST_BYTES:
            raise UpstreamFailure("malformed", f"a line of more than {MOST_BYTES} bytes")
        if more:
            yield from (line for line in (b"".join(rest), *more[:-1]) if line.strip())
            rest, size = [more[-1]], len(more[-1])
    line = b"".join(rest)
    if line.strip():
        yield line
