"""A child ends with all that it has begun: what it leaves behind would live on after `stopped` is said."""

import os
import select
import signal
import sys
from pathlib import Path

import pytest

from ops.local.processes import Child

HEIR = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); held = open('held', 'w'); signal.pause()"
PARENT = f"""
import subprocess, signal, sys
subprocess.Popen([sys.executable, "-c", {HEIR!r}])
signal.signal(signal.SIGTERM, lambda *_: sys.exit({{code}}))
open("stands", "w").close()
while True:
    signal.pause()
"""


@pytest.mark.parametrize("code", [0, 3])
def test_who_was_begun_by_a_child_ends_with_it(tmp_path: Path, code: int) -> None:
    for name in ("held", "stands"):
        os.mkfifo(tmp_path / name)
    child = Child("a parent", [sys.executable, "-c", PARENT.format(code=code)], {}, tmp_path, tmp_path / "log", signal.SIGKILL)
    with open(tmp_path / "stands"), open(tmp_path / "held") as held:  # each is open once its writer is there
        assert child.stop(60) is (code == 0)
        ready, _, _ = select.select([held], [], [], 60)
        assert ready
        assert held.read() == ""  # nobody holds the other end any more


def test_a_child_that_has_ended_before_is_no_trouble(tmp_path: Path) -> None:
    child = Child("short", [sys.executable, "-c", ""], {}, tmp_path, tmp_path / "log", signal.SIGKILL)
    child.process.wait()
    assert child.stop(60)
