"""Which room may import what. A line that does not know its room fails here, with the file and the name."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.init_imports import environment

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers" / "shared"
PACKAGE = LAYER / "signalbox"

VOCABULARY = {"errors", "money", "reply", "request", "wire"}

# Each pure room, and the rooms below it. Every one may import the vocabulary, the standard library, and itself.
PURE = {
    "dialects": set(),
    "circuits": set(),
    "admission": set(),
    "usage": set(),
    "reports": {"usage"},
    "routing": {"circuits"},
    "providers": {"routing"},
    "config": {"routing", "providers", "circuits", "guardrails", "capture"},
    "rollback": set(),
    "guardrails": set(),
    "capture": {"guardrails"},
}
PYDANTIC = {"config", "usage", "rollback", "admission"}  # for what is slow or rare
YAML = {"config"}
# Whose formats a provider may speak beside its own: OpenAI's are everybody's, and who serves another's models speaks of them in its words.
LENDERS = {"openai": set(), "formats": set(), "bedrock": {"openai", "anthropic"}}
EDGE_LIBRARIES = {"boto3", "botocore", "httpx", "aws_xray_sdk", "aws_lambda_powertools", "aws_encryption_sdk"}
# What a container of `complete` would pay for at its start, and what it loads when a request first asks for it.
SLOW_TO_IMPORT = EDGE_LIBRARIES | {"pydantic", "yaml", "jwt", "cryptography", "jsonpath_ng", "wrapt"}


def imports(file: Path) -> Iterator[str]:
    """Dotted names, relative ones made absolute."""
    package = (
        ["signalbox", *file.relative_to(PACKAGE).parent.parts]
        if file.is_relative_to(PACKAGE)
        else list(file.relative_to(ROOT).parent.parts)
    )
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ([f"{module}.{alias.name}" for alias in node.names] if not node.module else [module])


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"{folder} is empty"
    return found


def said(file: Path, name: str) -> str:
    return f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", sorted(PURE))
def test_a_pure_room_imports_only_what_lies_below_it(room):
    below = VOCABULARY | PURE[room] | {room}
    libraries = ({"pydantic", "pydantic_core"} if room in PYDANTIC else set()) | ({"yaml"} if room in YAML else set())
    wrong = []
    for file in files(PACKAGE / room):
        for name in imports(file):
            top, *rest = name.split(".")
            ours = top == "signalbox" and (not rest or rest[0] in below)
            if not (ours or top in sys.stdlib_module_names or top in libraries):
                wrong.append(said(file, name))
    assert not wrong, "\n".join(wrong)


def test_the_vocabulary_imports_only_itself():
    wrong = [
        said(file, name)
        for file in (PACKAGE / f"{word}.py" for word in VOCABULARY)
        for name in imports(file)
        if name.split(".")[0] not in sys.stdlib_module_names and name.split(".")[1] not in VOCABULARY
    ]
    assert not wrong, "\n".join(wrong)


def test_network_libraries_appear_only_at_the_edge():
    wrong = [
        said(file, name)
        for file in files(PACKAGE)
        if not file.is_relative_to(PACKAGE / "aws")
        for name in imports(file)
        if name.split(".")[0] in EDGE_LIBRARIES | {"socket", "http", "urllib3", "ssl"} and not file.is_relative_to(PACKAGE / "runtime")
    ]
    assert not wrong, "\n".join(wrong)


def test_boto3_stays_in_files_that_say_so():
    wrong = [
        said(file, name)
        for file in files(PACKAGE / "aws")
        if not file.name.startswith("boto_")
        for name in imports(file)
        if name.split(".")[0] in EDGE_LIBRARIES
    ]
    assert not wrong, "\n".join(wrong)


def test_complete_imports_nothing_slow_and_nothing_that_few_requests_need_at_its_start():
    rooms = ("capture", "guardrails.redaction", "guardrails.patterns", "aws.issuer", "aws.valkey")
    said = "import sys, signalbox.runtime.loop, handler; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", said], env=environment(), capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "signalbox.completion.endpoint" in loaded
    assert not SLOW_TO_IMPORT & {name.split(".")[0] for name in loaded}
    assert not {f"signalbox.{room}" for room in rooms} & loaded


def test_the_runtime_loop_knows_nothing_of_the_rest():
    wrong = [
        said(file, name)
        for file in files(PACKAGE / "runtime")
        for name in imports(file)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("signalbox.runtime")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_layer_imports_nothing_of_functions_or_ops():
    wrong = [said(file, name) for file in files(LAYER) for name in imports(file) if name.split(".")[0] in {"functions", "ops", "tests"}]
    assert not wrong, "\n".join(wrong)


def test_a_function_imports_no_other_function():
    folders = {folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir()}
    wrong = []
    for file in files(ROOT / "functions"):
        mine = {module.stem for module in file.parent.glob("*.py")}
        for name in imports(file):
            top = name.split(".")[0]
            if top in {"functions", "ops", "tests"} or (top in folders and top not in mine):
                wrong.append(said(file, name))
    assert not wrong, "\n".join(wrong)


def test_a_provider_imports_no_other_but_the_common_one():
    folders = {folder.name for folder in (PACKAGE / "providers").iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    wrong = [
        said(file, name)
        for folder in folders
        for file in files(PACKAGE / "providers" / folder)
        for name in imports(file)
        if name.startswith("signalbox.providers.") and name.split(".")[2] in folders - {folder, "formats"} - LENDERS.get(folder, {"openai"})
    ]
    assert not wrong, "\n".join(wrong)


def test_the_simulators_know_nothing_of_what_they_are_to_test():
    wrong = [said(file, name) for file in files(ROOT / "ops" / "simulators") for name in imports(file) if name.split(".")[0] == "signalbox"]
    assert not wrong, "\n".join(wrong)
