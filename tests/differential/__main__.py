"""`make diff-litellm`: holds our translations against litellm's, and writes docs/differences-from-litellm.md.

Fails on a difference that has no verdict (verdicts.py), on a verdict that nothing needs any more, and where the page says something else.
"""

import base64
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..unit.providers.test_fixtures import FIXTURES, folders, streamed, target
from . import ours
from .asks import ASKS, USER
from .compare import NOTHING, REFUSED, differences, normal
from .verdicts import VERDICTS, Verdict, verdict_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "differences-from-litellm.md"
ORACLE = [ROOT / ".tools/clients/bin/python", Path(__file__).with_name("oracle.py")]
AWS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_region_name": "us-east-1"}
# What litellm calls each provider, and how it is told where that is.
THERE: dict[str, tuple[str, dict[str, str]]] = {
    "openai": ("openai", {"api_base": "ADDRESS"}),
    "anthropic": ("anthropic", {"api_base": "ADDRESS"}),
    "bedrock": ("bedrock/converse", {"aws_bedrock_runtime_endpoint": "ADDRESS"} | AWS),
    "gemini": ("gemini", {"api_base": "ADDRESS"}),
    "ollama": ("ollama_chat", {"api_base": "ADDRESS"}),
    "mistral": ("mistral", {"api_base": "ADDRESS"}),
    "groq": ("groq", {"api_base": "ADDRESS"}),
    "deepseek": ("deepseek", {"api_base": "ADDRESS"}),
    "perplexity": ("perplexity", {"api_base": "ADDRESS"}),
    "openrouter": ("openrouter", {"api_base": "ADDRESS"}),
    "together": ("together_ai", {"api_base": "ADDRESS"}),
    "fireworks": ("fireworks_ai", {"api_base": "ADDRESS"}),
    "xai": ("xai", {"api_base": "ADDRESS"}),
}
SHOWN = 4
PATIENCE_S = 600
TITLES = {"request": "What is sent", "answer": "What is understood of an answer"}
INTRODUCTION = """# Where our translations differ from litellm's

Written by `make diff-litellm WRITE=--write`; `make diff-litellm` fails where this page no longer says what is there, or a difference
has no verdict (`tests/differential/verdicts.py`). The same chat completions (`tests/differential/asks.py`) go to litellm, which sends
them to a recorder, and through our formats; and the recorded answers of `tests/fixtures`, whole and streamed, are read by both. What only
spells the same thing differently is no difference: a text and a list of one text, null and nothing, one stop and a list of it.

Not compared: Cohere (litellm speaks its own format, we speak its compatible one), Vertex (the body is Gemini's), Azure (OpenAI's).

Ours is right in {ours} rows, litellm's in {theirs}, and in {either} either may do.
"""
TYPES = {".sse": "text/event-stream", ".ndjson": "application/x-ndjson", ".json": "application/vnd.amazon.eventstream"}


class Row(NamedTuple):
    """One difference, in every ask or answer that shows it. `values` are examples: ours and litellm's."""

    subject: str  # request or answer
    provider: str
    path: str
    values: tuple[str, str]
    cases: tuple[str, ...]


def job(kind: str, case: str, body: dict[str, Any], answer: bytes, type: str) -> dict[str, Any]:
    name, options = THERE[kind]
    recorded = {"body": base64.b64encode(answer).decode(), "type": type}
    return {"body": body | {"model": f"{name}/{target(kind, case).model}"}, "options": options | {"api_key": "key"}, "answer": recorded}


def whole(kind: str, case: str) -> bytes:
    return (FIXTURES / kind / case / "whole.json").read_bytes()


def requests() -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    for kind in THERE:
        for name, body in ASKS.items():
            case = "reasoning" if "effort" in name else "text"
            yield kind, name, job(kind, case, body, whole(kind, "text"), "application/json"), ours.sent(kind, case, body)


def answers() -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    for kind in THERE:
        for case in folders(kind):
            body: dict[str, Any] = {"messages": [USER]}
            yield kind, case, job(kind, case, body, whole(kind, case), "application/json"), ours.understood(kind, whole(kind, case))
            type = next(type for suffix, type in TYPES.items() if list((FIXTURES / kind / case).glob(f"stream*{suffix}")))
            stream = streamed(kind, case)
            body = body | {"stream": True, "stream_options": {"include_usage": True}}
            yield kind, f"{case}, streamed", job(kind, case, body, stream, type), ours.understood(kind, stream, streamed=True)


def asked(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ORACLE, input=json.dumps(jobs), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, timeout=PATIENCE_S
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def collected() -> list[Row]:
    rows = [("request", *row) for row in requests()] + [("answer", *row) for row in answers()]
    cases: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    values: dict[tuple[str, str, str], tuple[str, str]] = {}
    for (subject, kind, case, _, mine), result in zip(rows, asked([row[3] for row in rows]), strict=True):
        theirs = sent(result) if subject == "request" else result["reply"]
        google = kind == "gemini" and subject == "request"
        for difference in differences(normal(mine, camel=google), normal(theirs, camel=google)):
            key = (
                subject,
                kind,
                f"{difference.path}: {difference.ours}, {difference.theirs}" if difference.path == REFUSED else difference.path,
            )
            cases[key][case] = None
            values.setdefault(key, (difference.ours, difference.theirs))
    return [
        Row(subject, kind, path.partition(":")[0], values[subject, kind, path], tuple(cases[subject, kind, path]))
        for subject, kind, path in sorted(cases)
    ]


def sent(result: dict[str, Any]) -> Any:
    if result["sent"]:
        return result["sent"][0]
    named = re.search(r"parameters: (\[[^\]]*\])", result["reply"]["error"])
    return {REFUSED: named[1].strip("[]").replace("'", "") if named else result["reply"]["error"].partition(":")[0]}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(*options: str) -> int:
    rows = collected()
    judged = [(row, verdict_of(row.subject, row.provider, row.path, row.cases)) for row in rows]
    for row, verdict in judged:
        if verdict is None:
            say(f"no verdict: {row.subject} {row.provider} {row.path}: {row.values} in {', '.join(row.cases)}")
    used = {verdict for _, verdict in judged}
    needless = [verdict for verdict in VERDICTS if verdict not in used]
    for verdict in needless:
        say(f"no such difference any more: {verdict}")
    written = page([(row, verdict) for row, verdict in judged if verdict])
    stale = not PAGE.exists() or PAGE.read_text() != written
    if "--write" in options:
        PAGE.write_text(written)
    elif stale:
        say(f"{PAGE.relative_to(ROOT)} does not say what is there: make diff-litellm WRITE=--write")
    return int(None in used or bool(needless) or (stale and "--write" not in options))


def page(judged: list[tuple[Row, Verdict]]) -> str:
    by_verdict: dict[Verdict, list[Row]] = defaultdict(list)
    for row, verdict in judged:
        by_verdict[verdict].append(row)
    counts = Counter(verdict.right for _, verdict in judged)
    lines = [*INTRODUCTION.format(ours=counts["ours"], theirs=counts["litellm"], either=counts["either"]).splitlines(), ""]
    for subject, title in TITLES.items():
        lines += [f"## {title}", "", "| provider | where | ours | litellm's | in | right | why |", "|---|---|---|---|---|---|---|"]
        for row, verdict in judged:
            if row.subject == subject:
                cells = (row.provider, f"`{row.path}`", *(f"`{value}`" if value != NOTHING else value for value in row.values))
                named = ", ".join(row.cases[:SHOWN]) + (f" and {len(row.cases) - SHOWN} more" if len(row.cases) > SHOWN else "")
                lines.append(
                    " | ".join(("", *(cell.replace("|", "\\|") for cell in (*cells, named, verdict.right, verdict.why)), "")).strip()
                )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
