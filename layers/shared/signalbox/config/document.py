"""What `routing.yaml` may say. Every row refuses what it does not know, and every complaint names its line."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ..circuits.machine import DEFAULTS
from ..routing.catalog import ANY, NAME
from ..routing.flags import MOST_DECLARED
from .fields import PLAIN, Alias, FlagName, Name, TargetId, Wait, shown
from .overrides import apply
from .rows import DefaultTimeouts, Model, Provider, Row
from .rules import Chain, Flag, Policy, Route
from .source import InvalidDocument, Path, Problem, Source, read


class Circuits(Row):
    """When a target is passed over, for how long, and what brings it back."""

    consecutive_failures: Annotated[int, Field(gt=0, le=1_000)] = DEFAULTS.consecutive
    failed_percent: Annotated[int, Field(gt=0, le=100)] = DEFAULTS.ratio_percent
    minimum_attempts: Annotated[int, Field(gt=0, le=10_000)] = DEFAULTS.minimum
    window_s: Annotated[int, Field(ge=DEFAULTS.slots, le=DEFAULTS.stale_ms // 1000)] = DEFAULTS.slots * DEFAULTS.slot_ms // 1000
    open_s: Wait = DEFAULTS.open_ms // 1000
    open_max_s: Wait = DEFAULTS.open_max_ms // 1000
    calm_s: Wait = DEFAULTS.calm_ms // 1000
    probes: Annotated[int, Field(gt=0, le=100)] = DEFAULTS.successes


class Guardrail(Row):
    """`use` is its maker's name, where that is not its own. `routes` are those it guards; without them it guards whatever is asked for."""

    use: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    options: Annotated[Mapping[str, Any], PLAIN] = {}
    routes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Document(Row):
    version: Literal[1]
    providers: Annotated[Mapping[Name, Provider], Field(min_length=1)]
    models: Annotated[Mapping[TargetId, Model], Field(min_length=1)]
    routes: Mapping[Name, Route] = {}
    aliases: Mapping[Alias, str] = {}
    timeouts: DefaultTimeouts = DefaultTimeouts()
    circuits: Circuits = Circuits()
    guardrails: Mapping[Name, Guardrail] = {}
    chains: Mapping[Name, Chain] = {}
    policies: Mapping[Name, Policy] = {}
    flags: Annotated[Mapping[FlagName, Flag], Field(max_length=MOST_DECLARED)] = {}
    segments: Mapping[Name, tuple[str, ...]] = {}

    def model(self, id: str) -> Model | None:
        """The model of this name; else the one of the longest name with a `*` at its end that fits."""
        if id in self.models:
            return self.models[id]
        fitting = [row for row in self._stars if id.startswith(row[:-1]) and len(id) >= len(row)] if NAME.fullmatch(id) else []
        return self.models[max(fitting, key=len)] if fitting else None

    @cached_property
    def _stars(self) -> tuple[str, ...]:
        """Asked for once, and not for each of a thousand targets."""
        return tuple(row for row in self.models if row.endswith(ANY))

    def meaning(self, alias: str) -> str:
        """What it leads to in the end; `checks` has seen to it that there is such an end."""
        while alias in self.aliases:
            alias = self.aliases[alias]
        return alias

    def named(self) -> Iterator[str]:
        """The models that routes and aliases name."""
        for route in self.routes.values():
            yield from route.targets
        for alias in self.aliases:
            if (meaning := self.meaning(alias)) not in self.routes:
                yield meaning


class _Beneath(BaseModel):
    """What of a document has to be right whatever a stage says instead."""

    providers: Mapping[Name, Provider]


def parse(text: str, overrides: Mapping[str, str] | None = None) -> tuple[Document, Source]:
    """Raises InvalidDocument with every problem of form. What the parts say of each other is for `checks`."""
    source = read(text)
    data, said_by, problems = apply(source.data, overrides or {})
    if problems:
        raise InvalidDocument(problems)
    whole = replace(source, said_by=said_by)
    document = _checked(TypeAdapter(Document), data, whole)
    if overrides:  # a key in an address that they replace is stored, and shown, with the document all the same
        _checked(TypeAdapter(_Beneath), source.data, source)
    return document, whole


def parse_section(name: str, data: Any) -> Any:
    """What the document would have for a section of this data. Raises InvalidDocument, whose problems know no lines."""
    return _checked(TypeAdapter(Document.model_fields[name].annotation), data, Source(None, {}), (name,))


def _checked(kind: TypeAdapter[Any], data: Any, source: Source, at: Path = ()) -> Any:
    try:
        return kind.validate_python(data)
    except ValidationError as error:
        problems = [_to_problem(source, details, at) for details in error.errors()]
        raise InvalidDocument(sorted(problems, key=lambda problem: problem.line)) from error


def _to_problem(source: Source, error: ErrorDetails, at: Path) -> Problem:
    path: Path = (*at, *(part for part in error["loc"] if part != "[key]"))
    return source.problem(path, _message(error, path))


def _message(error: ErrorDetails, path: Path) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key; {_known_keys(path)}"
        case "missing":
            return "missing; every one of these needs it"
        case "too_short":
            return "empty; it needs one at least"
        case "too_long":
            return f"{context['actual_length'] or 'too many'} of them; {context['max_length']} are the most"
        case "model_type" | "dict_type" | "mapping_type":
            return "not a mapping; write `key: value` lines below it"
        case "string_pattern_mismatch":
            return f"{shown(error['input'])} does not look like a name of this kind; it has to match {context['pattern']}"
        case "literal_error":
            return f"{shown(error['input'])} is none of: {context['expected']}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {shown(error['input'])}"


def _known_keys(path: Path) -> str:
    known = _keys_around(path)
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def _keys_around(path: Path) -> list[str]:
    """The keys that the row holding this path may have."""
    kind: Any = Document
    for part in path[:-1]:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _without_none(kind.model_fields[str(part)].annotation)
        else:
            kind = get_args(kind)[-1]
    return list(kind.model_fields)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind
