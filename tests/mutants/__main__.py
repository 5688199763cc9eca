"""`python -m tests.mutants`: takes each condition of the ledger's writes away, one at a time, and shows the check that fails for it; then
each of those that the code around them decides by.

First the stories, then random lives until one breaks. Ends with 1 where a condition could go and nobody would notice.
"""

import argparse
import sys
from multiprocessing import Pool

from tests.properties.ledger_mutants import mutants
from tests.properties.ledger_plays import broken, plays

from . import guards


def main():
    asked = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    asked.add_argument(
        "--lives", type=int, default=100, help="random lives for whatever no story breaks, and with every condition in place"
    )
    asked.add_argument("--guards", type=int, default=10, help="as many for what the code decides by")
    asked.add_argument("--write", action="store_true", help="put what was found into tests/properties/ledger_guards.tsv")
    given = asked.parse_args()
    whole = broken(plays(given.lives))
    say(f"with every condition: {len(plays(0))} stories and {given.lives} lives, {whole or 'no check fails'}\n")
    say("| write | without | is broken by | the check that fails |\n|---|---|---|---|")
    missed = 0
    with Pool() as pool:
        for mutant, found in pool.imap(tried, [(mutant, given.lives) for mutant in mutants()]):
            missed += found is None
            by, check = found or ("nothing", "none")
            say(f"| {mutant.write} | `{mutant.term}` | {by} | {check} |")
    missed += guards.tell(given.guards, say, given.write)
    sys.exit(1 if missed or whole else 0)


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tried(asked):
    mutant, lives = asked
    return mutant, broken(plays(lives), mutant.ignored)


if __name__ == "__main__":
    main()
