"""Every event on the bus, by its name: what its detail holds, checked where it is read. A field that is not known yet is passed over.

Input is hidden in errors, because errors are logged.
"""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

SOURCE = "signalbox"

Id = Annotated[str, Field(min_length=1, max_length=400)]
Name = Annotated[str, Field(max_length=400)]  # empty where there is none; DynamoDB's keys take 2048 bytes
Target = Annotated[str, Field(min_length=1, max_length=200)]  # what `config.document` allows, and what the circuits' items are reckoned for
Kind = Annotated[str, Field(min_length=1, max_length=64)]
Count = Annotated[int, Field(ge=0, le=10**18)]
Whole = Annotated[int, Field(ge=-(10**18), le=10**18)]
Status = Annotated[int, Field(ge=0, le=999)]

MOST_ATTEMPTS = 13  # of an event that gives no total more counters than an update takes


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class Event(Strict):
    """`id` is the same whenever the same thing is told again."""

    version: Literal[1]
    id: Id


class Tokens(Strict):
    input: Count
    cached: Count
    cache_write: Count
    output: Count
    reasoning: Count
    cache_write_1h: Count = 0


class Attempt(Strict):
    target: Target
    outcome: Kind
    at_ms: Count
    duration_ms: Count
    ttft_ms: Count | None
    status: Status | None
    generation: Count
    tokens: Tokens
    cost_nanousd: Count
    estimated: bool
    retry_after_s: Count | None = None
    purpose: Annotated[str, Field(max_length=64)] = ""


class UsageRecorded(Event):
    """`usage.record.UsageRecord`, as it arrives. What has a default is missing from events of before it was told."""

    at_ms: Annotated[int, Field(ge=0, le=253_402_300_799_999)]
    tenant: Name
    team: Name
    key: Name
    agent: Name
    model: Name
    route: Name
    policy: Name
    config_version: Count
    target: Name
    provider: Name
    outcome: Id
    status: Status
    stream: bool
    finish: Name | None
    cache: Name
    attempts: Annotated[list[Attempt], Field(max_length=MOST_ATTEMPTS)]
    tokens: Tokens
    cost_nanousd: Count
    baseline_cost_nanousd: Count
    estimated: bool
    prompt_chars: Count
    ttft_ms: Count | None
    duration_ms: Count
    decision: Name
    lease: Name
    period_by_scope: Annotated[dict[Id, Annotated[list[Id], Field(max_length=10)]], Field(max_length=50)]
    refused_by: Annotated[list[Id], Field(min_length=2, max_length=2)] | None
    tags: Annotated[list[Name], Field(max_length=50)]
    policies: Annotated[list[Name], Field(max_length=200)] = []
    flags: Annotated[list[Name], Field(max_length=200)] = []
    default_target: Name = ""
    features: Annotated[dict[Name, JsonValue], Field(max_length=50)] = {}
    inputs: Annotated[str, Field(max_length=200_000)] = ""  # the bus takes 256 KB
    decided: Name = ""
    strategy: Name = ""
    compared: bool | None = None  # whether there is a baseline; events of before it was told had one where it was not 0
    user: Name = ""
    slow: bool = False
    unlisted: Annotated[list[Target], Field(max_length=MOST_ATTEMPTS)] = []
    passed_over: Annotated[list[Annotated[list[Id], Field(min_length=2, max_length=2)]], Field(max_length=50)] = []


class Spender(Strict):
    scope: Id
    cost_nanousd: Count


class BudgetEvent(Event):
    """`spenders`: the largest below the scope in these days, by UTC, as far as they were counted; none where that was not to be had."""

    at_ms: Count
    scope: Id
    period: Id
    percent: Count
    limit_nanousd: Whole
    settled_nanousd: Whole
    spenders: list[Spender] = []
    spenders_from: str = ""
    spenders_to: str = ""


class BudgetThresholdCrossed(BudgetEvent): ...


class BudgetExhausted(BudgetEvent): ...


class CircuitEvent(Event):
    at_ms: Count
    target: Id
    generation: Count
    reason: str


class CircuitOpened(CircuitEvent): ...


class CircuitHalfOpened(CircuitEvent): ...


class CircuitClosed(CircuitEvent): ...


class ConfigPublished(Event):
    at_ms: Count
    config_version: Count
    digest: Id
    author: str
    message: str = ""
    changes: Annotated[list[Name], Field(max_length=20)] = []
    flags: Annotated[list[Name], Field(max_length=20)] = []  # each with what it was and is
    summary: str = ""


class RollbackEvent(Event):
    at_ms: Count
    rollback_id: Id
    action: Id
    reason: str


class RollbackStarted(RollbackEvent): ...


class RollbackSucceeded(RollbackEvent): ...


class RollbackFailed(RollbackEvent): ...


class ReportPublished(Event):
    at_ms: Count
    day: Id
    tenant: Name
    team: Name
    bucket: Id
    keys: Annotated[list[Id], Field(max_length=10)]  # of the same report: JSON, CSV and HTML
    requests: Count
    cost_nanousd: Count


EVENTS: dict[str, type[Event]] = {
    event.__name__: event
    for event in (
        UsageRecorded,
        BudgetThresholdCrossed,
        BudgetExhausted,
        CircuitOpened,
        CircuitHalfOpened,
        CircuitClosed,
        ConfigPublished,
        RollbackStarted,
        RollbackSucceeded,
        RollbackFailed,
        ReportPublished,
    )
}

Detail = TypeVar("Detail", bound=Event)


class Envelope(Strict, Generic[Detail]):
    """What EventBridge puts around an event: the body of an SQS message."""

    source: Literal["signalbox"]
    detail_type: str = Field(alias="detail-type")
    detail: Detail

    @model_validator(mode="after")
    def _is_what_it_says(self) -> "Envelope[Detail]":
        if EVENTS.get(self.detail_type) is not type(self.detail):
            raise ValueError(f"detail-type does not name a {type(self.detail).__name__}")
        return self
