"""What a key may, as options of a command."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .moments import until
from .trouble import Trouble

Json = dict[str, Any]
LISTS = {
    "models": "what may be named: ids of models, aliases or provider/*",
    "routes": "which routes may be named",
    "agents": "who may be named by x-signalbox-agent; * is anybody",
    "teams": "which teams of the tenant may be named by x-signalbox-team; * is any",
    "tags": "what each of its requests is tagged with",
}
LIMITS = ("requests_per_minute", "requests_per_hour", "tokens_per_minute", "concurrency")
NEVER, NO_LIMIT, AS_USUAL = "never", "none", "default"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--expires", metavar="WHEN", help="30m, 2h, 90d, a moment with its offset, or never")
    for name, help in LISTS.items():
        parser.add_argument(f"--{name}", type=_names, metavar="NAME,…", help=f"{help}; '' is as if it were not said")
    parser.add_argument("--fallbacks", action=argparse.BooleanOptionalAction, default=None, help="may bring fallbacks of its own")
    add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    help = f"{', '.join(LIMITS)}: a number, none or default; 0 suspends; once for each"
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=NUMBER", help=help)


def said(arguments: argparse.Namespace, before: Mapping[str, Any] | None = None) -> Json:
    """The fields that the options say. Limits that are not named stay as they were `before`."""
    fields: Json = {name: names or None for name in LISTS if (names := getattr(arguments, name)) is not None}
    if arguments.expires:
        fields["expires_at"] = None if arguments.expires == NEVER else until(arguments.expires, datetime.now(UTC), "--expires")
    if arguments.fallbacks is not None:
        fields["fallbacks"] = arguments.fallbacks
    return fields | limits(arguments, before)


def limits(arguments: argparse.Namespace, before: Mapping[str, Any] | None = None) -> Json:
    """As the field that they are; nothing where none is named."""
    new = dict((before or {}).get("limits", {}))
    for text in arguments.limit:
        name, _, number = text.partition("=")
        if name not in LIMITS or not (number in (NO_LIMIT, AS_USUAL) or number.isdecimal()):
            raise Trouble(f"--limit {text}: write one of {', '.join(LIMITS)}, =, and a number, none or default")
        new[name] = None if number == NO_LIMIT else number
        if number == AS_USUAL:
            del new[name]
    return {"limits": {name: int(number) if number is not None else None for name, number in new.items()}} if arguments.limit else {}


def told_limits(limits: Mapping[str, int | None]) -> str:
    return ", ".join(f"{name} {'no limit' if number is None else format(number, ',')}" for name, number in limits.items())


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
