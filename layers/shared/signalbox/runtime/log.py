"""One JSON line per thing worth saying. The loop itself never sees a prompt, and what it is handed of errors holds none."""

import json
import sys


def log(level: str, message: str, **fields: object) -> None:
    sys.stderr.write(json.dumps({"level": level, "message": message, **fields}) + "\n")
    sys.stderr.flush()
