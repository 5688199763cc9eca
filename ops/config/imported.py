"""What was read of somebody else's models and settings, put together as a document of ours: providers, models, routes, chains, aliases."""

import json
import re
from collections import ChainMap
from collections.abc import Sequence
from typing import Any, get_args
from urllib.parse import urlsplit

from signalbox.config.fields import Alias
from signalbox.config.source import Path
from signalbox.providers.rows import ROWS

from ..table import counted
from .behind import KINDS, Behind
from .deployments import Deployment, free, grouped, slug, strategy
from .foreign import CHANGED, LEFT, TODO, Foreign, shown
from .known_providers import ENVIRONMENT, Provider
from .litellm_settings import MOST_S, Settings

ATTEMPTS = 3  # of a route, where nothing is said
MOST_ATTEMPTS = 10
RETRIED = ("server", "overloaded", "unreachable", "timeout")
DOCUMENT_TIMEOUTS = {"ttft_s": 5.0, "between_chunks_s": 10.0, "total_s": 120.0}
ALIAS = re.compile(get_args(Alias)[1].pattern)


class Assembly:
    """`document` and `notes` are for `config.commented`; what does not fit is listed."""

    def __init__(self, foreign: Foreign, deployments: Sequence[Deployment], settings: Settings) -> None:
        self._foreign, self._settings = foreign, settings
        self._providers: dict[Provider, str] = {}
        self._models: dict[str, str] = {}  # ids by what they are
        self._rows: dict[str, dict[str, Any]] = {}
        self._routes: dict[str, dict[str, Any]] = {}
        self._chains: dict[str, dict[str, list[str]]] = {}
        self._aliases: dict[str, str] = {}
        self._names: dict[str, str] = {}  # routes by somebody's name
        self.notes: dict[Path, str] = {}
        for one in sorted(deployments, key=lambda one: not one.is_wild):
            self._provider(one)
        for one in deployments:
            if one.is_wild:
                self._wild(one)
        self._groups = {name: self._of_one_kind(group) for name, group in grouped(one for one in deployments if not one.is_wild).items()}
        self._behind = Behind(foreign, settings, self._groups)
        self._assemble()

    @property
    def document(self) -> dict[str, Any]:
        sections = {
            "version": 1,
            "providers": {name: provider.row(name) for provider, name in self._providers.items()},
            "models": self._rows,
            "routes": self._routes,
            "aliases": self._aliases,
            "timeouts": self._timeouts(),
            "circuits": dict(self._settings.circuits),
            "chains": self._chains,
        }
        return {name: value for name, value in sections.items() if value}

    def _assemble(self) -> None:
        routes: set[str] = set()
        for name in self._groups:
            self._names[name] = free(slug(name), routes)
            routes.add(self._names[name])
        chained = {name: self._behind.chain(name) for name in self._groups}
        ids = {name: [self._id(one, self._names[name] if chained[name] else None) for one in group] for name, group in self._groups.items()}
        for name, kinds in chained.items():
            rows = {kind: [id for other in others for id in ids[other] if id not in ids[name]] for kind, others in kinds.items()}
            rows = {kind: self._roomier(name, kind, list(dict.fromkeys(found)), ids[name]) for kind, found in rows.items()}
            if rows := {kind: found for kind, found in rows.items() if found}:
                self._chains[self._names[name]] = {kind: rows[kind] for kind in KINDS if kind in rows}
            else:
                for id in ids[name]:
                    self._rows[id].pop("chain", None)
        for name, group in self._groups.items():
            if ids[name] == [name]:
                self._names[name] = name
                continue
            behind = [id for other in self._behind.groups(name, "generic") if "generic" not in chained[name] for id in ids[other]]
            self._route(name, group, ids[name], [id for id in dict.fromkeys(behind) if id not in ids[name]])
        self._other_names()

    def _provider(self, one: Deployment) -> None:
        if one.provider in self._providers:
            return
        taken = {*self._providers.values(), *(kind for kind in ROWS if kind != one.provider.kind)}
        host = urlsplit(one.provider.base_url or "").hostname or "" if not one.provider.kind else ""
        hint = slug(one.name.partition("/")[0]) if one.is_wild and "/" in one.name and "*" not in one.name.partition("/")[0] else ""
        plain = slug(host) if one.hint == "openai" and host else one.provider.kind or one.hint
        name = free(hint if hint and hint not in taken else plain, taken)
        self._providers[one.provider] = name
        key, where = one.provider.key, (*one.path, "litellm_params", "api_key")
        if key is not None and one.provider.kind != "bedrock":
            given = key.removeprefix(ENVIRONMENT) if key.startswith(ENVIRONMENT) else ""
            pipe = f'echo "${given}" | ' if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", given) else ""
            self._foreign.find(where, TODO, f"store its key: {pipe}signalbox secrets set {name}")
        elif one.provider.kind == "bedrock":
            self._foreign.find(where, TODO, "calls are signed with the function's own role: allow it the model in your account")

    def _wild(self, one: Deployment) -> None:
        id = f"{self._providers[one.provider]}/{one.model}"
        self._rows.setdefault(id, dict(one.row))
        if one.note:
            self.notes["models", id] = one.note
        if one.name != id:
            self._foreign.find((*one.path, "model_name"), CHANGED, f"is asked for as {id} here")

    def _of_one_kind(self, group: list[Deployment]) -> list[Deployment]:
        for one in group:
            if one.embeds != group[0].embeds:
                self._foreign.leave(one.path, f"a route answers with embeddings or with texts, and {shown(one.name)} began otherwise")
        return [one for one in group if one.embeds == group[0].embeds]

    def _id(self, one: Deployment, chain: str | None) -> str:
        """The same for what is the same in all that is said of it."""
        row = dict(one.row) | ({"chain": chain} if chain else {})
        provider = self._providers[one.provider]
        what = json.dumps([provider, one.model, row], sort_keys=True, default=str)
        if what not in self._models:
            plain = re.sub(r"[^A-Za-z0-9._:/@-]", "-", one.model).lstrip("._:/@-")[:120] or "model"
            groups: Any = self._groups
            taken = ChainMap(self._rows, groups)
            id = f"{provider}/{plain}"
            if id in self._rows or id != one.name or not self._is_plain(id):
                id = free(id, taken, "@")
            if id != f"{provider}/{one.model}":
                row = {"id": one.model} | row
            self._models[what], self._rows[id] = id, row
            if one.note:
                self.notes["models", id] = one.note
        return self._models[what]

    def _is_plain(self, name: str) -> bool:
        """Whether a model of this name answers as its route would, so that it needs none."""
        said = self._settings
        plain = len(self._groups[name]) == 1 and not (said.attempts or said.retries or said.total_s)
        one = self._groups[name][0]
        return plain and not one.attempts and not one.timeout_s and not any(self._behind.groups(name, kind) for kind in KINDS)

    def _roomier(self, name: str, kind: str, found: list[str], own: list[str]) -> list[str]:
        if kind != "context_too_long":
            return found
        window = max(self._rows[id]["context_window"] for id in own)
        small = [id for id in found if self._rows[id]["context_window"] <= window]
        if small:
            path = self._settings.fallbacks[kind][name][0]
            self._foreign.find(path, LEFT, f"{', '.join(small)}: no larger than the {window} tokens of {shown(name)}, as far as is known")
        return [id for id in found if id not in small]

    def _route(self, name: str, group: list[Deployment], ids: list[str], behind: list[str]) -> None:
        order = strategy(group, self._settings.strategy)
        pairs = (
            sorted(zip(group, ids, strict=True), key=lambda pair: pair[0].order)
            if order == "sequential"
            else [*zip(group, ids, strict=True)]
        )
        targets = list(dict.fromkeys([*(id for _, id in pairs), *behind]))
        seen: set[str] = set()
        for one, id in zip(group, ids, strict=True):
            if id in seen:
                self._foreign.find(one.path, CHANGED, f"the same as another of {shown(name)} in all that is carried over: one target")
            seen.add(id)
        own = max((one.attempts or 0 for one in group), default=0) or self._settings.attempts or ATTEMPTS
        further = len(behind) + sum(len(row) for row in self._chains.get(self._names[name], {}).values())
        attempts = min(MOST_ATTEMPTS, own + further)
        route: dict[str, Any] = {"targets": targets}
        if order != "sequential" and len(targets) > 1:
            route["strategy"] = order
        if attempts != ATTEMPTS:
            route["max_attempts"] = attempts
        if order == "weighted" and (weights := self._weights(pairs)):
            route["weights"] = weights
        for one in group:
            if one.weighed and "weights" not in route:
                self._foreign.leave(one.weighed, f"weights are of no account here: {order}, {counted(len(targets), 'target')}")
        wait_s = max((one.timeout_s or self._settings.total_s or 0 for one in group), default=0)
        if wait_s and attempts > 1:
            route["timeouts"] = {"total_s": min(MOST_S, wait_s * attempts)}
        again = min(5, own - 1) if len(set(ids)) == 1 and (self._settings.attempts or any(one.attempts for one in group)) else 0
        if retries := dict.fromkeys(RETRIED, again) | dict(self._settings.retries):
            route["retries"] = {kind: times for kind, times in retries.items() if times}
        self._routes[self._names[name]] = {key: value for key, value in route.items() if value}

    def _weights(self, pairs: Sequence[tuple[Deployment, str]]) -> dict[str, float]:
        if not any(one.weight for one, _ in pairs) or len({id for _, id in pairs}) < 2:
            return {}
        found: dict[str, float] = {}
        for one, id in pairs:
            found[id] = found.get(id, 0) + (one.weight or 0.001)
        return {id: min(1_000_000, weight) for id, weight in found.items()}

    def _other_names(self) -> None:
        for name, route in self._names.items():
            if name != route:
                self._alias(name, route, self._groups[name][0].path)
        for alias, (path, name) in self._settings.aliases.items():
            if name in self._names:
                self._alias(alias, self._names[name], path)
            else:
                self._foreign.find(path, LEFT, f"{shown(name)}: there is no model of this name among what is carried over")

    def _alias(self, alias: str, route: str, path: Path) -> None:
        if alias in self._routes or alias in self._rows or alias in self._aliases:
            if self._aliases.get(alias) != route and alias != route:
                self._foreign.find(path, LEFT, f"{shown(alias)} is the name of something else already; ask for {route}")
        elif ALIAS.fullmatch(alias):
            self._aliases[alias] = route
        else:
            self._foreign.find(path, CHANGED, f"{shown(alias)} is no name that can be asked for here: ask for {route}")

    def _timeouts(self) -> dict[str, Any]:
        total_s, ttft_s = self._settings.total_s, self._settings.ttft_s
        if not total_s and not ttft_s:
            return {}
        whole = total_s or max(DOCUMENT_TIMEOUTS["total_s"], ttft_s or 0)
        first = min(ttft_s or whole, whole)
        said = {"ttft_s": first, "between_chunks_s": min(DOCUMENT_TIMEOUTS["between_chunks_s"], whole), "total_s": whole}
        said = {name: value for name, value in said.items() if value != DOCUMENT_TIMEOUTS[name]}
        return {name: _number(value) for name, value in said.items()} | ({"embedding": {"ttft_s": _number(first)}} if first != 3 else {})


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value
