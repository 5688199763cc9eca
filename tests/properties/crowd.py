"""A crowd of containers with clocks a second apart, between whose writes others write: what the worlds of limits have in common."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hypothesis import strategies as st

from .fake_aws import FakeCloud, Pool

SKEWS_MS = (0, 1_000, -1_000, 500)
STEPS_MS = (50, 600, 1_000, 3_000, 20_000, 61_000)
MINUTE_MS, LASTS_MS = 60_000, 20_000


@dataclass
class Container:
    """`limiter` is what is tried of it."""

    skew_ms: int
    limiter: object = None
    pool: Pool | None = None
    under_way: list = field(default_factory=list)
    is_busy: bool = False


class Crowd:
    """A world says when it begins, what a container limits by, what an act does (`_<what>`), and what is always and in the end so."""

    START_MS: ClassVar[int]

    def __init__(self, ignored=()):
        self.cloud = FakeCloud(ignored)
        self.now_ms = self.START_MS
        self.depth = 0
        self.asked = []  # whoever was let in
        self.containers = [Container(skew_ms) for skew_ms in SKEWS_MS]
        for container in self.containers:
            self.start(container)

    def start(self, container):
        container.pool = Pool(self.cloud)
        container.limiter = self.limiter(container.pool, lambda: (self.now_ms + container.skew_ms) / 1000)
        container.under_way = []

    def act(self, act):
        container = self.containers[act.who]
        if container.is_busy or self.depth > 2:
            return
        self.depth += 1
        container.is_busy = True
        container.pool.meddle = self._meddler(act)
        try:
            getattr(self, f"_{act.what}")(act, container)
        finally:
            container.is_busy = False
            self.depth -= 1
        self.check()

    def _meddler(self, act):
        number, meanwhile, faults = iter(range(10_000)), dict(act.meanwhile), dict(act.faults)

        def meddle(_action, _payload):
            call = next(number)
            if call in meanwhile:
                self.act(meanwhile[call])
            return faults.get(call)

        return meddle

    def _crash(self, _act, container):
        for one in container.under_way:
            one.is_over = True  # with its container; what it took stays taken
        self.start(container)

    def _advance(self, act, _container):
        self.now_ms += STEPS_MS[act.times % len(STEPS_MS)]
        for one in self.asked:
            one.is_over = one.is_over or one.until_ms <= self.now_ms


def acts(plain, faults=()):
    """Each befallen by faults, with others in between, and others between those."""

    def between(inner):
        return st.builds(
            lambda act, faults, meanwhile: type(act)(**vars(act) | {"faults": tuple(faults), "meanwhile": tuple(meanwhile)}),
            plain,
            st.lists(st.tuples(calls, st.sampled_from(faults)), max_size=2) if faults else st.just(()),
            st.lists(st.tuples(calls, inner), max_size=3),
        )

    calls = st.integers(0, 4)
    return st.lists(between(between(plain)), min_size=3, max_size=25)


def played(world, acts):
    for act in acts:
        world.act(act)
    world.end()
    return world


def breaks_without(condition, world, story):
    """What each container knows is old when it writes; with all conditions the same story is well."""
    for ignored in ((), (condition,)):
        crowd = world(ignored)
        with pytest.raises(AssertionError) if ignored else nullcontext():
            for act in story:
                crowd.act(act)
