"""What is known of a model that is imported: by the file itself, by the shipped routing.yaml, by a table of prices; else a marked guess."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from signalbox.config.defaults import kind_of
from signalbox.config.document import Document, parse
from signalbox.config.plain import to_data
from signalbox.config.source import Path
from signalbox.config.written import to_flow

from ..local.settings import ROOT
from ..price_table import CAPABILITIES, PER_TOKEN, SOURCE, Table
from .foreign import GUESSED, LEFT, Foreign, shown

CHAT, EMBEDDING = ("chat", "completion", "responses"), "embedding"
WINDOW, OUTPUT = 8_192, 4_096  # of a model nobody knows: small, so that nothing is promised that it may not hold
MOST_USD = Decimal("0.1")  # a token
MOST_TOKENS = 100_000_000
TAKEN = ("context_window", "max_output_tokens", "capabilities", "prices", "timeouts", "wire")
WINDOWS = ("max_input_tokens", "max_tokens")
BEDROCK = re.compile(r"^(us|eu|apac|global|jp|au|ca)\.|-v\d+(:\d+)?$")
NOTE = "GUESSED, as nobody here knows this model: {}. Write what is so, and take this line out."
TOLD_BY = {
    "context_window": ("max_input_tokens",),
    "max_output_tokens": ("max_output_tokens", "max_tokens"),
    "capabilities": tuple(field for fields in CAPABILITIES.values() for field in fields),
}


class Known:
    """`table` is asked for what neither the file nor routing.yaml knows."""

    def __init__(self, foreign: Foreign, table: Table | None, as_of: date, source: str) -> None:
        self._foreign, self._table, self._as_of, self._source = foreign, table, as_of, source

    def model(
        self, path: Path, kind: str, model: str, params: Mapping[str, Any], info: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str] | None:
        """Its row, and a note where it is guessed. None, and listed, where it does something that is not served here."""
        mode = str(info.get("mode") or "")
        if mode and mode not in (*CHAT, EMBEDDING):
            self._foreign.leave((*path, "model_info", "mode"), "is not served here: chat, completions, responses and embeddings are")
            return None
        row = self._looked_up(path, kind, model, info)
        embeds = mode == EMBEDDING or (not mode and ("embeddings" in row.get("capabilities", ()) or (not row and "embed" in model.lower())))
        self._foreign.carried((*path, "model_info", "mode"))
        there = set(row)
        self._windows(path, row, info, embeds)
        self._capabilities(path, row, info, embeds)
        self._priced(path, row, params, info, embeds)
        guessed = [
            name for name, fields in TOLD_BY.items() if name in row and name not in there and not any(field in info for field in fields)
        ]
        if embeds:
            guessed = [name for name in guessed if name != "capabilities"]
        if guessed:
            said = ", ".join(f"{name} {to_flow(row[name])}" for name in guessed)
            self._foreign.find(path, GUESSED, f"{shown(model)}: {said}: nobody here knows it; write what is so")
        if "prices" not in row:
            self._foreign.find(
                path, LEFT, f"{shown(model)}: its prices are not known: it counts as free, and whoever has a hard budget is refused it"
            )
        return row, NOTE.format(", ".join(guessed)) if guessed else ""

    def _looked_up(self, path: Path, kind: str, model: str, info: Mapping[str, Any]) -> dict[str, Any]:
        names = [model]
        if base := info.get("base_model"):
            names.insert(0, str(base).rpartition("/")[2] if kind != "bedrock" else str(base).removeprefix("bedrock/"))
            self._foreign.carried((*path, "model_info", "base_model"))
        kinds = (kind, "openai") if kind in ("azure", "") else (kind,)
        for wanted in kinds:
            for name in names:
                if found := shipped().get((wanted, _plain(wanted, name))):
                    return {key: value for key, value in found.items() if key in TAKEN and (key != "wire" or wanted == kind)}
        for wanted in kinds:
            for name in names:
                if self._table and (entry := self._table.find(wanted, name)):
                    row: dict[str, Any] = {"context_window": entry.input_tokens} if entry.input_tokens else {}
                    if entry.output_tokens:
                        row["max_output_tokens"] = entry.output_tokens
                    row["capabilities"] = [*sorted(entry.capabilities), "streaming"]
                    if prices := {price[0]: value for price, value in entry.prices.items() if len(price) == 1}:
                        row["prices"] = prices | {"source": SOURCE, "as_of": self._as_of}
                    return row
        return {}

    def _windows(self, path: Path, row: dict[str, Any], info: Mapping[str, Any], embeds: bool) -> None:
        for theirs in (*WINDOWS, "max_output_tokens"):
            if info.get(theirs) is not None:
                value = self._foreign.number((*path, "model_info", theirs), info[theirs], 1, MOST_TOKENS, whole=True)
                if value and theirs == "max_tokens" and "max_output_tokens" not in info and not embeds:
                    row["max_output_tokens"] = value
                elif value and theirs != "max_tokens":
                    row["max_output_tokens" if theirs == "max_output_tokens" else "context_window"] = value
        row.setdefault("context_window", max(WINDOW, int(row.get("max_output_tokens", 0))))
        if embeds:
            row.pop("max_output_tokens", None)
        else:
            row["max_output_tokens"] = min(int(row.get("max_output_tokens", OUTPUT)), int(row["context_window"]))

    def _capabilities(self, path: Path, row: dict[str, Any], info: Mapping[str, Any], embeds: bool) -> None:
        told = set(row.get("capabilities", ("streaming",))) - {"embeddings"}
        for ours, fields in CAPABILITIES.items():
            for field in fields:
                if isinstance(info.get(field), bool):
                    self._foreign.carried((*path, "model_info", field))
                    told = told | {ours} if info[field] else told - {ours}
        order = ("tools", "vision", "json_schema", "streaming", "reasoning")
        row["capabilities"] = ["embeddings"] if embeds else [name for name in order if name in told]

    def _priced(self, path: Path, row: dict[str, Any], params: Mapping[str, Any], info: Mapping[str, Any], embeds: bool) -> None:
        """Dollars a token there, dollars a million here."""
        prices: dict[str, Any] = {}
        for section, fields in (("litellm_params", params), ("model_info", info)):
            for ours, theirs in PER_TOKEN.items():
                if fields.get(theirs) is not None and (value := _per_million(fields[theirs])) is not None:
                    self._foreign.carried((*path, section, theirs))
                    prices[ours] = value
        if "input" in prices and (embeds or "output" in prices):
            row["prices"] = prices | {"source": self._source, "as_of": self._as_of}
        elif prices:
            self._foreign.find(path, LEFT, "prices without both input_cost_per_token and output_cost_per_token say too little")
        own = row.get("prices")
        if embeds and own:
            row["prices"] = {name: value for name, value in own.items() if name not in ("output", "reasoning")}
        elif own and ("output" not in own or "input" not in own):
            del row["prices"]


@cache
def shipped() -> Mapping[tuple[str, str], dict[str, Any]]:
    """The models of the shipped routing.yaml, by kind and by what their provider calls them."""
    document = shipped_document()
    rows = {}
    for id, row in to_data(document)["models"].items():
        provider, _, name = id.partition("/")
        kind = kind_of(provider, document.providers[provider])
        rows[kind, _plain(kind, row.get("id") or name)] = row
    return rows


@cache
def shipped_document() -> Document:
    return parse((ROOT / "routing.yaml").read_text())[0]


def _plain(kind: str, model: str) -> str:
    """Bedrock's inference profiles and versions are the same model; so is what Ollama has as its latest."""
    if kind == "bedrock":
        return BEDROCK.sub("", BEDROCK.sub("", model))
    return model.removesuffix(":latest") if kind == "ollama" else model


def _per_million(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    if not found.is_finite() or not 0 <= found < MOST_USD:
        return None
    return round(found * 1_000_000, 9).normalize()
