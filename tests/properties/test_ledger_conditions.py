"""No condition of the ledger's writes is there in vain: without it, the story that docs/ledger.md names breaks the invariant; with all of
them, none does.

`make mutants-ledger` finds the stories, and plays random lives besides.
"""

import re
from pathlib import Path

import pytest

from . import ledger_plays
from .ledger_mutants import live, mutants

LIVES = 12
DOC = Path(__file__).parents[2] / "docs" / "ledger.md"
STORIES = {story.__name__: story for story in ledger_plays.STORIES}
ROWS = {
    (write, term): story.replace(" ", "_") for write, term, story in re.findall(r"^\| (.+?) \| `(.+?)` \| (.+?) \|", DOC.read_text(), re.M)
}
DEFINITION = ("SET #budgets.#kind = :row", "#budgets.#kind.#version = :seen")  # the operators' own write, beside the ledger's


@pytest.mark.parametrize("name", STORIES)
def test_with_every_condition_no_story_breaks_the_ledger_and_every_condition_is_known(name):
    world = STORIES[name](())
    world.end()
    known = {(mutant.place, update, mutant.condition) for mutant in mutants() for update in mutant.updates}
    assert {sent for sent in world.cloud.seen if sent[1:] != DEFINITION} <= known


def test_with_every_condition_no_life_breaks_the_ledger():
    for number in range(LIVES):
        live(number)


@pytest.mark.parametrize("mutant", mutants(), ids=[f"{mutant.write}: {mutant.term}" for mutant in mutants()])
def test_without_a_condition_its_story_breaks_the_ledger(mutant):
    with pytest.raises(AssertionError):
        STORIES[ROWS[mutant.write, mutant.term]](mutant.ignored).end()


def test_the_document_names_every_condition_and_no_other():
    assert sorted(ROWS) == sorted((mutant.write, mutant.term) for mutant in mutants())
