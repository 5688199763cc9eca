"""`signalbox config import FILE`: writes our document from LiteLLM's or from model mappings, and lists what could not come along."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from signalbox.config.commented import to_text
from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument

from .. import documents, price_table
from ..price_table import Table
from ..trouble import Trouble
from . import litellm, litellm_settings, mappings
from .foreign import CHANGED, GUESSED, Finding, Foreign
from .imported import Assembly
from .known_models import Known

MORE = """\
Each entry of a model_name becomes a target of a route of that name; fallbacks become targets behind it, or a chain. What cannot be
carried over, was guessed, means something else here or is left for you to do is listed, as FILE:LINE: KIND: PATH: what. No key is written
or shown: `signalbox secrets set` stores them. What the shipped routing.yaml knows of a model is taken from there; --prices knows more.
The document goes to --out, or to the standard output, and the list to the other one. The exit status is 0 where there is a document.

  signalbox config import config.yaml --out routing.yaml
  signalbox config import config.yaml --prices model_prices_and_context_window.json > routing.yaml
  signalbox config import mappings.json --format mappings --out routing.yaml
"""
LITELLM = ("model_list", "router_settings", "litellm_settings", "general_settings")
DEFAULT_WAITS = (
    "nothing says how long to wait: the first byte is waited for 5 s here, and the whole answer 120 s, where a model does not say "
    "otherwise (LiteLLM waits 10 minutes and more)"
)


class Imported(NamedTuple):
    text: str
    findings: list[Finding]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="LiteLLM's config.yaml, or a YAML or JSON mapping of names to provider/model; - is stdin")
    parser.add_argument("--out", type=Path, help="the document to write, as routing.yaml; without it, the standard output")
    parser.add_argument("--force", action="store_true", help="write over what is there")
    parser.add_argument("--format", choices=sorted(FORMATS), help="what the file is; without it, it is told by what stands there")
    parser.add_argument(
        "--prices", type=Path, help="LiteLLM's model_prices_and_context_window.json, downloaded: prices and windows of models"
    )
    parser.add_argument("--json", action="store_true", help="the document and the list, for a program")


def run(arguments: argparse.Namespace) -> None:
    text = documents.read(arguments.file)
    table = price_table.read(arguments.prices) if arguments.prices else None
    today = datetime.now(UTC).date()
    if arguments.out and arguments.out.exists() and not arguments.force:
        raise Trouble(f"{arguments.out} is there already, and stays as it is; --force writes over it, or name another")
    try:
        imported = to_document(text, arguments.file.name, arguments.format, table, today)
    except Trouble as trouble:
        raise Trouble(f"{arguments.file}: {trouble}") from trouble
    if arguments.json:
        print(json.dumps({"document": imported.text, "findings": [row._asdict() for row in imported.findings]}, indent=2))
    told = sys.stdout if arguments.out and not arguments.json else sys.stderr
    for row in imported.findings:
        print(f"{arguments.file}:{row}", file=told)
    if table is None and any(row.kind == GUESSED for row in imported.findings):
        print("LiteLLM's own table may know what is guessed: --prices model_prices_and_context_window.json", file=told)
    if arguments.out:
        documents.write_new(arguments.out, imported.text, force=arguments.force)
        print(f"{arguments.out} is written: signalbox config check {arguments.out}", file=told)
    elif not arguments.json:
        sys.stdout.write(imported.text)


def to_document(text: str, name: str, format: str | None, table: Table | None, today: date) -> Imported:
    """Trouble where nothing comes of it that could go live, with why."""
    foreign = Foreign(text)
    known = Known(foreign, table, today, name)
    assembly = FORMATS[format or _format(foreign.data)](foreign, known)
    findings = foreign.findings()
    if "models" not in assembly.document:
        raise Trouble("\n".join(["nothing of it can be carried over", *map(str, findings)]))
    head = [f"Made from {name} on {today} by signalbox config import."]
    if findings:
        head += ["", "What became of the rest, as LINE: KIND: PATH: WHAT", *(f"  {row}" for row in findings)]
    try:
        made = to_text(assembly.document, [_one_line(line) for line in head], assembly.notes)
        compile_text(made)
    except InvalidDocument as error:
        raise Trouble("\n".join(["what would come of it could not go live", str(error), *map(str, findings)])) from error
    except ValueError as error:
        raise Trouble(f"it cannot be written as a document: {error}") from error
    if foreign.secrets.stand_in(made):
        raise Trouble("a key stands where it would be written into the document; take it out of the file first")
    return Imported(made, findings)


def _litellm(foreign: Foreign, known: Known) -> Assembly:
    if not isinstance(foreign.data, dict):
        raise Trouble("no mapping with a model_list: this is no config.yaml of LiteLLM")
    settings = litellm_settings.read(foreign)
    found = list(litellm.deployments(foreign, known, settings))
    if found and not settings.total_s and not settings.ttft_s:
        foreign.find((), CHANGED, DEFAULT_WAITS)
    return Assembly(foreign, found, settings)


def _mappings(foreign: Foreign, known: Known) -> Assembly:
    if not mappings.fits(foreign.data):
        raise Trouble("no model mappings: write `name: provider/model`, or a list of them, a line each")
    return Assembly(foreign, list(mappings.deployments(foreign, known)), litellm_settings.NONE)


FORMATS: dict[str, Callable[[Foreign, Known], Assembly]] = {"litellm": _litellm, "mappings": _mappings}


def _format(data: Any) -> str:
    if isinstance(data, dict) and any(name in data for name in LITELLM):
        return "litellm"
    if mappings.fits(data):
        return "mappings"
    raise Trouble(
        "neither LiteLLM's config.yaml (model_list: …) nor model mappings (name: provider/model); --format says which it is meant to be"
    )


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
