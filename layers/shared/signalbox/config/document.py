"""What `routing.yaml` may say. Every row refuses what it does not know, and every complaint names its line."""

import difflib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from ..circuits.machine import DEFAULTS
from ..routing.catalog import ANY
from .fields import (
    PLAIN,
    Alias,
    Capability,
    Count,
    FlagName,
    Name,
    OnLeave,
    Option,
    Percent,
    Seconds,
    Strategy,
    TargetId,
    Usd,
    Wait,
    Weight,
    Wire,
    checked_url,
    known_kind,
    known_scheme,
    no_key,
    secret_name,
    shown,
)
from .overrides import apply
from .source import InvalidDocument, Path, Problem, Source, read

Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Availability = Annotated[Decimal, Field(gt=0, le=100)]
Retried = Literal["rate_limited", "overloaded", "server", "unreachable", "timeout", "cut", "malformed"]


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Timeouts(Row):
    """Seconds, each where it differs from what is more general. The profile `strict` holds the whole operation to 5 s."""

    profile: Literal["strict"] | None = None
    ttft_s: Seconds | None = None
    between_chunks_s: Seconds | None = None
    total_s: Seconds | None = None


class DefaultTimeouts(Row):
    """`embedding` is where they differ for embeddings. A health check has its own: all of a minute's have to end within it.

    `report_s` is for calls that make a report, of which there are none yet.
    """

    ttft_s: Seconds = 5
    between_chunks_s: Seconds = 10
    total_s: Seconds = 120
    embedding: Timeouts = Timeouts(ttft_s=3)
    health_check_s: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 2
    report_s: Seconds = 120


class Capacity(Row):
    """What a target takes before it answers 429. Tokens are input and output together."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrency: Count | None = None


class Provider(Row):
    """Whatever is left out is as `providers.rows` has it for its kind, which is its own name where it has a row."""

    kind: Annotated[str, AfterValidator(known_kind)] | None = None
    wire: Wire | None = None
    base_url: Annotated[str, AfterValidator(checked_url)] | None = None
    auth: Annotated[str, AfterValidator(known_scheme)] | None = None
    secret: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"), AfterValidator(secret_name)] | None = None
    on_leave: OnLeave | None = None
    timeouts: Timeouts = Timeouts()
    region: Region | None = None
    availability: Availability | None = None
    options: Mapping[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"), AfterValidator(no_key)], Option] = {}


class PerToken(Row):
    """US dollars per million tokens. What a provider does not price apart costs what input or output costs."""

    input: Usd
    output: Usd | None = None  # of embeddings there is none
    cached: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = None
    reasoning: Usd | None = None


class LongPrices(PerToken):
    """Of the whole of a request whose input is over so many tokens."""

    above_tokens: Count


class BatchPrices(Row):
    """For the record: nothing is sent in batches yet."""

    input: Usd
    output: Usd | None = None


class Prices(PerToken):
    request: Usd = Decimal(0)  # a fee for each request, whatever its tokens
    long: LongPrices | None = None
    batch: BatchPrices | None = None
    source: str
    as_of: date


class Model(Row):
    """`id` is what the provider calls it, where that is not what follows the slash; `wire` its format, where it is not the provider's.

    `quality` is your own score; `availability` is percent; `chain` is what is tried where it fails.
    """

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    wire: Wire | None = None
    context_window: Count
    max_output_tokens: Count | None = None  # of embeddings there are none
    capabilities: frozenset[Capability] = frozenset()
    prices: Prices | None = None
    timeouts: Timeouts = Timeouts()
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    region: Region | None = None
    availability: Availability | None = None
    capacity: Capacity = Capacity()
    chain: Name | None = None

    @property
    def embeds(self) -> bool:
        return "embeddings" in self.capabilities


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


class Chain(Row):
    """What is tried after a model that names it: by the kind of its failure, and last of all the terminal one."""

    generic: tuple[str, ...] = ()
    context_too_long: tuple[str, ...] = ()
    content_filtered: tuple[str, ...] = ()
    terminal: str | None = None


class Route(Row):
    """Costs are US dollars. `max_cost_increase` is percent of what the first target would cost. `shares` are percent by provider."""

    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    strategy: Strategy = "sequential"
    timeouts: Timeouts = Timeouts()
    max_attempts: Annotated[int, Field(gt=0, le=10)] = 3
    weights: Mapping[str, Weight] = {}
    sticky: Literal["user", "conversation"] = "user"
    max_cost_usd: Usd | None = None
    max_cost_a_day_usd: Usd | None = None
    max_cost_increase: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = 5
    retries: Mapping[Retried, Annotated[int, Field(ge=0, le=5)]] = {}
    hedge_after_s: Seconds | None = None
    shares: Mapping[Name, Percent] = {}


class Mirror(Row):
    target: str
    percent: Percent


class Cache(Row):
    ttl_s: Annotated[int, Field(ge=0, le=2_592_000)]


class Actions(Row):
    """`route` is a route, an alias or a model."""

    route: str | None = None
    strategy: Strategy | None = None
    add_targets: tuple[str, ...] = ()
    remove_targets: tuple[str, ...] = ()
    weights: Mapping[str, Weight] = {}
    max_tokens: Count | None = None
    max_cost_usd: Usd | None = None
    timeouts: Timeouts = Timeouts()
    cache: Cache | None = None
    deny: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    mirror: Mirror | None = None


class Policy(Row):
    """The smallest priority is looked at first. What a condition may say is in `routing.conditions`; without any it always holds."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    status: Literal["draft", "active", "disabled"] = "draft"
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    flag: FlagName | None = None
    goes_on: Annotated[bool, Field(alias="continue")] = False
    conditions: Annotated[Mapping[str, Any], PLAIN] = {}
    actions: Actions


class Flag(Row):
    """On for so many percent of the callers or requests of the segments; without segments of all."""

    enabled: bool = True
    percent: Percent = 100
    segments: tuple[Name, ...] = ()
    by: Literal["caller", "tenant", "request"] = "caller"


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
    flags: Mapping[FlagName, Flag] = {}
    segments: Mapping[Name, tuple[str, ...]] = {}

    def model(self, id: str) -> Model | None:
        """The model of this name; else the one of the longest name with a `*` at its end that fits."""
        fitting = [row for row in self.models if row.endswith(ANY) and id.startswith(row[:-1]) and len(id) >= len(row)]
        return self.models.get(id) or (self.models[max(fitting, key=len)] if fitting else None)

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
    data, problems = apply(source.data, overrides or {})
    if problems:
        raise InvalidDocument(problems)
    try:
        document = Document.model_validate(data)
        if overrides:  # a key in an address that they replace is stored, and shown, with the document all the same
            _Beneath.model_validate(source.data)
    except ValidationError as error:
        problems = [_to_problem(source, details) for details in error.errors()]
        raise InvalidDocument(sorted(problems, key=lambda problem: problem.line)) from error
    return document, source


def _to_problem(source: Source, error: ErrorDetails) -> Problem:
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
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
