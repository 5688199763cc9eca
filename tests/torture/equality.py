"""`make test-equality`: what we recorded of so many mixed requests is what the simulated providers billed, to the nano-dollar.

    python -m tests.torture.equality [--requests=10000] [--seed=N]

Where a provider delivered no usage, ours is not less than theirs and is marked as estimated. Every call that was billed is in our usage.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx

from ..e2e.stack import PLAIN, Stack
from ..e2e.waiting import eventually
from .clients import Clients
from .compare import compared, spent, total
from .mixture import mixture
from .overhear import Overheard
from .table import lined

TENANT = "equality"
UNLIMITED = ("requests_per_minute", "requests_per_hour", "tokens_per_minute")
ARRIVES_S = 180
SHOWN = 40


def run(stack: Stack, count: int, seed: int) -> list[str]:
    limits = dict.fromkeys(UNLIMITED)
    minted = stack.admin("POST", "/admin/keys", {"name": "equality", "tenant": TENANT, "team": "default", "limits": limits}).json()
    clients = Clients(stack.url, stack.sim_url, minted["secret"], mixture(seed, count))
    began = time.monotonic()
    with Overheard(stack) as overheard:
        clients.run()
        say(f"{count:,} requests in {time.monotonic() - began:.0f} s: {dict(clients.outcomes.most_common())}")
        eventually(lambda: _missing(stack, overheard), lambda missing: not missing, ARRIVES_S)
    calls, events = _calls(stack), list(overheard.events.values())
    sums, complaints = compared(calls, events)
    say(_table(sums))
    cost = spent(events)
    counted = eventually(lambda: _counted(stack), lambda seen: seen == cost, ARRIVES_S)
    say(f"GET /admin/usage?tenant={TENANT}: {counted:,} nano-dollars, as its {len(events):,} usage events say")
    return complaints


def _missing(stack: Stack, overheard: Overheard) -> list[str]:
    """The requests that cost something and are not heard of yet."""
    heard = {tag for event in list(overheard.events.values()) for tag in event["tags"]}
    return [call["ref"] for call in _calls(stack) if call["ref"] and call["cost_nanousd"] and call["ref"] not in heard][:10]


def _calls(stack: Stack) -> list[Any]:
    with httpx.Client(verify=PLAIN, timeout=60) as http:
        found: list[Any] = http.get(f"{stack.sim_url}/ledger").raise_for_status().json()["calls"]
    return found


def _counted(stack: Stack) -> int:
    month: dict[str, int] = stack.admin("GET", f"/admin/usage?tenant={TENANT}").json()["month"]
    return month["cost_nanousd"]


def _table(sums: Mapping[str, Counter[str]]) -> str:
    head = ["provider", "calls", "billed", "captured", "usage delivered", "billed there", "recorded there", "difference"]
    head += ["billed elsewhere", "recorded elsewhere"]
    return lined([head, *(_row(name, sums[name]) for name in sorted(sums)), _row("all", total(sums))])


def _row(name: str, of: Counter[str]) -> list[str]:
    captured = f"{of['captured'] / of['billed']:.0%}" if of["billed"] else "-"
    amounts = (of["theirs"], of["ours"], of["ours"] - of["theirs"], of["elsewhere_theirs"], of["elsewhere_ours"])
    return [name, f"{of['calls']:,}", f"{of['billed']:,}", captured, f"{of['delivered']:,}", *(f"{amount:,}" for amount in amounts)]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.equality")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    given = parser.parse_args()
    say(f"{given.requests:,} mixed requests, --seed={given.seed}")
    with tempfile.TemporaryDirectory(prefix="signalbox-equality-") as home:
        stack = Stack(Path(home))
        try:
            stack.start()
            complaints = run(stack, given.requests, given.seed)
        finally:
            stack.stop()
    for complaint in complaints[:SHOWN]:
        say(complaint)
    say(f"{len(complaints)} complaints" if complaints else "nothing to complain of")
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
