"""The snapshot that a container goes by, where the newest one cannot be had: it comes over a wire that may break, and from any release."""

from collections.abc import Mapping
from typing import Any

import pytest

from signalbox.aws.client import Rejected
from signalbox.aws.live import ASK_AGAIN_S, Live
from signalbox.errors import Refusal

EMPTY: dict[str, Any] = {"providers": {}, "targets": {}, "routes": {}, "names": {}}
ROUTE = {"name": "chat", "targets": ["a/m"], "strategy": "sequential", "timeouts": {}, "max_attempts": 1}
LATER = EMPTY | {"routes": {"chat": ROUTE | {"of_a_later_release": 1}}}


class Store:
    """The bucket: what is stored by digest. What is not there is rejected, as S3 does it."""

    def __init__(self, **stored: Mapping[str, Any]) -> None:
        self.stored: dict[str, Mapping[str, Any]] = stored
        self.asked = 0

    def call(self, call: Any, **_: Any) -> Any:
        self.asked += 1
        digest = call.payload["Key"].removeprefix("snapshots/").removesuffix(".json.gz")
        if digest not in self.stored:
            raise Rejected("NoSuchKey", "there is no such key")
        return self.stored[digest]


class Wall:
    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


def pointer(digest: str, version: int = 1) -> dict[str, Any]:
    return {"digest": digest, "version": version}


@pytest.mark.parametrize("newest", ["missing", "later"])
def test_what_cannot_be_read_leaves_the_last_one_and_is_asked_for_again_in_a_while(newest: str) -> None:
    store, wall = Store(first=EMPTY, later=LATER), Wall()
    live = Live(store, "bucket", wall)  # type: ignore[arg-type]
    assert live.snapshot(pointer("first")).version == 1
    for _ in range(3):
        assert live.snapshot(pointer(newest, 2)).digest == "first"
    assert store.asked == 2
    wall.s += ASK_AGAIN_S
    assert live.snapshot(pointer(newest, 2)).digest == "first"
    assert store.asked == 3
    store.stored[newest] = EMPTY
    wall.s -= 3_600  # whatever the clock says meanwhile
    assert live.snapshot(pointer(newest, 2)).version == 2


@pytest.mark.parametrize("newest", ["missing", "later"])
def test_a_container_that_has_none_says_so(newest: str) -> None:
    with pytest.raises(Refusal) as refusal:
        Live(Store(later=LATER), "bucket").snapshot(pointer(newest))  # type: ignore[arg-type]
    assert (refusal.value.code, refusal.value.retry_after_s) == ("no_route", 1)
