"""What is fought over: budgets of several scopes for which so many requests want money, and what each worker has to know of it."""

from pathlib import Path
from typing import Any, NamedTuple

from signalbox.admission.keys import Caller
from signalbox.aws.client import Aws
from signalbox.aws.tables import Tables

from .clock import Clock

WORKERS = 8
BOUND = 1_234_567  # nano-dollars: the most that a request may cost
FLOOR = BOUND // 50  # the least that it can be cut down to
MEAN = BOUND * 3 // 8  # bounds are drawn between half and all of it, costs between nothing and the bound
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
# scope: its period, and its limit as a share of what the requests of the storm cost; together all of them want more than the tenant has
LIMITS = {f"key#k{number}": ("total", 0.4) for number in range(4)} | {
    "team#t/a": ("month", 0.6),
    "team#t/b": ("month", 0.6),
    "tenant#t": ("day", 1.0),
    "global#*": ("week", 1.5),
}
TIGHTEST = "tenant#t"


class Storm(NamedTuple):
    """`fits` requests of the mean cost are what the tenant's budget is for. `dies` is how often a worker dies at one of its calls."""

    number: int
    fits: int
    dies: float

    @property
    def tables(self) -> Tables:
        return Tables(f"control-{self.number}", f"ledger-{self.number}", f"bus-{self.number}")

    @property
    def most_s(self) -> float:
        """How long it may last, on a machine that is busy with more than this: a ledger that refuses nobody is found out, too."""
        return 600 + self.fits / 4

    def limit(self, scope: str) -> int:
        return int(self.fits * MEAN * LIMITS[scope][1])

    def record(self, scope: str) -> dict[str, Any]:
        kind, _ = LIMITS[scope]
        budgets = {kind: {"limit_nanousd": self.limit(scope), "hard": True, "version": 1}}
        return {"pk": scope, "sk": "scope", "budgets": budgets}


class Site(NamedTuple):
    """Where it takes place. `bus` is the address of the events' bus, and of the office that delivers what is late."""

    endpoint: str
    bus: str
    folder: Path
    clock: Clock
    seed: int

    def environment(self) -> dict[str, str]:
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.endpoint}

    def truths(self, storm: Storm) -> Path:
        return self.folder / f"truth-{storm.number}"


class Part(NamedTuple):
    """Of one life of one worker. `last`: when all is over, and nothing goes wrong any more."""

    storm: Storm
    who: int
    life: int
    last: bool = False

    @property
    def name(self) -> str:
        return f"{'last' if self.last else 'life'}-{self.who}-{self.life}"

    @property
    def caller(self) -> Caller:
        return Caller(f"k{self.who % 4}", "t", "ab"[self.who % 2], minted=False)

    @property
    def scopes(self) -> tuple[str, ...]:
        return f"key#{self.caller.key_id}", f"team#t/{self.caller.team}", TIGHTEST, "global#*"


def aws(site: Site, pool: Any) -> Aws:
    return Aws(site.environment(), pool=pool)
