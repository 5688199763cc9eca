"""What the code decides by itself, around the ledger's writes, is not there in vain either: without it the play that is known breaks.

`make mutants-ledger WRITE=--write` finds the plays, and puts them into ledger_guards.tsv.
"""

import pytest

from .ledger_guards import guards, known, without
from .ledger_plays import broken, plays

LIVES = 10
GUARDS = guards()
KNOWN = known()


@pytest.mark.parametrize(("module", "function"), dict.fromkeys((guard.module, guard.function) for guard in GUARDS))
def test_without_a_condition_of_the_code_the_ledger_breaks(module, function):
    """One that nobody knows yet has to be found by the stories and a few lives; else say in the table why it is harmless."""
    for guard in GUARDS:
        what = KNOWN.get(guard.row)
        if (guard.module, guard.function) == (module, function) and (what is None or what.breaks):
            with without(guard):
                assert broken([what.by] if what else plays(LIVES)), f"nothing breaks without {guard.row}"


def test_each_condition_is_told_from_every_other():
    rows = [guard.row for guard in GUARDS]
    assert len(rows) == len(set(rows)) > 150
    assert len(KNOWN.keys() & rows) > 150, "ledger_guards.tsv is of other code: make mutants-ledger WRITE=--write"
