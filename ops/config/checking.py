"""`signalbox config check FILE`: what is wrong with a document, a line each, as editors and CI read it."""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument, Problem

from .. import control_api, documents

MORE = """\
Each line is FILE:LINE: PATH: MESSAGE. The exit status is 1 where something is wrong, and 0 where there are warnings alone.

  signalbox config check routing.yaml
  signalbox config check routing.yaml --strict        # in CI: warnings count too
  signalbox config check routing.yaml --stage prod    # with what that stage says against the document

The digest is of what a document means. A stage's overrides are part of that: `signalbox config history` shows the same as `--stage`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the document, as routing.yaml; - is the standard input")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where there are warnings, too")
    parser.add_argument("--json", action="store_true", help="as it is, for a program: valid, digest, problems, warnings")
    parser.add_argument("--stage", help="ask this stage, with its overrides; without it nothing is asked, and the file is checked here")


def run(arguments: argparse.Namespace) -> int:
    text = documents.read(arguments.file)
    checked = _by_stage(arguments.stage, text) if arguments.stage else _here(text)
    if arguments.json:
        print(json.dumps(checked, indent=2))
    else:
        for line in lines(arguments.file, checked["problems"]):
            print(line)
        for line in lines(arguments.file, checked["warnings"], "warning: "):
            print(line)
        print(_verdict(arguments.file, checked, f"with the overrides of {arguments.stage}" if arguments.stage else "of the file alone"))
    return int(not checked["valid"] or (arguments.strict and bool(checked["warnings"])))


def lines(file: Path, rows: Iterable[Mapping[str, Any]], word: str = "") -> list[str]:
    return [f"{file}:{row['line']}: {word}{row['path']}{': ' if row['path'] else ''}{row['message']}" for row in rows]


def _here(text: str) -> dict[str, Any]:
    try:
        compiled = compile_text(text)
    except InvalidDocument as error:
        return {"valid": False, "digest": None, "problems": _rows(error.problems), "warnings": []}
    return {"valid": True, "digest": compiled.digest, "problems": [], "warnings": _rows(compiled.warnings)}


def _by_stage(stage: str, text: str) -> dict[str, Any]:
    return control_api.call(stage, "POST", "/admin/config/check", {"document": text})


def _rows(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [{"line": row.line, "path": row.path, "message": row.message} for row in problems]


def _verdict(file: Path, checked: Mapping[str, Any], of: str) -> str:
    if not checked["valid"]:
        return f"{file}: {_counted(checked['problems'], 'problem')}; it cannot go live"
    live = ", and live already" if checked.get("live") else ""
    warnings = f", {_counted(checked['warnings'], 'warning')}" if checked["warnings"] else ""
    return f"{file}: valid{live}{warnings} (digest {checked['digest'][:12]}, {of})"


def _counted(rows: list[Any], what: str) -> str:
    return f"{len(rows)} {what}{'' if len(rows) == 1 else 's'}"
