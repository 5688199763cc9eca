"""LiteLLM's `config.yaml`: each row of its model_list is a deployment, and those of one model_name are a route. https://docs.litellm.ai/docs/proxy/configs"""

from collections.abc import Iterator, Mapping
from typing import Any

from signalbox.config.source import Path

from .deployments import Deployment
from .foreign import CHANGED, Foreign, shown
from .known_models import Known
from .known_providers import PREFIXES, resolved, split, to_provider
from .litellm_reasons import leave_row
from .litellm_settings import MOST_S, Settings, bounded

CAPACITY = {"rpm": "requests_per_minute", "tpm": "tokens_per_minute", "max_parallel_requests": "concurrency"}
WEIGHTS = ("weight", "rpm", "tpm")  # by what targets are drawn: the first that any of a route has


def deployments(foreign: Foreign, known: Known, settings: Settings) -> Iterator[Deployment]:
    rows = foreign.data.get("model_list")
    if not isinstance(rows, list):
        return
    by = {name: _weighed_by(group) for name, group in _by_name(rows).items()}
    for position, row in enumerate(rows):
        path: Path = ("model_list", position)
        params, info = (row.get(name) for name in ("litellm_params", "model_info")) if isinstance(row, dict) else (None, None)
        if not isinstance(row, dict) or not isinstance(params, dict) or not isinstance(row.get("model_name"), str):
            foreign.leave(path, "is no row with a model_name and litellm_params")
        elif not isinstance(params.get("model"), str):
            foreign.leave(path, "says no model under litellm_params")
        elif one := deployment(
            foreign, known, settings, path, row["model_name"], params, info if isinstance(info, dict) else {}, by[row["model_name"]]
        ):
            leave_row(foreign, path, params, info)
            yield one


def deployment(
    foreign: Foreign,
    known: Known,
    settings: Settings,
    path: Path,
    name: str,
    params: Mapping[str, Any],
    info: Mapping[str, Any],
    by: str = "",
) -> Deployment | None:
    """`params` without those that stand beside them in the row. None, and listed, where it cannot be carried over."""
    there = (*path, "litellm_params")
    text = resolved(foreign, (*there, "model"), params["model"], "model") or ""
    provider = params.get("custom_llm_provider")
    found = split(text, str(provider) if provider else None)
    if "*" in text and (found is None or "*" in found[1][:-1]):
        foreign.leave(path, "a * stands at the end of a provider's models here, as openai/*: name each provider by itself")
        return None
    if found is None:
        foreign.leave(path, f"{shown(text)}: of a provider that is not known here ({', '.join(sorted(PREFIXES))}): add it by its base_url")
        return None
    prefix, model = found
    placed = to_provider(foreign, there, params, prefix, model)
    known_row = known.model(path, PREFIXES[prefix], placed[1], params, info) if placed else None
    if placed is None or known_row is None:
        foreign.leave(path, "is not carried over, as is said of its parts")
        return None
    foreign.carried((*path, "model_name"), (*there, "model"), (*there, "custom_llm_provider"))
    row = known_row[0]
    numbers = _Numbers(foreign, path, params)
    timeout_s = _timeouts(foreign, numbers, row, settings, there)
    if capacity := _capacity(numbers, settings):
        row["capacity"] = capacity
    retries = [value for name in ("num_retries", "max_retries") if (value := numbers.read(name, 0, 100, whole=True)) is not None]
    weight = numbers.read(by, 0, 1e12) if by else None
    if by and not weight:
        foreign.find(path, CHANGED, f"has no {by}, and others of {shown(name)} have: it is drawn after all of them")
    return Deployment(
        name=name,
        path=path,
        hint=prefix.replace("_", "-") if not PREFIXES[prefix] else PREFIXES[prefix],
        provider=placed[0],
        model=placed[1],
        row=row,
        note=known_row[1],
        order=int(numbers.read("order", -1e6, 1e6, whole=True) or 0),
        weight=weight,
        weighed=(*there, "weight") if by == "weight" and "weight" in params else None,
        attempts=min(10, int(max(retries)) + 1) if retries else None,
        timeout_s=timeout_s,
    )


class _Numbers:
    """Of a row: LiteLLM reads rpm and tpm beside litellm_params as well."""

    def __init__(self, foreign: Foreign, path: Path, params: Mapping[str, Any]) -> None:
        self._foreign, self._path, self._params = foreign, path, params
        outer: Any = foreign.data
        for part in path:
            outer = outer[part]
        self._outer: Mapping[str, Any] = outer if isinstance(outer, dict) else {}

    def read(self, name: str, least: float, most: float, *, whole: bool = False) -> Any:
        if self._params.get(name) is not None:
            return self._foreign.number((*self._path, "litellm_params", name), self._params[name], least, most, whole=whole)
        if name in ("rpm", "tpm", "weight") and self._outer.get(name) is not None:
            return self._foreign.number((*self._path, name), self._outer[name], least, most, whole=whole)
        return None


def _capacity(numbers: _Numbers, settings: Settings) -> dict[str, int]:
    found = {ours: numbers.read(theirs, 1, 1e12, whole=True) for theirs, ours in CAPACITY.items()}
    found["concurrency"] = found["concurrency"] or settings.concurrency
    return {name: value for name, value in found.items() if value}


def _timeouts(foreign: Foreign, numbers: _Numbers, row: dict[str, Any], settings: Settings, there: Path) -> float | None:
    """Seconds that one attempt may take in all, where the row says so; its own timeouts take the place of those that are known of it."""
    total_s = bounded(foreign, (*there, "timeout"), numbers.read("timeout", 0.001, 1e9))
    first_s = bounded(foreign, (*there, "stream_timeout"), numbers.read("stream_timeout", 0.001, 1e9))
    if total_s or first_s:
        whole = total_s or settings.total_s or max(120, first_s or 0)
        first = min(first_s or settings.ttft_s or whole, whole)
        between = min(dict(row.get("timeouts", {})).get("between_chunks_s", 10), whole)
        row["timeouts"] = {"ttft_s": first, "between_chunks_s": between, "total_s": min(whole, MOST_S)}
    elif settings.total_s or settings.ttft_s:
        row.pop("timeouts", None)
    return total_s


def _by_name(rows: list[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("model_name"), str):
            groups.setdefault(row["model_name"], []).append(row)
    return groups


def _weighed_by(group: list[Any]) -> str:
    return next((name for name in WEIGHTS if any(_said(row, name) is not None for row in group)), "")


def _said(row: Any, name: str) -> Any:
    params = row.get("litellm_params") if isinstance(row, dict) else None
    inner = params.get(name) if isinstance(params, dict) else None
    return inner if inner is not None else row.get(name) if isinstance(row, dict) else None
