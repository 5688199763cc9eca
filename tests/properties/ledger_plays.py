"""What the ledger is held against without one of its conditions: the stories in order, then what decides by itself, then random lives."""

import signal
from collections.abc import Iterable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from itertools import chain

from _pytest.outcomes import Failed

from tests.unit.admission import test_admitting, test_covers, test_leases, test_shards

from . import ledger_stories, ledger_stories_admission, ledger_stories_waves, test_windows
from .ledger_mutants import live

STORIES = (*ledger_stories.STORIES, *ledger_stories_admission.STORIES, *ledger_stories_waves.STORIES)
DECISIONS = {
    name.removeprefix("test_").replace("_", " "): test
    for room in (test_admitting, test_shards, test_leases, test_covers, test_windows)
    for name, test in vars(room).items()
    if name.startswith("test_")
}
MOST_CPU_S = 5  # for one play: a loop may have lost what ends it


def plays(lives):
    """By name, as `docs/ledger.md` has them."""
    return [*(story.__name__.replace("_", " ") for story in STORIES), *DECISIONS, *(f"life {number}" for number in range(lives))]


def play(name, ignored=()):
    """Raises what the checks find."""
    if name.startswith("life "):
        return live(int(name.removeprefix("life ")), ignored)
    if name in DECISIONS:
        return decided(DECISIONS[name])
    [story] = [story for story in STORIES if story.__name__ == name.replace(" ", "_")]
    return story(ignored).end()


def decided(test):
    """A unit test of what the code decides: anything that it raises is its check."""
    tables = [mark.args[1] for mark in getattr(test, "pytestmark", ())] or [[()]]
    try:
        for row in chain(*tables):
            test(*row)
    except (Exception, Failed) as error:
        raise AssertionError("another is decided") from error


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
