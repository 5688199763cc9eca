"""What the attempts of a request say of their targets' health. Apart from the sums, which every request reads and which need less."""

from collections.abc import Mapping
from typing import Any

from ..circuits.machine import COUNTS, EFFECTS, GOOD, IGNORED
from .health import Sample


def samples_of(detail: Mapping[str, Any]) -> list[Sample]:
    """From the detail of `UsageRecorded`: an attempt whose end says nothing of its target is none.

    A mirror's success is told and its times are not: nobody waits for it, and it is read when there is time.
    """
    return [
        Sample(
            attempt["target"],
            attempt["at_ms"] + attempt["duration_ms"],
            is_good,
            duration_ms=attempt["duration_ms"] if is_good and not is_mirror else None,
            ttft_ms=None if is_mirror else attempt["ttft_ms"],
        )
        for attempt in detail["attempts"]
        if (effect := EFFECTS.get(attempt["outcome"], COUNTS)) != IGNORED
        for is_good, is_mirror in [(effect == GOOD, attempt.get("purpose") == "mirror")]
    ]
