"""`python -m tests.clients.with_stack COMMAND…` runs it beside a local stack, of whose addresses and keys its environment tells it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..e2e.stack import Stack


def main(*command: str) -> int:
    with tempfile.TemporaryDirectory(prefix="signalbox-", ignore_cleanup_errors=True) as home:
        stack = Stack(Path(home))
        try:
            stack.start()
            told = {"URL": stack.url, "KEY": stack.key, "ADMIN_KEY": stack.admin_key, "SIM_URL": stack.sim_url}
            status = subprocess.call(command, env=os.environ | {f"SIGNALBOX_{name}": value for name, value in told.items()})
            if status:
                print(stack.logs(), file=sys.stderr)  # noqa: T201
        finally:
            stack.stop()
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
