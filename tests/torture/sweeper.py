"""What `settle_expired` does each minute, over and over, for all storms; it is killed and loses answers like everybody else."""

import time
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from signalbox.aws.client import AwsError
from signalbox.aws.sweep import Sweep

from .storm import Site, Storm, aws
from .wire import RoughWire
from .worker import alone

EACH_S = 4.0  # forty seconds of the fast clock
DIES = 0.0005


def sweep(site: Site, storms: Sequence[Storm], life: int) -> None:
    """Of a process of its own, until it is killed."""
    alone(site)
    client = aws(site, RoughWire(site.bus, Random(f"{site.seed}/sweeper/{life}"), DIES))
    while True:
        for storm in storms:
            with suppress(AwsError):  # the next one tries again
                Sweep(client, storm.tables, site.clock.now_ms).run(site.clock.now_ms() + 60_000)
        time.sleep(EACH_S)
