"""Patterns that operators write: bounded, so that no text can make one run for long."""

import re
from collections.abc import Mapping
from math import prod
from re import _parser  # type: ignore[attr-defined]  # the tree that `re` compiles; there is no public way to it
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
MOST = 20
LONGEST = 500  # characters of a pattern
WIDEST = 256  # repeats of one thing
MOST_WAYS = 1_000  # in which they can match from one place: some five seconds for a MiB that is made to take them all


class Refused(ValueError):
    """Of one pattern: it says what to write instead, and `name` is the pattern's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def own(name: str, text: str) -> re.Pattern[str]:
    """Raises ValueError, which says what to write instead."""
    return _counted(name, text)[0]


def owned(patterns: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    """As many as may stand together, where a text has no bound of its own. Raises ValueError likewise; Refused, where one is wrong."""
    if len(patterns) > MOST:
        raise ValueError(f"there are {len(patterns)} patterns; {MOST} are the most")
    counted = dict(map(_told_of, patterns.items()))
    _check(f"the patterns {', '.join(counted)}", sum(ways for _, ways in counted.values()))
    return {name: pattern for name, (pattern, _) in counted.items()}


def _told_of(row: tuple[str, str]) -> tuple[str, tuple[re.Pattern[str], int]]:
    try:
        return row[0], _counted(*row)
    except ValueError as error:
        raise Refused(row[0], str(error)) from None


def _counted(name: str, text: str) -> tuple[re.Pattern[str], int]:
    """With the ways in which it can match from one place."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name[:40]!r} cannot be a pattern's name; use small letters, digits and _")
    if len(text) > LONGEST:
        raise ValueError(f"the pattern {name} has {len(text)} characters; {LONGEST} are the most")
    try:
        pattern, tree = re.compile(text), _parser.parse(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern {name} is no regular expression: {error}") from None
    try:
        ways = _ways(tree)
    except _Boundless as found:
        raise ValueError(f"the pattern {name} {found}") from None
    _check(f"the pattern {name}", ways)
    if pattern.search(""):
        raise ValueError(f"the pattern {name} matches an empty text, and so everything")
    return pattern, ways


def _check(what: str, ways: int) -> None:
    if ways > MOST_WAYS:
        raise ValueError(f"{what} can match in {ways:,} ways from one place; let it be {MOST_WAYS:,} by narrower repeats")


class _Boundless(Exception):
    pass


def _ways(tree: Any) -> int:
    """An upper bound: what a matcher that goes back tries from one place comes to no more."""
    return prod(_ways_of(str(kind), value) for kind, value in tree)


def _ways_of(kind: str, value: Any) -> int:
    match kind:
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN" | "AT" | "CATEGORY":
            return 1
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = value
            if most is _parser.MAXREPEAT or most > WIDEST:
                raise _Boundless(f"repeats something without a bound, or more than {WIDEST} times; write {{1,64}} for + and {{0,64}} for *")
            each = _ways(inner)
            return int(most) - int(least) + 1 if each == 1 else sum(min(each**times, MOST_WAYS + 1) for times in range(least, most + 1))
        case "SUBPATTERN":
            return _ways(value[3])
        case "ATOMIC_GROUP":
            return _ways(value)
        case "BRANCH":
            return sum(_ways(branch) for branch in value[1])
        case "ASSERT" | "ASSERT_NOT":
            return _ways(value[1])
    raise _Boundless("refers back to what it matched, which can take long; write it out")
