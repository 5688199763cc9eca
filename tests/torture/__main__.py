"""`make test-ledger` and `make test-torture`: eight workers fight over budgets on a real DynamoDB, and are killed at it.

    python -m tests.torture [amazon|embedded] [--seed=N] [--fits=5,50,5000]

What really was billed, each worker has written down by itself. The same seed draws the same requests and the same faults; which process
comes first is the machine's to say. The run ends by itself, with 1 where the ledger was wrong.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from . import sweeper, worker
from .bus import Bus
from .clock import Clock
from .engine import ENGINES, engine
from .run import Torture
from .storm import Site, Storm
from .table import table

# fits: how many such budgets one after the other, and how often a worker dies at one of its calls
STORMS = {5: (4, 0.02), 50: (2, 0.008), 5_000: (1, 0.001)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("engine", nargs="?", choices=ENGINES, default="amazon")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--fits", default=",".join(map(str, STORMS)), help="requests per budget")
    given = parser.parse_args()
    sizes = [int(size) for size in given.fits.split(",")]
    kinds = [(size, STORMS[size][1]) for size in sizes for _ in range(STORMS[size][0])]
    storms = [Storm(number, *kind) for number, kind in enumerate(kinds)]
    say(f"the ledger's torture on {given.engine}, --seed={given.seed}")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([worker.__name__, sweeper.__name__])
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="signalbox-torture-"))
    with engine(given.engine, folder) as endpoint, Bus(given.seed) as bus:
        site = Site(endpoint, bus.url, folder, Clock(time.monotonic()), given.seed)
        figures, complaints = Torture(site, bus, storms, processes).run()
    say(table(zip([storm.fits for storm in storms], figures, strict=True)))
    for complaint in complaints[:50]:
        say(complaint)
    took = f"{time.monotonic() - began:.0f} s"
    if complaints:
        say(f"{took}; {len(complaints)} complaints, and all that happened is in {folder}")
        return 1
    say(f"{took}; nothing to complain of")
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
