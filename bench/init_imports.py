"""What complete imports at init costs, in whole processes: a bare interpreter, the runtime loop, the handler, and boto3 for comparison.

python -m bench.init_imports
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from . import pairs

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 15
STATEMENTS = {
    "a bare interpreter": "pass",
    "the runtime loop": "import signalbox.runtime.loop",
    "the loop and complete": "import signalbox.runtime.loop, handler",
    "the same and ssl (AWS, not local)": "import signalbox.runtime.loop, handler, ssl",
    "boto3, had we used it": "import boto3",
}
SETTINGS = "CONTROL_TABLE LEDGER_TABLE CACHE_TABLE BUS CONFIG_BUCKET ANSWER_BUCKET SAMPLE_QUEUE KEY_SECRET PROVIDER_SECRETS"


def environment() -> dict[str, str]:
    """In which `complete` can be imported, with its bytecode kept from one process to the next."""
    settings = os.environ | {f"SIGNALBOX_{name}": "x" for name in SETTINGS.split()}
    settings |= {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    settings["PYTHONPATH"] = f"{ROOT / 'functions' / 'complete'}:{ROOT / 'layers' / 'shared'}"
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    return settings


def main() -> None:
    took: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for round in range(ROUNDS + 1):
        for name, statement in STATEMENTS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], env=environment(), check=True)
            if round:  # the first compiles
                took[name].append((time.perf_counter() - began) * 1000)
    pairs.table(took, "ms", "a bare interpreter")


if __name__ == "__main__":
    main()
