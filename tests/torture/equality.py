"""`make test-equality`: what we recorded of so many mixed requests is what the simulated providers billed, to the nano-dollar.

    python -m tests.torture.equality [--requests=10000] [--seed=N]

Where a provider delivered no usage, ours is not less than theirs and is marked as estimated. Every call that was billed is in our usage.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Set
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx

from ..e2e.stack import PLAIN, Stack
from ..e2e.waiting import eventually
from .clients import Clients
from .compare import compared, miscounted, spent, total
from .mixture import mixture
from .overhear import Overheard
from .table import lined

TENANT = "equality"
UNLIMITED = ("requests_per_minute", "requests_per_hour", "tokens_per_minute")
ARRIVES_S = 600
SHOWN = 40


def run(stack: Stack, count: int, seed: int) -> list[str]:
    limits = dict.fromkeys(UNLIMITED)
    minted = stack.admin("POST", "/admin/keys", {"name": "equality", "tenant": TENANT, "team": "default", "limits": limits}).json()
    clients = Clients(stack.url, stack.sim_url, minted["secret"], mixture(seed, count))
    began = time.monotonic()
    with Overheard(stack) as overheard:
        clients.run()
        say(f"{count:,} requests in {time.monotonic() - began:.0f} s: {dict(clients.outcomes.most_common())}")
        with suppress(AssertionError):  # the comparison will say which
            eventually(lambda: _missing(stack, overheard, clients.answered), lambda missing: not missing, ARRIVES_S)
    calls, events = _calls(stack), list(overheard.events.values())
    (stack.home / "calls.json").write_text(json.dumps(calls))
    (stack.home / "events.json").write_text(json.dumps(events))
    sums, complaints = compared(calls, events)
    complaints += miscounted(sorted(clients.answered), events)
    complaints += [f"{id} was told twice, and not with the same words" for id in sorted(overheard.unlike)]
    say(_table(sums))
    cost = spent(events)
    counted = eventually(lambda: _counted(stack), lambda seen: seen == cost, ARRIVES_S)
    say(f"GET /admin/usage?tenant={TENANT}: {counted:,} nano-dollars, as its {len(events):,} usage events say")
    return complaints


def _missing(stack: Stack, overheard: Overheard, answered: Set[str]) -> Set[str]:
    """The requests that were answered, or called somebody, and are not heard of yet."""
    heard = {tag for event in list(overheard.events.values()) for tag in event["tags"]}
    return (answered | {call["ref"] for call in _calls(stack) if call["ref"]}) - heard


def _calls(stack: Stack) -> list[Any]:
    with httpx.Client(verify=PLAIN, timeout=60) as http:
        found: list[Any] = http.get(f"{stack.sim_url}/ledger").raise_for_status().json()["calls"]
    return found


def _counted(stack: Stack) -> int:
    used: dict[str, int] = stack.used(tenant=TENANT)
    return used["cost_nanousd"]


def _table(sums: Mapping[str, Counter[str]]) -> str:
    head = ["provider", "calls", "captured", "billed", "usage delivered", "billed there", "recorded there", "difference"]
    head += ["billed elsewhere", "recorded elsewhere"]
    return lined([head, *(_row(name, sums[name]) for name in sorted(sums)), _row("all", total(sums))])


def _row(name: str, of: Counter[str]) -> list[str]:
    captured = f"{of['captured'] / of['calls']:.2%}" if of["calls"] else "-"
    amounts = (of["theirs"], of["ours"], of["ours"] - of["theirs"], of["elsewhere_theirs"], of["elsewhere_ours"])
    return [name, f"{of['calls']:,}", captured, f"{of['billed']:,}", f"{of['delivered']:,}", *(f"{amount:,}" for amount in amounts)]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.equality")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    given = parser.parse_args()
    say(f"{given.requests:,} mixed requests, --seed={given.seed}")
    home = Path(tempfile.mkdtemp(prefix="signalbox-equality-"))
    stack = Stack(home)
    try:
        stack.start()
        complaints = run(stack, given.requests, given.seed)
    finally:
        stack.stop()
    for complaint in complaints[:SHOWN]:
        say(complaint)
    if complaints:
        say(f"{len(complaints)} complaints; the calls, the events and the stack's logs are in {home}")
        return 1
    say("nothing to complain of")
    shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
