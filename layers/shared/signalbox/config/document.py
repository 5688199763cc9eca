"""What `routing.yaml` may say. Every row refuses what it does not know, and every complaint names its line."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from ipaddress import ip_address
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from ..circuits.machine import DEFAULTS
from ..providers.auth import SCHEMES
from ..providers.errors import KEY
from ..providers.registry import MODULES, known
from ..providers.rows import ROWS
from ..routing.catalog import ANY
from .overrides import apply
from .source import InvalidDocument, Path, Problem, Source, read

LAMBDA_SECONDS = 900
SECRET_OPTION = re.compile(r"(^|_)(api_?key|key|secret|token|password|credentials?)$")
AFTER_ANSWER_SECONDS = 20  # what is left to settle in when the longest answer has been sent


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_url(url: str) -> str:
    """Without a slash at its end. ValueError for what is no address, or none that prompts and keys may be sent to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address; write it as https://host/path")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("an address with credentials, a query or a fragment; keys belong in the provider's secret")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("plain http to another machine would send prompts and keys in the clear; use https")
    return url.rstrip("/")


def shown(value: object) -> str:
    """As a complaint may quote it: it is answered, printed and kept by others, and a key that stands in the wrong place is still a key."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    if KEY.search(text):
        return "what looks like a key"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _secret_name(name: str) -> str:
    if KEY.search(name):
        raise ValueError("this looks like a key itself; write the name of its secret, and store the key by `signalbox secrets set`")
    return name


def _no_key(name: str) -> str:
    if SECRET_OPTION.search(name):
        raise ValueError("an option is shown to whoever sees the document; keys belong in the provider's secret: `signalbox secrets set`")
    return name


def _known_wire(wire: str) -> str:
    if wire not in MODULES and not known(wire):
        raise ValueError(f"unknown wire format {shown(wire)}; known: {names(MODULES)}")
    return wire


def _known_kind(kind: str) -> str:
    if kind not in ROWS:
        raise ValueError(f"unknown kind {shown(kind)}; known: {names(ROWS)}; leave it out for whatever speaks as OpenAI does")
    return kind


def _known_scheme(auth: str) -> str:
    if auth not in SCHEMES:
        raise ValueError(f"unknown way to show a key {shown(auth)}; known: {names(SCHEMES)}")
    return auth


def _plain_text(value: Any) -> Any:
    """YAML takes 2024-10-21 for a day and 1 for a number."""
    return str(value) if isinstance(value, date | int | Decimal) and not isinstance(value, bool) else value


def _plain_data(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case dict():
            return {key: _plain_data(item) for key, item in value.items()}
        case list():
            return [_plain_data(item) for item in value]
        case Decimal():
            return float(value)
        case date():
            return value.isoformat()
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
TargetId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}/([A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}\*?|\*)$")]
Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,191}$")]
Usd = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=9)]
Seconds = Annotated[float, Field(gt=0, le=LAMBDA_SECONDS - AFTER_ANSWER_SECONDS, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
Wait = Annotated[int, Field(gt=0, le=86_400)]
Capability = Literal["tools", "vision", "json_schema", "streaming", "reasoning", "embeddings"]
OnLeave = Literal["drain", "estimate", "free"]
Option = Annotated[str, BeforeValidator(_plain_text), StringConstraints(pattern=r"^[\x21-\x7a|~]{1,256}$")]
Strategy = Literal["sequential"]


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provider(Row):
    """Whatever is left out is as `providers.rows` has it for its kind, which is its own name where it has a row."""

    kind: Annotated[str, AfterValidator(_known_kind)] | None = None
    wire: Annotated[str, AfterValidator(_known_wire)] | None = None
    base_url: Annotated[str, AfterValidator(checked_url)] | None = None
    auth: Annotated[str, AfterValidator(_known_scheme)] | None = None
    secret: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"), AfterValidator(_secret_name)] | None = None
    on_leave: OnLeave | None = None
    options: Mapping[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"), AfterValidator(_no_key)], Option] = {}


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


class Timeouts(Row):
    """Seconds, each where it differs from what is more general."""

    ttft_s: Seconds | None = None
    between_chunks_s: Seconds | None = None
    total_s: Seconds | None = None


class DefaultTimeouts(Row):
    ttft_s: Seconds = 5
    between_chunks_s: Seconds = 10
    total_s: Seconds = 120


class Model(Row):
    """`id` is what the provider calls it, where that is not what follows the slash; `wire` its format, where it is not the provider's."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    wire: Annotated[str, AfterValidator(_known_wire)] | None = None
    context_window: Count
    max_output_tokens: Count | None = None  # of embeddings there are none
    capabilities: frozenset[Capability] = frozenset()
    prices: Prices | None = None
    timeouts: Timeouts = Timeouts()

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


class Route(Row):
    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    strategy: Strategy = "sequential"
    timeouts: Timeouts = Timeouts()
    max_attempts: Annotated[int, Field(gt=0, le=10)] = 3


class Guardrail(Row):
    """`use` is its maker's name, where that is not its own. `routes` are those it guards; without them it guards whatever is asked for."""

    use: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    options: Annotated[Mapping[str, Any], BeforeValidator(_plain_data)] = {}
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


def names(rows: Iterable[str]) -> str:
    return ", ".join(sorted(rows)) or "none"
