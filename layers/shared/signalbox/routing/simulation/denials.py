"""Whom a draft refuses, and whom it admits: counts, however many there are."""

from collections import Counter
from typing import Any

from .supposed import NOTHING, Interval

Json = dict[str, Any]


class Denials:
    """Those that the draft refuses; `new` are those of them that were served, `admitted` those that were refused and are served by it.
    Where a capability alone says so, it is not sure.
    """

    def __init__(self) -> None:
        self._recorded = self._admitted = 0
        self._all, self._new = NOTHING, NOTHING
        self._by_code: Counter[str] = Counter()

    def add(self, then: str, now: str, unsure: bool) -> None:
        self._recorded += bool(then)
        self._admitted += bool(then and not now)
        if not now and not unsure:
            return
        case = Interval(int(not unsure), int(bool(now)), 1)
        self._all += case
        if not then:
            self._new += case
        if now:
            self._by_code[now] += 1

    def result(self) -> Json:
        counts = {"recorded": self._recorded, **self._all._asdict(), "new": self._new._asdict(), "admitted": self._admitted}
        return counts | {"by_code": dict(sorted(self._by_code.items()))}
