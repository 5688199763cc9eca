"""What is told of a new version: to the bus, and to people. Paths alone, and what stands at them of flags, which hold nothing secret."""

from collections.abc import Mapping, Sequence
from typing import Any

from .diff import Change, summary

NAME = "ConfigPublished"
FLAGS = "flags"
MOST_CHANGES = 20
MOST_CHARS = 400  # of a path


def to_detail(row: Mapping[str, Any], changes: Sequence[Change], at_ms: int) -> dict[str, Any]:
    """`row` is the version's own."""
    return {
        "version": 1,
        "id": f"config#{row['version']}",
        "at_ms": at_ms,
        "config_version": row["version"],
        "digest": row["digest"],
        "author": row["author"],
        "message": row["message"],
        "changes": [change.name[:MOST_CHARS] for change in changes[:MOST_CHANGES]],
        "flags": [str(change)[:MOST_CHARS] for change in changes[:MOST_CHANGES] if change.path[0] == FLAGS],
        "summary": f"{summary(changes)}",
    }


def to_message(detail: Mapping[str, Any], stage: str) -> tuple[str, str]:
    """Subject and body."""
    version = detail["config_version"]
    shown = f"`signalbox config diff --from {version - 1} --to {version}` shows it"
    undone = f"; `signalbox config rollback` undoes it; {shown}" if version > 1 else ""
    body = "\n".join(
        (
            f"Stage    {stage}",
            f"Version  {version}",
            f"Author   {detail['author']}",
            f"Message  {detail['message'] or '-'}",
            f"Changed  {detail['summary']}",
            "",
            *(f"  {line}" for line in [*(path for path in detail["changes"] if not path.startswith(f"{FLAGS}.")), *detail["flags"]]),
            *(["  …"] if len(detail["changes"]) == MOST_CHANGES else []),
            "",
            f"What to do: nothing, if this was meant{undone}.",
        )
    )
    return f"Signalbox {stage}: configuration version {version} is live: {detail['summary']}", body
