"""What really happened, as each life of a worker wrote it down itself: the ledger is judged by this, and never asked for it."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Truth:
    """One file a life. What is `certain` is on the disk before anything else happens."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def tell(self, what: str, *, certain: bool = False, **facts: Any) -> None:
        line = json.dumps({"at_s": time.monotonic(), "what": what} | facts) + "\n"
        os.write(self._file, line.encode())  # at once: whoever is killed has written it or has not
        if certain:
            os.fsync(self._file)


def told(folder: Path) -> Iterator[dict[str, Any]]:
    """All lines of all lives, each with whose `life` it is of."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield {"life": path.stem} | json.loads(line)
