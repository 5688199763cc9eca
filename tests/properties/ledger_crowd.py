"""Many containers at one small budget at once: threads that take turns by a virtual clock, so that a crowd is the same each time.

Each call takes some milliseconds; a transaction holds its items meanwhile, and refuses whoever else writes them, as DynamoDB does; a query
reads item by item, and so may see a transaction half done.
"""

import heapq
import json
import random
import threading
from collections import Counter

from signalbox.aws.client import Aws
from signalbox.aws.dynamodb import to_values
from signalbox.aws.ledger import Desk
from signalbox.errors import Refusal

from .fake_aws import ENVIRONMENT, Failure, FakeCloud, _key
from .ledger_world import CALLER, START_MS, TABLES

SCOPE = "tenant#t"
CONFLICT = "TransactionConflict"


class Clock:
    """Whoever waits is asleep until then; one is awake at a time."""

    def __init__(self, draw):
        self.now_s, self.draw = START_MS / 1_000, draw
        self._due, self._count = [], 0
        self._scheduler, self._own = threading.Semaphore(0), threading.local()

    def begin(self, work):
        gate = threading.Semaphore(0)

        def run():
            self._own.gate = gate
            gate.acquire()
            try:
                work()
            finally:
                self._scheduler.release()

        threading.Thread(target=run, daemon=True).start()
        self._wake(gate, self.draw.uniform(0, 0.02))

    def wait(self, wait_s):
        self._wake(self._own.gate, max(0.0, wait_s))
        self._scheduler.release()
        self._own.gate.acquire()

    def run(self):
        while self._due:
            self.now_s, _, gate = heapq.heappop(self._due)
            gate.release()
            self._scheduler.acquire()

    def _wake(self, gate, wait_s):
        self._count += 1
        heapq.heappush(self._due, (self.now_s + wait_s, self._count, gate))


class Pool:
    """Of one container, at a cloud that others use too."""

    def __init__(self, cloud, clock, busy):
        self.cloud, self.clock, self.busy = cloud, clock, busy

    def send(self, request, timeout_s):
        return Exchange(self, request.headers["x-amz-target"].partition(".")[2], json.loads(request.body))

    def close(self):
        pass

    def answer(self, action, payload):
        parts = [next(iter(part.values())) for part in payload.get("TransactItems", ())]
        places = [(part["TableName"], *_key(part)) for part in parts]
        if parts:
            if self.busy & {*places}:
                reasons = [{"Code": CONFLICT if place in self.busy else "None"} for place in places]
                return 400, Failure("TransactionCanceledException", CancellationReasons=reasons).body
            self.busy |= {*places}
            self.clock.wait(self.clock.draw.uniform(0.003, 0.008))
            self.busy -= {*places}
        elif "Item" in action and "Key" in payload and (payload["TableName"], *_key(payload)) in self.busy:
            return 400, Failure("TransactionConflictException").body
        status, body = self.cloud.answer(action, payload)
        if action == "Query":
            body = {"Items": [self._read(payload["TableName"], item) for item in body["Items"]]}
        return status, body

    def _read(self, table, item):
        self.clock.wait(self.clock.draw.uniform(0, 0.001))
        return to_values(self.cloud.items(table)[item["pk"]["S"], item["sk"]["S"]])


class Exchange:
    def __init__(self, pool, action, payload):
        self._pool, self._asked = pool, (action, payload)
        self._due_s = pool.clock.now_s + pool.clock.draw.uniform(0.002, 0.008)

    def head(self, timeout_s):
        self._pool.clock.wait(self._due_s - self._pool.clock.now_s)
        status, self._body = self._pool.answer(*self._asked)
        return status

    def read(self, timeout_s):
        return json.dumps(self._body).encode()


def crowd(*, containers, requests, limit, floor_percent, seed):
    """What came of so many requests, by refusal's code; and the cloud they were made at."""
    clock, cloud, busy, came = Clock(random.Random(seed)), FakeCloud(), set(), Counter()
    row = {"limit_nanousd": limit, "hard": True, "version": 1}
    cloud.items("control")[SCOPE, "scope"] = {"pk": SCOPE, "sk": "scope", "budgets": {"total": row}}
    left = list(range(requests))

    def work(number):
        aws = Aws(ENVIRONMENT, pool=Pool(cloud, clock, busy), sleep=clock.wait, draw=clock.draw.random)
        desk = Desk(aws, TABLES, wall=lambda: clock.now_s, ticks=lambda: clock.now_s, container=f"{number * 7919 % 2**48:012x}")
        while left:
            id, bound = f"r{left.pop()}", clock.draw.randint(500, 2_000)
            floor, deadline_ms = bound * floor_percent // 100, int(clock.now_s * 1_000) + 60_000
            try:
                hold = desk.admit(CALLER, [SCOPE], request_id=id, bound_nanousd=bound, floor_nanousd=floor, deadline_ms=deadline_ms)
            except Refusal as refusal:
                came[refusal.code] += 1
                desk.record({"id": id})
                clock.wait(clock.draw.uniform(0.01, 0.1))
                continue
            came["admitted"] += 1
            desk.open(hold, "target", {"id": id})
            hold.opened()
            clock.wait(clock.draw.uniform(0.05, 0.3))
            desk.settle(hold, hold.granted_nanousd * clock.draw.randint(10, 50) // 100, {"id": id})

    for number in range(containers):
        clock.begin(lambda number=number: work(number))
    clock.run()
    return came, cloud
