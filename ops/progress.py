"""How far a long command is: one line on stderr that moves, where somebody looks at it."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

WIDTH = 30

Item = TypeVar("Item")


def shown(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Gives the items on. Nothing is drawn where stderr is no terminal, so that logs stay as they are."""
    if not sys.stderr.isatty():
        yield from items
        return
    percent = -1
    for done, item in enumerate(items):
        if percent != (percent := 100 * done // max(total, 1)):
            _draw(what, percent)
        yield item
    _draw(what, 100, "\n")


def _draw(what: str, percent: int, end: str = "") -> None:
    bar = ("#" * (WIDTH * percent // 100)).ljust(WIDTH, ".")
    print(f"\r{what} [{bar}] {percent:3} %", end=end, file=sys.stderr, flush=True)
