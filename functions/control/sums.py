"""What was counted, for one call: however many sums it asks for, the log of what is not in them yet is read once.

That log may have a megabyte, in the one partition that recording writes to.
"""

from collections.abc import Sequence

import stage

from signalbox.aws import boto_sums, boto_usage
from signalbox.aws.boto_usage import Of
from signalbox.usage.spans import Span

_log: list[boto_sums.Entry] | None = None


def anew() -> None:
    """Another call begins: what was recorded since is to be in it."""
    global _log
    _log = None


def ranges(wanted: Sequence[Of], spans: Sequence[Span]) -> dict[Of, dict[str, dict[str, int]]]:
    """As `boto_usage.ranges`; an older log before the totals is as good, since these say what of it they have."""
    global _log
    _log = boto_sums.unfolded(stage.usage()) if _log is None else _log
    return boto_usage.ranges(stage.usage(), wanted, spans, _log)
