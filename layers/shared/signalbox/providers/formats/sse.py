"""Server-sent events out of bytes that come in any pieces. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Iterable, Iterator

from ...errors import UpstreamFailure

BOM = b"\xef\xbb\xbf"
MOST_BYTES = 4 * 1024 * 1024  # of an event: an image or a log probability for each token is long, and what never ends is no event


def data_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each event. Event names, ids and comments are left out: no provider's meaning hangs on them alone.

    Raises UpstreamFailure (malformed) where an event is longer than any would be.
    """
    data: list[bytes] = []
    size = 0
    for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
            size += len(line)
            if size > MOST_BYTES:
                raise _too_long()
        elif not line and data:
            yield data[0] if len(data) == 1 else b"\n".join(data)
            data, size = [], 0
    if data:
        yield b"\n".join(data)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """They end in LF, CR or both, and the last one also with the stream. What has no end yet is kept in pieces: a string grown by each
    would be copied by each."""
    rest: list[bytes] = []
    size, mark, after_cr = 0, BOM, False
    for piece in pieces:
        if not piece:
            continue
        if after_cr:  # that CR has ended its line already
            piece = piece.removeprefix(b"\n")
        after_cr = piece.endswith(b"\r")
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *lines = piece.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > MOST_BYTES:
            raise _too_long()
        if not lines:
            continue
        yield b"".join(rest).removeprefix(mark)
        mark = b""
        yield from lines[:-1]
        rest, size = [lines[-1]], len(lines[-1])
    yield b"".join(rest).removeprefix(mark)


def _too_long() -> UpstreamFailure:
    return UpstreamFailure("malformed", f"an event of more than {MOST_BYTES} bytes")
