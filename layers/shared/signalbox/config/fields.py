"""What a single value in `routing.yaml` may be: its form, its bounds, and what is said of one that is wrong."""

import re
from bisect import bisect
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from ..providers.auth import SCHEMES
from ..providers.errors import KEY
from ..providers.registry import MODULES, known
from ..providers.rows import ROWS

LAMBDA_SECONDS = 900
SECRET_OPTION = re.compile(r"(^|_)(api_?key|key|secret|token|password|credentials?)$")
NAMES_TOLD = 12
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


def secret_name(name: str) -> str:
    if KEY.search(name):
        raise ValueError("this looks like a key itself; write the name of its secret, and store the key by `signalbox secrets set`")
    return name


def no_key(name: str) -> str:
    if SECRET_OPTION.search(name):
        raise ValueError("an option is shown to whoever sees the document; keys belong in the provider's secret: `signalbox secrets set`")
    return name


def known_wire(wire: str) -> str:
    if wire not in MODULES and not known(wire):
        raise ValueError(f"unknown wire format {shown(wire)}; known: {names(MODULES)}")
    return wire


def known_kind(kind: str) -> str:
    if kind not in ROWS:
        raise ValueError(f"unknown kind {shown(kind)}; known: {names(ROWS)}; leave it out for whatever speaks as OpenAI does")
    return kind


def known_scheme(auth: str) -> str:
    if auth not in SCHEMES:
        raise ValueError(f"unknown way to show a key {shown(auth)}; known: {names(SCHEMES)}")
    return auth


def plain_text(value: Any) -> Any:
    """YAML takes 2024-10-21 for a day and 1 for a number."""
    return str(value) if isinstance(value, date | int | Decimal) and not isinstance(value, bool) else value


def plain_data(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case dict():
            return {key: plain_data(item) for key, item in value.items()}
        case list():
            return [plain_data(item) for item in value]
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
Count = Annotated[int, Field(gt=0, le=10**12)]
Wait = Annotated[int, Field(gt=0, le=86_400)]
Capability = Literal["tools", "vision", "json_schema", "streaming", "reasoning", "embeddings"]
OnLeave = Literal["drain", "estimate", "free"]
Option = Annotated[str, BeforeValidator(plain_text), StringConstraints(pattern=r"^[\x21-\x7a|~]{1,256}$")]
Strategy = Literal["sequential", "lowest_cost", "fastest_first", "round_robin", "health_based", "weighted", "sticky", "quality_first"]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
FlagName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Wire = Annotated[str, AfterValidator(known_wire)]
PLAIN = BeforeValidator(plain_data)


def names(rows: Iterable[str], like: str | None = None) -> str:
    """All of them; of many those whose names begin as that one's does."""
    ordered = sorted(rows)
    if like is None or len(ordered) <= NAMES_TOLD:
        return ", ".join(ordered) or "none"
    at = bisect(ordered, like)
    return f"{', '.join(ordered[max(0, at - NAMES_TOLD // 2) : at + NAMES_TOLD // 2])}, and {len(ordered)} in all"
