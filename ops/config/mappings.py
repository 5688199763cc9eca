"""A plain file of model mappings: by each name a provider's model, or a list of them, of which the first is tried first."""

from collections.abc import Iterator, Mapping
from typing import Any

from signalbox.config.source import Path

from .deployments import Deployment
from .foreign import CHANGED, Foreign, shown
from .known_models import Known, shipped_document
from .litellm import deployment
from .litellm_settings import NONE

WRAPPERS = ("model_mappings", "mappings", "models", "model_mapping", "aliases")


def unwrapped(data: Any) -> tuple[Path, Any]:
    """The mapping, and where it stands."""
    if isinstance(data, dict) and len(data) == 1 and (name := next(iter(data))) in WRAPPERS and isinstance(data[name], dict):
        return (name,), data[name]
    return (), data


def fits(data: Any) -> bool:
    _, rows = unwrapped(data)
    return isinstance(rows, dict) and bool(rows) and all(isinstance(row, str) or _several(row) or _named(row) for row in rows.values())


def deployments(foreign: Foreign, known: Known) -> Iterator[Deployment]:
    at, rows = unwrapped(foreign.data)
    for name in rows:
        for order, (path, text) in enumerate(_meant(foreign, rows, name, at)):
            row = {"model": _known_here(text)}
            if one := deployment(foreign, known, NONE, path, name, row, {}):
                foreign.carried(path)
                yield one._replace(order=order)


def _meant(foreign: Foreign, rows: Mapping[str, Any], name: str, at: Path) -> Iterator[tuple[Path, str]]:
    """A name of the file's own stands for what it means; in a circle, for itself."""
    value, met = rows[name], {name}
    for position, item in enumerate(value if isinstance(value, list) else [value]):
        path = (*at, name, position) if isinstance(value, list) else (*at, name)
        texts = list(_models(rows, item, (name,), met))
        if not texts:
            foreign.find(path, CHANGED, f"{shown(item)} is behind another of {shown(name)} already")
            foreign.carried(path)
        for text in texts:
            yield path, text


def _models(rows: Mapping[str, Any], item: Any, around: tuple[str, ...], met: set[str]) -> Iterator[str]:
    """`met` are the names that have been unfolded, each once: what stands behind them is there already."""
    if isinstance(item, dict):
        yield f"{item['provider']}/{item['model']}" if item.get("provider") else item["model"]
    elif item not in rows or item in around:
        yield item
    elif item not in met:
        met.add(item)
        value = rows[item]
        for inner in value if isinstance(value, list) else [value]:
            yield from _models(rows, inner, (*around, item), met)


def _known_here(text: str) -> str:
    """A name without its provider may be one that the shipped routing.yaml knows."""
    document = shipped_document()
    if "/" in text or text not in document.aliases:
        return text
    meaning = document.meaning(text)
    return meaning if meaning in document.models else text


def _several(row: Any) -> bool:
    return isinstance(row, list) and bool(row) and all(isinstance(item, str) or _named(item) for item in row)


def _named(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("model"), str) and row.keys() <= {"model", "provider"}
