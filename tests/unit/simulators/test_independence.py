"""An oracle that shared code with what it judges would agree with its mistakes."""

import ast
import sys
from pathlib import Path

import ops.simulators

FILES = sorted(Path(ops.simulators.__file__).parent.rglob("*.py"))


def test_the_simulators_import_only_the_standard_library_and_themselves():
    foreign = [
        f"{path.name}: {name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
        if name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []
    assert len(FILES) > 10


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
