"""The same decision again, from what was written down of the first time."""

import hashlib
import json
from typing import Any

from .decide import Decision


def digest(decision: Decision) -> str:
    """Of what was decided, not of the words it was explained in.

    A field at its default is left out, so that one which is new in `Decision` leaves the digests of older traffic as they are.
    """
    defaults = Decision._field_defaults
    said = {name: value for name, value in decision._asdict().items() if name not in defaults or value != defaults[name]}
    said.pop("reasons", None)
    if "passed" in said:
        said["passed"] = [id for id, _ in decision.passed]
    if "warning" in said:
        said["warning"] = True
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Of what JSON has no words for: a read-only mapping, a set."""
    return dict(value) if hasattr(value, "keys") else sorted(value)
