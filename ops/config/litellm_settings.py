"""What a LiteLLM `config.yaml` says beside its models: how it is routed between them, retried, waited for; and what has no place here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from signalbox.config.fields import AFTER_ANSWER_SECONDS, LAMBDA_SECONDS
from signalbox.config.source import Path

from .foreign import CHANGED, Foreign
from .litellm_reasons import leave_settings

MOST_S = LAMBDA_SECONDS - AFTER_ANSWER_SECONDS
SECTIONS = ("router_settings", "litellm_settings")  # both may say what follows; the first is asked first

# https://docs.litellm.ai/docs/routing: their strategy, ours, and what is not the same in it.
STRATEGIES = {
    "simple-shuffle": ("weighted", ""),
    "latency-based-routing": ("fastest_first", ""),
    "cost-based-routing": ("lowest_cost", ""),
    "least-busy": ("health_based", "calls under way are not counted here: the expected time to a success is what is gone by"),
    "usage-based-routing": ("round_robin", "in turn, and past what is at its capacity"),
    "usage-based-routing-v2": ("round_robin", "in turn, and past what is at its capacity"),
}
FALLBACKS = {"fallbacks": "generic", "context_window_fallbacks": "context_too_long", "content_policy_fallbacks": "content_filtered"}
RETRIES = {
    "TimeoutErrorRetries": ("timeout",),
    "RateLimitErrorRetries": ("rate_limited",),
    "InternalServerErrorRetries": ("server", "overloaded"),
}


class Settings(NamedTuple):
    """`fallbacks` are model names by kind and by model name, `defaults` those for whoever has none, each with where it stands."""

    strategy: str
    attempts: int | None
    retries: Mapping[str, int]
    total_s: float | None
    ttft_s: float | None
    concurrency: int | None
    circuits: Mapping[str, int]
    fallbacks: Mapping[str, Mapping[str, tuple[Path, tuple[str, ...]]]]
    defaults: tuple[Path, tuple[str, ...]] | None
    aliases: Mapping[str, tuple[Path, str]]


NONE = Settings("sequential", None, {}, None, None, None, {}, {}, None, {})


def read(foreign: Foreign) -> Settings:
    said = _Said(foreign)
    total_s = said.number(("timeout", "request_timeout"), 0.001, 1e9)
    ttft_s = said.number(("stream_timeout",), 0.001, 1e9)
    retries = said.number(("num_retries",), 0, 100, whole=True)
    settings = Settings(
        strategy=said.strategy(),
        attempts=None if retries is None else min(10, int(retries) + 1),
        retries=said.retries(),
        total_s=bounded(foreign, said.where, total_s),
        ttft_s=bounded(foreign, said.where, ttft_s),
        concurrency=said.number(("default_max_parallel_requests",), 1, 1e9, whole=True),
        circuits=said.circuits(),
        fallbacks={ours: said.fallbacks(theirs) for theirs, ours in FALLBACKS.items()},
        defaults=said.defaults(),
        aliases=said.aliases(),
    )
    leave_settings(foreign)
    return settings


def bounded(foreign: Foreign, path: Path, value_s: float | None) -> float | None:
    if value_s is None or value_s <= MOST_S:
        return value_s
    foreign.find(path, CHANGED, f"{value_s:g} s is longer than a function may run: {MOST_S} s")
    return MOST_S


class _Said:
    """`where` is what was read last."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self.where: Path = ()

    def number(self, names: tuple[str, ...], least: float, most: float, *, whole: bool = False) -> Any:
        value = self._value(names)
        return None if value is None else self._foreign.number(self.where, value, least, most, whole=whole)

    def strategy(self) -> str:
        value = self._value(("routing_strategy",))
        if value is None:
            return STRATEGIES["simple-shuffle"][0]
        if str(value) not in STRATEGIES:
            self._foreign.leave(self.where, f"is none of those known here ({', '.join(STRATEGIES)}): targets are drawn by their weights")
            return STRATEGIES["simple-shuffle"][0]
        ours, difference = STRATEGIES[str(value)]
        self._foreign.carried(self.where)
        if difference:
            self._foreign.find(self.where, CHANGED, f"{ours}: {difference}")
        return ours

    def retries(self) -> dict[str, int]:
        policy = self._value(("retry_policy",))
        where = self.where
        found: dict[str, int] = {}
        for name, value in policy.items() if isinstance(policy, dict) else ():
            if name not in RETRIES:
                self._foreign.leave((*where, name), "this kind of failure is not repeated here: it would fail again")
            elif (times := self._foreign.number((*where, name), value, 0, 5, whole=True)) is not None:
                found |= dict.fromkeys(RETRIES[name], int(times))
        return found

    def circuits(self) -> dict[str, int]:
        found = {}
        fails = self.number(("allowed_fails",), 0, 999, whole=True)
        if fails is not None:
            found["consecutive_failures"] = fails + 1
            self._foreign.find(
                self.where, CHANGED, f"circuits.consecutive_failures: {fails + 1}: failures in a row here, and not in a minute"
            )
        wait = self.number(("cooldown_time",), 1, 86_400, whole=True)
        if wait is not None:
            found |= {"open_s": wait, "open_max_s": max(600, wait)}
            self._foreign.find(self.where, CHANGED, f"circuits.open_s: {wait}: it doubles here with each opening, to open_max_s")
        return found

    def fallbacks(self, name: str) -> dict[str, tuple[Path, tuple[str, ...]]]:
        rows = self._value((name,))
        found: dict[str, tuple[Path, tuple[str, ...]]] = {}
        if rows is not None and not isinstance(rows, list):
            self._foreign.leave(self.where, "is no list of {model: [models]}")
            return found
        where = self.where
        for position, row in enumerate(rows or ()):
            for model, others in row.items() if isinstance(row, dict) else ():
                if isinstance(others, list) and all(isinstance(other, str) for other in others):
                    self._foreign.carried((*where, position, model))
                    found[model] = (*where, position, model), tuple(others)
                else:
                    self._foreign.leave((*where, position, model), "is no list of models by their names")
        self._foreign.carried(*([where] if rows == [] else []))
        return found

    def defaults(self) -> tuple[Path, tuple[str, ...]] | None:
        names = self._value(("default_fallbacks",))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return None
        self._foreign.carried(self.where)
        return self.where, tuple(names)

    def aliases(self) -> dict[str, tuple[Path, str]]:
        rows = self._value(("model_group_alias",))
        where, found = self.where, {}
        for alias, meaning in rows.items() if isinstance(rows, dict) else ():
            name = meaning.get("model") if isinstance(meaning, dict) else meaning
            if isinstance(name, str):
                self._foreign.carried((*where, alias, "model") if isinstance(meaning, dict) else (*where, alias))
                if isinstance(meaning, dict) and "hidden" in meaning:
                    self._foreign.leave((*where, alias, "hidden"), "every name is listed here")
                found[alias] = (*where, alias), name
        return found

    def _value(self, names: tuple[str, ...]) -> Any:
        """Of the first section that has it; the others are listed."""
        found = [
            (section, name)
            for section in SECTIONS
            for name in names
            if isinstance(self._foreign.data.get(section), dict) and self._foreign.data[section].get(name) is not None
        ]
        for place in found[1:]:
            self._foreign.leave(place, f"{'.'.join(found[0])} says it already")
        self.where = found[0] if found else ()
        return self._foreign.data[found[0][0]][found[0][1]] if found else None
