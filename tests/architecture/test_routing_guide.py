"""What docs/routing.md shows of a document is taken as it stands there, and its tables name what there is."""

import re
from pathlib import Path
from typing import Any

import yaml

from signalbox.config.compiler import compile_text
from signalbox.config.rules import Actions
from signalbox.routing.conditions import FIELDS, OPERATORS
from signalbox.routing.flags import BUILT_IN

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "routing.md").read_text()


def merged(data: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    both = {key: merged(data[key], more[key]) for key in data.keys() & more.keys() if isinstance(data[key], dict)}
    return data | more | both


def test_its_documents_go_live() -> None:
    """On the shipped providers and models; the shipped routes and policies have a story of their own."""
    shipped = (ROOT / "routing.yaml").read_text()
    data = {name: row for name, row in yaml.safe_load(shipped).items() if name in ("version", "providers", "models", "chains")}
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == 5
    for block in blocks:
        data = merged(data, yaml.safe_load(block))
    before = {warning.path for warning in compile_text(shipped).warnings}
    warnings = compile_text(yaml.dump(data, sort_keys=False)).warnings
    assert [str(warning) for warning in warnings if warning.path not in before] == []


def words(heading: str) -> set[str]:
    """The code words in the first column of the table under a heading."""
    rows = GUIDE.split(f"| {heading} |")[1].split("\n\n")[0].splitlines()[2:]
    return {re.match(r"\w+", word).group() for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}  # type: ignore[union-attr]


def test_every_condition_and_action_is_told() -> None:
    assert words("conditions over | what | comparisons") == set(FIELDS)
    assert words("actions |") == set(Actions.model_fields)
    said = {word for row in GUIDE.splitlines() if row.startswith("| `") for word in re.findall(r"`(\w+)`", row.rpartition(" | ")[2])}
    assert {operator for kind in OPERATORS.values() for operator in kind} - said <= {"within"}


def test_every_flag_from_the_start_is_told() -> None:
    assert [flag for flag in BUILT_IN if f"`{flag}` (off: " not in GUIDE] == []
