"""`python -m tests.mutants`: takes each condition of the ledger's writes away, one at a time, and shows the check that fails for it.

First the stories, then random lives until one breaks. Ends with 1 where a condition could go and nobody would notice.
"""

import argparse
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from multiprocessing import Pool

from tests.properties.ledger_mutants import live, mutants
from tests.properties.ledger_stories import STORIES


def main():
    asked = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    asked.add_argument(
        "--lives", type=int, default=100, help="random lives for whatever no story breaks, and with every condition in place"
    )
    lives = asked.parse_args().lives
    whole = broken(None, lives)
    say(f"with every condition: {len(STORIES)} stories and {lives} lives, {whole or 'no check fails'}\n")
    say("| write | without | is broken by | the check that fails |\n|---|---|---|---|")
    missed = 0
    with Pool() as pool:
        for mutant, found in pool.imap(tried, [(mutant, lives) for mutant in mutants()]):
            missed += found is None
            by, check = found or ("nothing", "none")
            say(f"| {mutant.write} | `{mutant.term}` | {by} | {check} |")
    sys.exit(1 if missed or whole else 0)


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tried(asked):
    mutant, lives = asked
    return mutant, broken(mutant, lives)


def broken(mutant, lives):
    """By what, and the check that failed; None where nothing did."""
    ignored = mutant.ignored if mutant else ()
    plays = [(story.__name__.replace("_", " "), lambda story=story: story(ignored).end()) for story in STORIES]
    plays += [(f"life {number}", lambda number=number: live(number, ignored)) for number in range(lives)]
    for name, play in plays:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            try:
                play()
            except (AssertionError, KeyError) as error:
                return name, str(error).partition("\n")[0]
    return None


if __name__ == "__main__":
    main()
