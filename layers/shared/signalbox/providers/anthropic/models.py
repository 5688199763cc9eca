"""What each generation of Claude takes, wherever it is served. https://platform.claude.com/docs/en/about-claude/models/overview"""

import re
from functools import lru_cache
from typing import NamedTuple

LOW_TO_HIGH = ("low", "medium", "high")


class Claude(NamedTuple):
    """`samples`: it takes temperature, top_p and top_k; `one_of`: of the first two only one. `adapts`: it thinks as much as it finds right,
    by an effort; `budgets`: it thinks as many tokens as it is told. `thinks`: also when nobody asks; `rests`: it need not. `efforts`: of
    output_config. `schemas`: it can be held to a JSON schema.
    """

    samples: bool = True
    one_of: bool = True
    adapts: bool = False
    budgets: bool = True
    thinks: bool = False
    rests: bool = True
    efforts: tuple[str, ...] = ()
    schemas: bool = True


# From which version on. https://platform.claude.com/docs/en/build-with-claude/thinking https://platform.claude.com/docs/en/build-with-claude/effort
GENERATIONS: tuple[tuple[tuple[int, int], Claude], ...] = (
    ((5, 0), Claude(samples=False, adapts=True, budgets=False, thinks=True, efforts=(*LOW_TO_HIGH, "xhigh", "max"))),
    ((4, 7), Claude(samples=False, adapts=True, budgets=False, efforts=(*LOW_TO_HIGH, "xhigh", "max"))),
    ((4, 6), Claude(adapts=True, efforts=(*LOW_TO_HIGH, "max"))),
    ((4, 5), Claude()),
    ((4, 1), Claude(schemas=False)),
    ((0, 0), Claude(one_of=False, schemas=False)),
)
WITH_EFFORT = {("opus", (4, 5)): LOW_TO_HIGH}  # before all had it
# Those that cannot be told not to think, from this version on.
RESTLESS = {"fable": (0, 0), "mythos": (0, 0), "opus": (5, 5), "sonnet": (5, 5)}
PREVIEWS = ("fable", "mythos")  # have come without a number too, and none of them is older than 5

# claude-sonnet-4-5-20250929, us.anthropic.claude-opus-4-5-20251101-v1:0, claude-haiku-4-5@20251001, claude-3-7-sonnet-20250219
NAME = re.compile(r"claude-(?:([a-z]+)-)?(?:(\d+)(?:[-.](\d{1,2}))?(?!\d))?(?:-([a-z]+))?", re.I)
UNKNOWN = ("", (4, 5))


@lru_cache(maxsize=256)
def claude(model: str) -> Claude:
    """By its name; where that shows no version, as one of 4.5: what these take most others do."""
    family, version = _named(model)
    row = next(row for since, row in GENERATIONS if version >= since)
    return row._replace(
        efforts=WITH_EFFORT.get((family, version), row.efforts),
        rests=not (family in RESTLESS and version >= RESTLESS[family]),
    )


def _named(model: str) -> tuple[str, tuple[int, int]]:
    found = NAME.search(model)
    if not found:
        return UNKNOWN
    family = (found[1] or found[4] or "").lower()
    if found[2]:
        return family, (int(found[2]), int(found[3] or 0))
    return (family, (5, 0)) if family in PREVIEWS else UNKNOWN
