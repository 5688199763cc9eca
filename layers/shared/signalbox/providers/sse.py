"""Server-sent events out of bytes that come in any pieces. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Iterable, Iterator

BOM = b"\xef\xbb\xbf"


def data_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each event. Event names, ids and comments are left out: no provider's meaning hangs on them alone."""
    data: list[bytes] = []
    for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """They end in LF, CR or both, and the last one also with the stream."""
    rest, mark, after_cr = b"", BOM, False
    for piece in pieces:
        if not piece:
            continue
        if after_cr:  # that CR has ended its line already
            piece = piece.removeprefix(b"\n")
        after_cr = piece.endswith(b"\r")
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removeprefix(mark)
            mark = b""
    yield rest.removeprefix(mark)
