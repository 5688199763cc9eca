"""An upstream that says too much: its errors quote the key it was shown and the prompt, in their text and, worse, in their names."""

import json
from typing import Any

NAMES = ("code", "param")


def echoing(body: bytes, key: str, prompt: str) -> bytes:
    """The same error, saying too much: a JSON body, or events of JSON, line by line. What is neither stays as it is."""
    if body.startswith(b"{"):
        return _told(body, key, prompt)
    return b"\n".join(_line(line, key, prompt) for line in body.split(b"\n"))


def _line(line: bytes, key: str, prompt: str) -> bytes:
    field, found, data = line.partition(b"data: ")
    return field + found + _told(data, key, prompt) if found and not field else line


def _told(data: bytes, key: str, prompt: str) -> bytes:
    try:
        error = json.loads(data)
    except ValueError:
        return data
    return json.dumps(_quoting(error, key, prompt)).encode()


def _quoting(value: Any, key: str, prompt: str, name: str = "") -> Any:
    if isinstance(value, dict):
        quoted = {name: _quoting(inner, key, prompt, name) for name, inner in value.items()}
        return quoted | ({"param": key, "prompt": prompt} if "message" in value else {})
    if isinstance(value, list):
        return [_quoting(inner, key, prompt, name) for inner in value]
    if not isinstance(value, str) or name in ("type", "status"):  # by which some are known at all
        return value
    return key if name in NAMES and key else f"{value} You sent {key} and asked {prompt}"
