"""Plain data as the YAML that people write: what is short on one line, the rest below its key; and read back as it was."""

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

WIDTH = 100
LONGEST_KEY = 1_000  # what stands before a colon may have 1,024 characters in YAML
MOST_DIGITS = 40
PLAIN = re.compile(r"[A-Za-z_][\w./@+-]*(?:(?: |:(?=\w))[\w./@+-]+)*", re.ASCII)
UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_RESOLVER = yaml.resolver.Resolver()


def to_flow(value: Any) -> str:
    """On one line. ValueError for what no document can hold."""
    match value:
        case dict():
            return "{" + ", ".join(f"{to_key(key)}: {to_flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(to_flow, value)) + "]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return _number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
        case str():
            return _text(value)
        case date():
            return value.isoformat()
    raise ValueError(f"{type(value).__name__} is nothing that a document can hold")


def to_lines(key: str, value: Any, indent: str = "", remark: str = "") -> list[str]:
    """`key: value`, in as many lines as it needs. The remark stands on the first."""
    flow = f"{indent}{key}: {to_flow(value)}"
    if len(flow) <= WIDTH or not value or not isinstance(value, dict | list | tuple):
        return [flow + remark]
    return [f"{indent}{key}:{remark}", *_block(value, indent + "  ")]


def to_key(key: str) -> str:
    written = _text(key)
    if key == "<<":
        raise ValueError("'<<' is no name")
    if len(written) > LONGEST_KEY:
        raise ValueError(f"a name of {len(key)} characters; {LONGEST_KEY} is the most")
    return written


def _block(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in to_lines(to_key(key), item, indent)]
    lines = []
    for item in value:
        flow = f"{indent}- {to_flow(item)}"
        if len(flow) <= WIDTH or not item or not isinstance(item, dict | list | tuple):
            lines.append(flow)
        else:
            first, *others = _block(item, indent + "  ")
            lines += [f"{indent}- {first.lstrip()}", *others]
    return lines


def _number(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS:
        raise ValueError(f"{str(value)[:40]} is no number that a document can hold")
    return f"{value:f}"


def _text(value: str) -> str:
    if any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("half a character, which is no text: a surrogate without its other half")
    if PLAIN.fullmatch(value) and _RESOLVER.resolve(yaml.ScalarNode, value, (True, False)) == "tag:yaml.org,2002:str":
        return value
    return UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(value, ensure_ascii=False))


def as_read(value: Any) -> Any:
    """What is read of it again."""
    match value:
        case dict():
            return {key: as_read(item) for key, item in value.items()}
        case list() | tuple():
            return [as_read(item) for item in value]
        case float():
            return Decimal(repr(value))
    return value
