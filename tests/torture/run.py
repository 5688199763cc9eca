"""A run: storm after storm, then what was left is waited for and spent, and what the ledger says is held against the truth."""

import json
import time
from collections.abc import Collection, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any

import boto3

from signalbox.admission.leases import ADMITS_MS, GRACE_MS
from signalbox.admission.periods import period_id
from signalbox.admission.shards import Account
from signalbox.aws import boto_accounts, outbox
from signalbox.aws.reconcile import Reconciler

from . import sweeper, worker
from .bus import Bus
from .clock import SPEED
from .storm import CREDENTIALS, LIMITS, WORKERS, Part, Site, Storm, aws
from .truth import told
from .verdict import Figures, judge
from .wire import Wire

KILLED_EACH_S = (0.2, 0.8)
HOME_S = 300
KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


class Torture:
    def __init__(self, site: Site, bus: Bus, storms: Sequence[Storm], processes: ForkServerContext) -> None:
        self._site = site
        self._bus = bus
        self._storms = storms
        self._processes = processes
        self._draw = Random(f"{site.seed}/killer")
        self._dynamodb = boto3.Session("test", "test", region_name=CREDENTIALS["AWS_REGION"]).resource(
            "dynamodb", endpoint_url=site.endpoint
        )
        self._sweeper: BaseProcess | None = None
        self._sweepers = 0
        self._troubles: list[str] = []

    def run(self) -> tuple[list[Figures], list[str]]:
        """The figures of each storm, and all that was wrong."""
        for storm in self._storms:
            self._prepare(storm)
        try:
            killed = {storm: self._storm(storm) for storm in self._storms}
            self._come_home()
            if not self._troubles:
                for storm in self._storms:
                    for who in range(WORKERS):
                        self._last(Part(storm, who, 0, last=True))
                self._come_home()
            self._reclaim()
        finally:
            if self._sweeper:
                self._sweeper.kill()
        judged = [self._judge(storm, killed[storm]) for storm in self._storms]
        return [figures for figures, _ in judged], self._troubles + [complaint for _, found in judged for complaint in found]

    def _prepare(self, storm: Storm) -> None:
        self._site.truths(storm).mkdir()
        for name in (storm.tables.control, storm.tables.ledger):
            types = [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in KEYS]
            self._dynamodb.create_table(TableName=name, KeySchema=KEYS, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
        for scope in LIMITS:
            self._dynamodb.Table(storm.tables.control).put_item(Item=storm.record(scope))

    def _storm(self, storm: Storm) -> int:
        """Until nobody has got anything for long; how many were killed."""
        lives = {who: self._live(Part(storm, who, 0)) for who in range(WORKERS)}
        counts, killed = dict.fromkeys(lives, 0), 0
        until, next_s = time.monotonic() + storm.most_s, 0.0
        while lives:
            if time.monotonic() > until:
                self._troubles.append(f"storm {storm.number} of {storm.fits} did not end by itself")
                return killed + self._end(lives.values())
            time.sleep(0.02)
            sweeping = self._keep_sweeping()
            if time.monotonic() > next_s:
                next_s = time.monotonic() + self._draw.uniform(*KILLED_EACH_S)
                self._draw.choice([*lives.values(), sweeping]).kill()
            for who, process in list(lives.items()):
                if process.is_alive():
                    continue
                process.join()
                del lives[who]
                if process.exitcode:
                    assert process.exitcode == -9, f"worker {who} failed: see {self._site.folder}/workers.log"
                    killed, counts[who] = killed + 1, counts[who] + 1
                    lives[who] = self._live(Part(storm, who, counts[who]))
        return killed

    def _end(self, lives: Collection[BaseProcess]) -> int:
        for process in lives:
            process.kill()
            process.join()
        return len(lives)

    def _live(self, part: Part) -> BaseProcess:
        return self._started(worker.live, self._site, part)

    def _last(self, part: Part) -> None:
        process = self._live(part)
        process.join(part.storm.most_s)
        if process.exitcode != 0:
            self._troubles.append(f"storm {part.storm.number} of {part.storm.fits}: {part.name} came to no end")
            self._end([process])

    def _keep_sweeping(self) -> BaseProcess:
        if self._sweeper is None or not self._sweeper.is_alive():
            self._sweepers += 1
            self._sweeper = self._started(sweeper.sweep, self._site, self._storms, self._sweepers)
        return self._sweeper

    def _started(self, what: Any, *arguments: Any) -> BaseProcess:
        process = self._processes.Process(target=what, args=arguments, daemon=True)
        process.start()
        return process

    def _come_home(self) -> None:
        """Until nothing is pending, and every lease that was left is old enough to be returned."""
        until = time.monotonic() + HOME_S
        old_s = time.monotonic() + (ADMITS_MS + GRACE_MS) / 1000 / SPEED + 1
        while time.monotonic() < old_s or any(map(self._pending, self._storms)):
            if time.monotonic() > until:
                return  # the verdict will say what is missing
            self._keep_sweeping()
            time.sleep(0.5)

    def _reclaim(self) -> None:
        """What dead workers had leased of accounts that nobody has wanted anything of since."""
        client = aws(self._site, Wire(self._site.bus))
        for storm in self._storms:
            reconciler = Reconciler(client, storm.tables, self._site.clock.now_ms)
            for account in self._accounts():
                reconciler.reclaim(account)
        client.close()

    def _accounts(self) -> list[Account]:
        return [(scope, period_id(kind, self._site.clock.now_ms())) for scope, (kind, _) in LIMITS.items()]

    def _pending(self, storm: Storm) -> int:
        table = self._dynamodb.Table(storm.tables.ledger)
        asked = {"KeyConditionExpression": "pk = :pk", "ConsistentRead": True, "Select": "COUNT"}
        return sum(table.query(ExpressionAttributeValues={":pk": pk}, **asked)["Count"] for pk in outbox.PARTITIONS)

    def _judge(self, storm: Storm, killed: int) -> tuple[Figures, list[str]]:
        ledger = self._dynamodb.Table(storm.tables.ledger)
        sights = {account[0]: boto_accounts.sight(ledger, account) for account in self._accounts()}
        lines = sorted(told(self._site.truths(storm)), key=lambda line: line["at_s"])
        events = self._bus.events[storm.tables.bus]
        (self._site.truths(storm) / "events.json").write_text(json.dumps(events))
        return judge(storm, lines, events, sights, self._pending(storm), killed)
