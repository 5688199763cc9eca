"""The way back through versions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.history import further_back

Row = dict[str, Any]


def rows(*said: str | int) -> list[Row]:
    """Oldest first: what is published, or which version is restored."""
    found: list[Row] = []
    for number, one in enumerate(said, 1):
        digest = one if isinstance(one, str) else found[one - 1]["digest"]
        found.append({"version": number, "digest": digest, "restores": None if isinstance(one, str) else one})
    return found


def back(found: list[Row]) -> int | None:
    return further_back(found[-1], reversed(found[:-1]))


WAYS: dict[str, tuple[tuple[str | int, ...], int | None]] = {
    "one back": (("a", "b"), 1),
    "and one more, not forward": (("a", "b", "c", 2), 1),
    "and there is none before the first": (("a", "b", 1), None),
    "past what was restored before": (("a", "b", "c", 2, "d", 4), 1),
    "to what a roll-back had made live, when somebody published behind it": (("a", "b", 1, "c"), 3),
    "what is published again is new, and not a way back": (("a", "b", "a"), 2),
    "over versions that say the same": (("a", "b", "b", "b"), 1),
    "from the only one": (("a",), None),
    "from one that went forward by its number": (("a", "b", 1, 2), 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_goes_back(way: str) -> None:
    said, expected = WAYS[way]
    assert back(rows(*said)) == expected


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_who_goes_back_again_and_again_comes_by_every_configuration_once_and_to_the_first(published: list[str]) -> None:
    """Oldest first, and without those that say what the one before them says: that is the whole way."""
    found = rows(*published)
    way = [digest for number, digest in enumerate(published) if not number or published[number - 1] != digest]
    for expected in reversed(way[:-1]):
        number = back(found)
        assert number is not None
        found.append({"version": len(found) + 1, "digest": found[number - 1]["digest"], "restores": number})
        assert found[-1]["digest"] == expected
    assert back(found) is None
