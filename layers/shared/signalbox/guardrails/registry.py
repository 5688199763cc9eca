"""Guardrails by the name that `routing.yaml` uses: one shipped, and whatever an entry point of the group `signalbox.guardrails` brings."""

from importlib import import_module

from .contract import Make

MODULES = {"redact": "redaction"}  # a module here with a `make`
ENTRY_POINTS = "signalbox.guardrails"


def maker(name: str) -> Make:
    """LookupError where there is none of that name."""
    if name in MODULES:
        make: Make = import_module(f".{MODULES[name]}", __package__).make
        return make
    from importlib.metadata import entry_points  # 20 ms, and few have one

    found = [point for point in entry_points(group=ENTRY_POINTS) if point.name == name]
    if not found:
        raise LookupError(f"unknown guardrail {name!r}; known: {', '.join(sorted(MODULES))}, and entry points of the group {ENTRY_POINTS}")
    loaded: Make = found[0].load()
    return loaded
