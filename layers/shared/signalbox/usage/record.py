"""What is known of one request when it is over. `complete` writes it, the ledger's outbox carries it, `UsageRecorded` publishes it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..money import Tokens

VERSION = 1
MOST_USER_CHARS = 200
CRASHED = "crashed"  # the outcome of a request that was sent and never settled: what came of its attempts nobody has told


class Attempt(NamedTuple):
    """One try at one target. `outcome` is `ok` or a failure kind; times are milliseconds; `at_ms` is epoch."""

    target: str
    outcome: str
    at_ms: int
    duration_ms: int
    ttft_ms: int | None = None
    status: int | None = None
    retry_after_s: int | None = None
    generation: int = 0  # of the target's circuit when the attempt began
    tokens: Tokens = Tokens()
    cost_nanousd: int = 0
    estimated: bool = False
    purpose: str = ""  # "" of the request's own; hedge: beside another; mirror: whose answer nobody saw; cache: to look one up by meaning


class UsageRecord(NamedTuple):
    """One request. `outcome` is `ok` or the error code answered; `tokens` and `cost_nanousd` are sums over its attempts.

    `period_by_scope` names each budget that the request was held against: {"key#k1": ["month#2026-11"]}.
    `refused_by` is the scope and period of the budget, or with outcome `rate_limited` the scope and name of the limit, that is used up,
    where one refused it. `inputs` is the canonical text that it was
    decided by, `decision` that text's digest, `decided` the digest of what came of it; all three are empty where nothing was decided.
    `route` is as the document names it: `openai/*` where that is what serves a model asked for by its own name.
    `features` are `routing.inputs.Features` by name, plain enough for JSON. `policies` were applied, `flags` were on.
    """

    id: str
    at_ms: int
    tenant: str
    team: str
    key: str
    model: str
    outcome: str
    status: int
    stream: bool
    prompt_chars: int
    duration_ms: int
    agent: str = ""
    route: str = ""
    policy: str = ""
    config_version: int = 0
    target: str = ""
    provider: str = ""
    finish: str | None = None
    cache: str = "none"
    attempts: tuple[Attempt, ...] = ()
    tokens: Tokens = Tokens()
    cost_nanousd: int = 0
    baseline_cost_nanousd: int = 0
    estimated: bool = False
    ttft_ms: int | None = None
    decision: str = ""  # digest of the decision's inputs
    lease: str = ""
    period_by_scope: Mapping[str, list[str]] = MappingProxyType({})
    refused_by: tuple[str, str] | None = None
    tags: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    default_target: str = ""  # whose cost the baseline is, where it is `compared`
    features: Mapping[str, Any] = MappingProxyType({})
    inputs: str = ""
    decided: str = ""
    strategy: str = ""
    compared: bool = False
    user: str = ""  # the end user, as the request says it, cut to MOST_USER_CHARS
    slow: bool = False  # took as long as its route or the stage calls slow, or longer
    unlisted: tuple[str, ...] = ()  # of its targets those that a `*` stands for in the document: names that callers made up
    passed_over: tuple[tuple[str, str], ...] = ()  # scope and period of the providers' budgets that are used up: others were asked

    def to_detail(self) -> dict[str, Any]:
        """The detail of `UsageRecorded`: JSON-ready, never a body, never a key."""
        attempts = [attempt._asdict() | {"tokens": attempt.tokens._asdict()} for attempt in self.attempts]
        nested = {"attempts": attempts, "tokens": self.tokens._asdict()}
        plain = {"period_by_scope": dict(self.period_by_scope), "features": dict(self.features)}
        return {"version": VERSION} | self._asdict() | nested | plain
