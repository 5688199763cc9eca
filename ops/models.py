"""`signalbox models import FILE`: what a public table of prices says of the models in routing.yaml, and with --apply, written into it.

Prices and windows are taken over. Capabilities are shown only: whether one holds is a matter of our formats as well. So is a price that the
table no longer has, or has as 0: silence is no price.
"""

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from signalbox.config.compiler import compile_text
from signalbox.config.defaults import kind_of
from signalbox.config.document import Document, parse
from signalbox.config.edit_values import with_values
from signalbox.config.rows import Model, PerToken
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import ANY

from . import documents, price_table
from .price_table import Entry, Price
from .trouble import Trouble

ORDER = (
    *("id", "wire", "context_window", "max_output_tokens", "capabilities", "prices", "above_tokens"),
    *("input", "cached", "cache_write", "cache_write_1h", "output", "reasoning", "long", "batch", "source", "as_of", "timeouts"),
)
ELSE = {"cached": "input", "cache_write": "input", "cache_write_1h": "cache_write", "reasoning": "output"}  # what it costs without a price


class Change(NamedTuple):
    """`set` is the new value, or None where it is only shown."""

    path: tuple[str, ...]  # below the model
    said: str
    set: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["import"])
    parser.add_argument("table", type=Path, help="LiteLLM's model_prices_and_context_window.json, downloaded")
    parser.add_argument("--apply", action="store_true", help="write what has changed into the document; without it nothing is written")
    parser.add_argument("--file", type=Path, default=Path("routing.yaml"), help="the document (routing.yaml)")
    parser.add_argument("--as-of", type=_day, help="the day of the table (the day its file was written)", metavar="YYYY-MM-DD")


def run(arguments: argparse.Namespace) -> None:
    table = price_table.read(arguments.table)
    text, document = _document(arguments.file)
    changes, unknown, same = compare(document, table)
    for id, rows in changes.items():
        print(id)
        for change in rows:
            print(f"  {'.'.join(change.path):<24} {change.said}")
    if unknown:
        print(f"not in the table: {', '.join(unknown)}")
    print(f"as in the table: {same} of {len(document.models)} models")
    as_of = arguments.as_of or datetime.fromtimestamp(arguments.table.stat().st_mtime, UTC).date()
    values = to_values(changes, as_of)
    if not values:
        print("there is nothing to write")
    elif not arguments.apply:
        print(f"nothing is written; --apply writes what is new into {arguments.file}")
    else:
        _write(arguments.file, with_values(text, values, ORDER))
        print(f"{arguments.file}: {len({path[1] for path in values})} models written, as of {as_of}")


def compare(document: Document, table: price_table.Table) -> tuple[dict[str, list[Change]], list[str], int]:
    """The changes by model, the models that the table does not know, and how many are as there."""
    changes, unknown, same = {}, [], 0
    for id, model in document.models.items():
        provider, _, name = id.partition("/")
        entry = None if id.endswith(ANY) else table.find(kind_of(provider, document.providers[provider]), model.id or name)
        if entry is None:
            unknown.append(id)
        elif rows := [*_windows(model, entry), *_price_changes(model, entry), *_capabilities(model, entry), *_withdrawn(entry)]:
            changes[id] = rows
        else:
            same += 1
    return changes, unknown, same


def to_values(changes: Mapping[str, list[Change]], as_of: date) -> dict[tuple[str, ...], str]:
    values = {}
    for id, rows in changes.items():
        for path, _, value in rows:
            if value is not None:
                values["models", id, *path] = value
        if any(path[0] == "prices" and value is not None for path, _, value in rows):
            values["models", id, "prices", "source"] = price_table.SOURCE
            values["models", id, "prices", "as_of"] = as_of.isoformat()
    return values


def _price_changes(model: Model, entry: Entry) -> Iterator[Change]:
    old, new = _prices(model), entry.prices
    if ("input",) not in new or (("output",) not in new and not model.embeds):
        if old:
            yield Change(("prices",), "the table has none any more; ours stay")
        return
    for price in sorted(old.keys() | new.keys(), key=lambda price: [ORDER.index(part) for part in price]):
        change = _price_change(price, old, new, model)
        if change:
            yield Change(("prices", *price), *change)


def _price_change(price: Price, old: Mapping[Price, Decimal], new: Mapping[Price, Decimal], model: Model) -> tuple[str, str | None] | None:
    was, now = old.get(price), new.get(price)
    if now is None:
        assert was is not None
        return None if was == _without(price, new) else (f"{_plain(was)} stays; the table has none", None)
    if was is None:
        instead = _without(price, old)
        if now == instead or (model.embeds and price[-1] == "output"):
            return None
        return f"new: {_plain(now)}" + ("" if instead is None else f" (so far as {_plain(instead)})"), _plain(now)
    if now == was:
        return None
    if now == 0:
        return f"{_plain(was)} stays; the table has 0: write it yourself if it is free now", None
    return f"{_plain(was)} → {_plain(now)}", _plain(now)


def _without(price: Price, prices: Mapping[Price, Decimal]) -> Decimal | None:
    """What it costs there, where it has no price of its own."""
    name: str | None = price[-1]
    while name is not None and (*price[:-1], name) not in prices:
        name = ELSE.get(name)
    return None if name is None else prices[*price[:-1], name]


def _prices(model: Model) -> dict[Price, Decimal]:
    prices = model.prices
    if prices is None:
        return {}
    rows = dict(_per_token(prices, ()))
    if prices.long:
        rows |= _per_token(prices.long, ("long",)) | {("long", "above_tokens"): Decimal(prices.long.above_tokens)}
    if prices.batch:
        rows["batch", "input"] = prices.batch.input
        if prices.batch.output is not None:
            rows["batch", "output"] = prices.batch.output
    return rows


def _per_token(prices: PerToken, path: Price) -> dict[Price, Decimal]:
    return {(*path, name): value for name in PerToken.model_fields if (value := getattr(prices, name)) is not None}


def _windows(model: Model, entry: Entry) -> Iterator[Change]:
    """Some providers state a window for input and output together, which the table has apart."""
    most = entry.output_tokens or 0
    if entry.input_tokens and model.context_window not in (entry.input_tokens, entry.input_tokens + most):
        yield _changed("context_window", model.context_window, entry.input_tokens)
    if most and not model.embeds and model.max_output_tokens != most:
        yield _changed("max_output_tokens", model.max_output_tokens, most)


def _changed(name: str, was: int | None, now: int) -> Change:
    return Change((name,), f"{was} → {now}", str(now))


def _capabilities(model: Model, entry: Entry) -> Iterator[Change]:
    known = frozenset(price_table.CAPABILITIES)
    more, fewer = entry.capabilities - model.capabilities, (model.capabilities & known) - entry.capabilities
    if model.embeds or not (more or fewer):
        return
    signs = [*(f"+{name}" for name in sorted(more)), *(f"-{name}" for name in sorted(fewer))]
    yield Change(("capabilities",), f"the table has {' '.join(signs)}; ours stay")


def _withdrawn(entry: Entry) -> Iterator[Change]:
    if entry.withdrawn:
        yield Change(("withdrawn",), f"{entry.withdrawn}, says the table")


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _document(path: Path) -> tuple[str, Document]:
    text = documents.read(path)
    try:
        compile_text(text)
    except InvalidDocument as error:
        raise Trouble(f"{path}: {error}") from error
    return text, parse(text)[0]


def _write(path: Path, text: str) -> None:
    try:
        compile_text(text)
    except InvalidDocument as error:
        raise Trouble(f"what the table says cannot stand in {path}, which stays as it is: {error}") from error
    path.write_text(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("not a day: YYYY-MM-DD") from error
