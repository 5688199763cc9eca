"""What a deployment says against the document: SIGNALBOX_PROVIDERS__OPENAI__BASE_URL=http://127.0.0.1:4010/openai/v1.

Two underscores go one level down; a name is matched without regard to case and with `_` for every sign an environment cannot hold.
"""

import re
from collections.abc import Mapping
from typing import Any

from .source import Path, Problem

PREFIX = "SIGNALBOX_"
SECTIONS = (
    *("PROVIDERS", "MODELS", "ROUTES", "ALIASES", "CHAINS", "POLICIES", "FLAGS", "SEGMENTS"),
    *("TIMEOUTS", "CIRCUITS", "GUARDRAILS"),
)


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in environment.items()
        if key.startswith(PREFIX) and key.removeprefix(PREFIX).split("__")[0] in SECTIONS and "__" in key
    }


def apply(data: Any, overrides: Mapping[str, str]) -> tuple[Any, dict[Path, str], list[Problem]]:
    """The document with the overrides in it, and which says what. One that leads nowhere is a problem, since it was
    meant for something; and one that leads to several.
    """
    problems, said_by = [], {}
    for key, value in sorted(overrides.items()):
        try:
            data, path = _with(data, key.removeprefix(PREFIX).split("__"), value)
            said_by[path] = key
        except LookupError as error:
            problems.append(Problem(1, "", f"the override {key} {error.args[0]}"))
    return data, said_by, problems


def _with(data: Any, steps: list[str], value: str) -> tuple[dict[str, Any], Path]:
    first, *rest = steps
    keys = [key for key in data if _plain(key) == _plain(first)] if isinstance(data, dict) else []
    if len(keys) > 1:
        raise LookupError(f"may mean any of {', '.join(keys)}; change the document itself")
    if not isinstance(data, dict) or (rest and not keys):
        remedy = "publish with overrides that leave it out, or take a name that is there"
        raise LookupError(f"leads nowhere: there is no {first.lower()!r} in the document; {remedy}")
    key = keys[0] if keys else first.lower()
    if not rest:
        return data | {key: value}, (key,)
    below, path = _with(data[key], rest, value)
    return data | {key: below}, (key, *path)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())
