"""What the ledger is held against without one of its conditions: the stories in order, then random lives, until a check fails."""

import signal
from collections.abc import Iterable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO

from .ledger_mutants import live
from .ledger_stories import STORIES

MOST_CPU_S = 5  # for one play: a loop may have lost what ends it


def plays(lives):
    """By name, as `docs/ledger.md` has them."""
    return [*(story.__name__.replace("_", " ") for story in STORIES), *(f"life {number}" for number in range(lives))]


def play(name, ignored=()):
    """Raises what the checks find."""
    if name.startswith("life "):
        return live(int(name.removeprefix("life ")), ignored)
    [story] = [story for story in STORIES if story.__name__ == name.replace(" ", "_")]
    return story(ignored).end()


def broken(names: Iterable[str], ignored=()):
    """By which of them, and the check that failed; None where none did. Anything but a check that fails is an error here too."""
    for name in names:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            try:
                with _ends():
                    play(name, ignored)
            except AssertionError as error:
                return name, str(error).partition("\n")[0]
    return None


@contextmanager
def _ends():
    def late(*_):
        raise AssertionError("it comes to no end")

    signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
