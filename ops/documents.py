"""Documents that commands read and write. What is there is never lost: a new one takes nobody's place unless that is said."""

import sys
from pathlib import Path

from .trouble import Trouble

STDIN = Path("-")


def read(path: Path) -> str:
    """As it was written; `-` is the standard input."""
    try:
        text = sys.stdin.read() if path == STDIN else path.read_bytes().decode()
        text.encode()  # what is no UTF-8 comes out of the standard input as halves of signs
        return text
    except UnicodeError as error:
        raise Trouble(f"{'the standard input' if path == STDIN else path} is not UTF-8: store it as that") from error
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror or error}") from error


def write_new(path: Path, text: str, *, force: bool = False) -> None:
    try:
        with path.open("wb" if force else "xb") as file:
            file.write(text.encode())
    except FileExistsError as error:
        raise Trouble(f"{path} is there already, and stays as it is; --force writes over it, or name another") from error
    except OSError as error:
        raise Trouble(f"{path} cannot be written: {error.strerror or error}") from error
