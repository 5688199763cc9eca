"""`signalbox config generate`: a document rendered anew, with comments, from what it means."""

import argparse
from pathlib import Path

from signalbox.config.commented import to_text
from signalbox.config.compiler import compile_text
from signalbox.config.document import parse
from signalbox.config.plain import to_data
from signalbox.config.source import InvalidDocument

from .. import documents, stages
from ..trouble import Trouble
from . import versions

MORE = """\
Sections and fields stand in the document's own order, and defaults are left out. It means the same as what it is made of, to the bit: its
digest is the same. Comments that somebody has written are not in it; `config show` prints those.

  signalbox config generate > routing.yaml               # what is live
  signalbox config generate --effective --stage prod     # with what the stage says against it written in
  signalbox config generate routing.yaml                 # a file
"""
SETTING = "made by signalbox config generate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="a document, as routing.yaml; - is the standard input; without it, what is live")
    parser.add_argument("--effective", action="store_true", help="with the stage's overrides in it")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    live = versions.live(arguments.stage) if arguments.effective or not arguments.file else {}
    overrides = live.get("overrides") if arguments.effective else None
    if arguments.file:
        text, head = documents.read(arguments.file), [f"{arguments.file}, {SETTING}"]
    else:
        text, head = live["document"], [f"Version {live['version']} of {arguments.stage}, by {live['author']} at {live['at']}, {SETTING}"]
    if overrides:
        head.append(f"What the stage says against it is written in: {', '.join(sorted(overrides))}")
    print(rendered(text, overrides, head), end="")


def rendered(text: str, overrides: dict[str, str] | None, head: list[str]) -> str:
    """Trouble where the text is no document, and rather than give one that means anything else."""
    try:
        wanted = compile_text(text, overrides).digest
        made = to_text(to_data(parse(text, overrides)[0]), head)
        same = compile_text(made).digest == wanted
    except InvalidDocument as error:
        raise Trouble(f"this document would not go live by this version of the command:\n{error}") from error
    except ValueError as error:
        raise Trouble(f"this cannot be rendered: {error}; `signalbox config show` prints it as it was written") from error
    if not same:
        raise Trouble("rendered anew, this document would mean something else; `signalbox config show` prints it as it was written")
    return made
