"""One local stack per state folder, and the mark that tells a crash from a clean stop."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..trouble import Trouble

NEEDED_MB = 200


class Instance:
    def __init__(self, home: Path) -> None:
        try:
            home.mkdir(parents=True, exist_ok=True)
            free_mb = shutil.disk_usage(home).free // 2**20
            if free_mb < NEEDED_MB:
                raise Trouble(f"the disk is nearly full ({free_mb} MB free, {NEEDED_MB} MB needed): free some space")
            self._lock = (home / "lock").open("a")
        except OSError as error:
            raise Trouble(f"{home} cannot be written ({error.strerror}): make it writable, or set SIGNALBOX_HOME") from error
        self._mark = home / "running.json"
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise Trouble(f"Signalbox already runs from {home}{self._whereabouts()}: stop that one, or set SIGNALBOX_HOME") from error
        self.crashed = self._mark.exists()
        self._mark.write_text(json.dumps({"pid": os.getpid()}))

    def announce(self, **facts: Any) -> None:
        """What other commands need to find the running stack."""
        self._mark.write_text(json.dumps({"pid": os.getpid()} | facts))

    def close(self, *, clean: bool) -> None:
        """A mark that stays says that the last state was not saved."""
        if clean:
            self._mark.unlink(missing_ok=True)
        self._lock.close()

    def _whereabouts(self) -> str:
        facts = running(self._mark.parent)
        return f" (process {facts['pid']}, {facts.get('url', 'still starting')})" if facts else ""


def running(home: Path) -> dict[str, Any]:
    try:
        return json.loads((home / "running.json").read_text())
    except (OSError, ValueError):
        return {}


def lives(facts: Mapping[str, Any]) -> bool:
    """Whether whoever wrote these facts is still there."""
    try:
        os.kill(facts["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, which is there
        return True
    return True


def lost_since(state: Path) -> str:
    """For people: from when on nothing was saved."""
    times = [path.stat().st_mtime for path in state.glob("*.json")]
    if not times:
        return "everything in the embedded AWS is lost"
    return f"what the embedded AWS learned after {datetime.fromtimestamp(max(times)).astimezone():%Y-%m-%d %H:%M:%S} is lost"
