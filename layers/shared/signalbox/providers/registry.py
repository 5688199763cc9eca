"""The wire formats by name. A provider or a model in `routing.yaml` names one; another is another row, or somebody else's entry point."""

from functools import cache
from importlib import import_module

from .contract import Wire

# Each is a module here with a `WIRE`, which is loaded when it is first asked for: most requests of a container speak one or two of them.
MODULES = {
    "openai": "openai.chat",
    "openai_responses": "openai.responses",
    "openai_embeddings": "openai.embeddings",
    "azure": "azure.chat",
    "azure_embeddings": "azure.embeddings",
    "anthropic": "anthropic.messages",
    "anthropic_vertex": "anthropic.vertex",
    "bedrock": "bedrock.converse",
    "bedrock_titan": "bedrock.titan",
    "bedrock_cohere": "bedrock.cohere",
    "gemini": "google.gemini",
    "gemini_embeddings": "google.embeddings",
    "vertex_embeddings": "google.vertex_embeddings",
    "ollama": "ollama.chat",
    "ollama_embeddings": "ollama.embeddings",
}
ENTRY_POINTS = "signalbox.wires"


@cache
def wire(name: str) -> Wire:
    """LookupError where there is none of that name."""
    if name in MODULES:
        found: Wire = import_module(f".{MODULES[name]}", __package__).WIRE
        return found
    return _elsewhere(name)


def known(name: str) -> bool:
    try:
        wire(name)
    except LookupError:
        return False
    return True


def _elsewhere(name: str) -> Wire:
    from importlib.metadata import entry_points  # 20 ms, and few have one

    found = [point for point in entry_points(group=ENTRY_POINTS) if point.name == name]
    if not found:
        raise LookupError(f"unknown wire format {name!r}; known: {', '.join(sorted(MODULES))}")
    loaded: Wire = found[0].load()
    return loaded
