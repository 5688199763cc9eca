"""Who may be called: the rows of `routing.yaml` for providers, models, their prices and their limits."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from .fields import Capability, Count, Name, OnLeave, Option, Seconds, Usd, Wire, checked_url, known_kind, known_scheme, no_key, secret_name

Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Availability = Annotated[Decimal, Field(gt=0, le=100)]


class Row(BaseModel):
    """A default is read as what is written out is: 5 and 5.0 would be two digests of one document."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Timeouts(Row):
    """Seconds, each where it differs from what is more general. The profile `strict` holds the whole operation to 5 s."""

    profile: Literal["strict"] | None = None
    ttft_s: Seconds | None = None
    between_chunks_s: Seconds | None = None
    total_s: Seconds | None = None


class DefaultTimeouts(Row):
    """`embedding` is where they differ for embeddings. A health check has its own: all of a minute's have to end within it.

    `report_s` is for what makes the daily reports of one tenant: what takes longer is left, and tried again after the others.
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
