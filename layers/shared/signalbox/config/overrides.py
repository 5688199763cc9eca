"""What a deployment says against the document: SIGNALBOX_PROVIDERS__OPENAI__BASE_URL=http://127.0.0.1:4010/openai/v1.

Two underscores go one level down; a name is matched without regard to case and with `_` for every sign an environment cannot hold.
"""

import re
from collections.abc import Mapping
from typing import Any

from .source import Problem

PREFIX = "SIGNALBOX_"
SECTIONS = ("PROVIDERS", "MODELS", "ROUTES", "ALIASES", "TIMEOUTS", "CIRCUITS", "GUARDRAILS")


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in environment.items()
        if key.startswith(PREFIX) and key.removeprefix(PREFIX).split("__")[0] in SECTIONS and "__" in key
    }


def apply(data: Any, overrides: Mapping[str, str]) -> tuple[Any, list[Problem]]:
    """The document with the overrides in it. One that leads nowhere is a problem: it was meant for something."""
    problems = []
    for key, value in sorted(overrides.items()):
        try:
            data = _with(data, key.removeprefix(PREFIX).split("__"), value)
        except LookupError as error:
            problems.append(Problem(1, "", f"the override {key} leads nowhere: there is no {error.args[0]!r} in the document"))
    return data, problems


def _with(data: Any, steps: list[str], value: str) -> dict[str, Any]:
    first, *rest = steps
    if not isinstance(data, dict):
        raise LookupError(first.lower())
    key = next((key for key in data if _plain(key) == _plain(first)), None)
    if not rest:
        return data | {key or first.lower(): value}
    if key is None:
        raise LookupError(first.lower())
    return data | {key: _with(data[key], rest, value)}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())
