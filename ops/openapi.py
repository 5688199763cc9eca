"""docs/openapi.json, made from the control function's routes: `python -m ops.openapi` writes it, `--check` compares."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONTROL = ROOT / "functions" / "control"
DOCUMENT = ROOT / "docs" / "openapi.json"


def load_control() -> dict[str, ModuleType]:
    """The function's modules by name, loaded anew as Lambda loads them, with its folder at the head of the path; then out of the way."""
    names = [file.stem for file in CONTROL.glob("*.py")]
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(CONTROL))
    try:
        importlib.import_module("handler")
        return {name: sys.modules[name] for name in names}
    finally:
        sys.path.remove(str(CONTROL))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def generate() -> str:
    modules = load_control()
    document: dict[str, Any] = modules["openapi"].document(modules["handler"].app)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    text = generate()
    if arguments == ["--check"]:
        current = DOCUMENT.exists() and DOCUMENT.read_text() == text
        if not current:
            print("docs/openapi.json is not what the routes say: run python -m ops.openapi")
        return 0 if current else 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text)
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
