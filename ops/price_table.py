"""LiteLLM's public table of prices, in our terms: https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json

It is kept by many hands: what it says is compared, shown, and only then taken over. Prices there are US dollars a token, ours a million.
"""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from .trouble import Trouble

SOURCE = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"

# Its `litellm_provider`, or what that begins with up to a `-`, and the kinds of ours that it prices.
KINDS = {
    "openai": ("openai",),
    "azure": ("azure",),
    "anthropic": ("anthropic",),
    "bedrock": ("bedrock",),
    "bedrock_converse": ("bedrock",),
    "gemini": ("gemini",),
    "vertex_ai": ("vertex",),
    "mistral": ("mistral",),
    "perplexity": ("perplexity",),
    "groq": ("groq",),
    "deepseek": ("deepseek",),
    "cohere": ("cohere",),
    "cohere_chat": ("cohere",),
    "together_ai": ("together",),
    "fireworks_ai": ("fireworks",),
    "openrouter": ("openrouter",),
    "xai": ("xai",),
    "ollama": ("ollama", "ollama_cloud"),
}
BEDROCK_VERSION = "-v1:0"  # which ids of Bedrock end in there, and not everywhere

PER_TOKEN = {
    "input": "input_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "output": "output_cost_per_token",
    "reasoning": "output_cost_per_reasoning_token",
}
LONG = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
BATCH = {"input": "input_cost_per_token_batches", "output": "output_cost_per_token_batches"}
CAPABILITIES = {
    "tools": ("supports_function_calling",),
    "vision": ("supports_vision",),
    "json_schema": ("supports_response_schema", "supports_native_structured_output"),
    "reasoning": ("supports_reasoning",),
}

Price = tuple[str, ...]  # ("input",), ("long", "input"), ("long", "above_tokens"), …


class Entry(NamedTuple):
    """What the table says of one model, where it does; prices are dollars per million tokens. `withdrawn` is a day, or empty."""

    name: str
    prices: Mapping[Price, Decimal]
    input_tokens: int | None
    output_tokens: int | None
    capabilities: frozenset[str]
    withdrawn: str


class Table:
    """Rows by our kind and the provider's name of the model. Trouble where the file is no such table."""

    def __init__(self, rows: Mapping[str, Any]) -> None:
        self._rows: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
        for name, row in rows.items():
            provider = row.get("litellm_provider") if isinstance(row, dict) else None
            if isinstance(provider, str):
                for kind in KINDS.get(provider) or KINDS.get(provider.partition("-")[0], ()):
                    self._rows.setdefault((kind, _model(name, provider)), (name, row))
        if not self._rows:
            raise Trouble("no row of it names a provider we know: this is no table of prices as LiteLLM publishes it")

    def find(self, kind: str, model: str) -> Entry | None:
        for spelt in (model, model + BEDROCK_VERSION) if kind == "bedrock" else (model,):
            if found := self._rows.get((kind, spelt)):
                return _entry(*found)
        return None


def read(path: Path) -> Table:
    if str(path).startswith(("http:", "https:")):
        raise Trouble("only a file on this machine is read: download the table first")
    try:
        rows = json.loads(path.read_text(), parse_float=Decimal, parse_constant=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise Trouble(f"{path} is no JSON: {error}") from error
    if not isinstance(rows, dict):
        raise Trouble(f"{path} is no table of prices: a JSON object was expected, a row by each model's name")
    return Table(rows)


def _model(name: str, provider: str) -> str:
    return name.removeprefix(f"{provider.partition('-')[0]}/").removeprefix(f"{provider}/")


def _entry(name: str, row: Mapping[str, Any]) -> Entry:
    return Entry(
        name,
        dict(_prices(name, row)),
        _count(name, row, "max_input_tokens"),
        _count(name, row, "max_output_tokens"),
        frozenset(ours for ours, theirs in CAPABILITIES.items() if any(row.get(field) is True for field in theirs)),
        row["deprecation_date"] if isinstance(row.get("deprecation_date"), str) else "",
    )


def _prices(name: str, row: Mapping[str, Any]) -> Iterable[tuple[Price, Decimal]]:
    yield from _per_token(name, row, (), PER_TOKEN)
    above = [int(found[1]) for field in row if (found := LONG.fullmatch(field)) and row[field] is not None]
    if above:
        yield ("long", "above_tokens"), Decimal(min(above) * 1000)
        suffix = f"_above_{min(above)}k_tokens"
        yield from _per_token(name, row, ("long",), {ours: theirs + suffix for ours, theirs in PER_TOKEN.items()})
    yield from _per_token(name, row, ("batch",), BATCH)


def _per_token(name: str, row: Mapping[str, Any], path: Price, fields: Mapping[str, str]) -> Iterable[tuple[Price, Decimal]]:
    input = row.get(fields["input"])
    for ours, theirs in fields.items():
        value = row.get(theirs)
        if value is None or (ours == "cache_write" and value == 0 and input):
            continue  # a write for nothing, where reading is not: it does not bill writes at all
        if not isinstance(value, int | Decimal) or isinstance(value, bool) or not (Decimal(value).is_finite() and 0 <= value < 1):
            raise Trouble(f"the table's {theirs} of {name} is no price a token: {str(value)[:60]}")
        yield (*path, ours), round(Decimal(value) * 1_000_000, 9)  # finer than that is what floats leave behind


def _count(name: str, row: Mapping[str, Any], field: str) -> int | None:
    value = row.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Trouble(f"the table's {field} of {name} is no number of tokens: {str(value)[:60]}")
    return value or None
