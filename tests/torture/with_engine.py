"""`python -m tests.torture.with_engine COMMAND…` runs it beside Amazon's DynamoDB engine, whose address is in SIGNALBOX_DYNAMODB_LOCAL."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .engine import engine


def main(*command: str) -> int:
    with tempfile.TemporaryDirectory(prefix="signalbox-", ignore_cleanup_errors=True) as home, engine("amazon", Path(home)) as url:
        return subprocess.call(command, env=os.environ | {"SIGNALBOX_DYNAMODB_LOCAL": url})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
