"""A document rendered from its data means the same, to the bit, and says what its parts are for."""

from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from signalbox.config.commented import ANY, TOLD, to_text
from signalbox.config.compiler import compile_text
from signalbox.config.document import Document, parse
from signalbox.config.plain import to_data

SEED = Path(__file__, "../../../../routing.yaml").resolve().read_text()
NAMES = ["a", "b2", "on", "no", "1e3", "null", "2026-01-02", "x.y-z"]
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
SECONDS = st.floats(0.001, 4)
PERCENT = st.floats(0, 100, allow_subnormal=False).map(lambda value: round(value, 9))  # no smaller: a document is read by people
USD = st.decimals(0, 100, places=9)
PRICES = st.fixed_dictionaries(
    {"input": USD, "output": USD, "source": TEXTS, "as_of": st.dates()}, optional={"cached": USD, "request": USD, "reasoning": USD}
)
MODEL = st.fixed_dictionaries(
    {"context_window": st.integers(100, 10**7), "max_output_tokens": st.integers(1, 100)},
    optional={
        "id": TEXTS,
        "prices": PRICES,
        "quality": st.integers(0, 100),
        "availability": st.decimals("0.1", 100, places=3),
        "capabilities": st.lists(st.sampled_from(["tools", "vision", "streaming"]), unique=True),
        "capacity": st.fixed_dictionaries({}, optional={"concurrency": st.integers(1, 9), "tokens_per_minute": st.integers(1, 10**9)}),
        "timeouts": st.fixed_dictionaries({}, optional={"profile": st.just("strict"), "ttft_s": SECONDS}),
    },
)
ROUTE = st.fixed_dictionaries(
    {"targets": st.lists(st.sampled_from(["openai/a", "openai/b2"]), unique=True, min_size=1)},
    optional={
        "strategy": st.sampled_from(["lowest_cost", "sticky", "sequential"]),
        "max_cost_usd": USD,
        "max_cost_increase": PERCENT,
        "retries": st.dictionaries(st.sampled_from(["server", "timeout"]), st.integers(0, 5)),
    },
)
POLICY = st.fixed_dictionaries(
    {"actions": st.fixed_dictionaries({"deny": TEXTS})},
    optional={
        "name": TEXTS,
        "status": st.sampled_from(["draft", "active"]),
        "priority": st.integers(0, 999),
        "continue": st.booleans(),
        "conditions": st.fixed_dictionaries(
            {}, optional={"tenant": st.lists(TEXTS, min_size=1), "tokens": st.fixed_dictionaries({"gt": PERCENT}), "model": TEXTS}
        ),
    },
)
DATA = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "providers": st.just({"openai": {"secret": None}}),
        "models": st.fixed_dictionaries({"openai/a": MODEL, "openai/b2": MODEL}),
    },
    optional={
        "routes": st.dictionaries(st.sampled_from(NAMES), ROUTE, max_size=4),
        "timeouts": st.fixed_dictionaries({}, optional={"ttft_s": SECONDS, "health_check_s": SECONDS}),
        "policies": st.dictionaries(st.sampled_from(NAMES), POLICY, max_size=4),
        "flags": st.dictionaries(st.sampled_from(NAMES), st.fixed_dictionaries({"percent": PERCENT, "enabled": st.booleans()})),
        "segments": st.dictionaries(st.sampled_from(NAMES), st.lists(TEXTS, max_size=3)),
    },
)


def digest(text: str) -> str:
    return compile_text(text).digest


def rendered(text: str) -> str:
    return to_text(to_data(parse(text)[0]))


def test_the_shipped_document_is_rendered_and_means_the_same() -> None:
    made = rendered(SEED)
    assert digest(made) == digest(SEED)
    assert rendered(made) == made


@settings(max_examples=150)
@given(data=DATA)
def test_a_rendered_document_means_what_it_is_made_of_to_the_bit(data: Any) -> None:
    """A document whose defaults are written out is the same one."""
    document = Document.model_validate(data)
    brief, whole = to_text(to_data(document)), to_text(to_data(document, whole=True))
    assert digest(brief) == digest(whole)
    assert rendered(brief) == brief
    assert parse(brief)[0] == document


def test_each_section_is_told_of_once_and_notes_stand_above_what_they_speak_of() -> None:
    made = to_text(to_data(parse(SEED)[0]), ["Head", ""], {("models", "openai/gpt-4o-mini", "context_window"): "look here"})
    assert made.startswith("# Head\n#\n\nversion: 1\n")
    assert "    # look here\n    context_window: 128000\n" in made
    for text in TOLD.values():
        assert made.count(f"# {text}\n") <= 1
    sections = parse(SEED)[0].model_fields_set & {pattern[0] for pattern in TOLD}
    assert all(TOLD[section,] in made for section in sections if f"\n{section}:" in made)


def test_every_section_is_told_of() -> None:
    assert {pattern[0] for pattern in TOLD if len(pattern) == 1} == set(Document.model_fields) - {"version"}


@pytest.mark.parametrize("pattern", TOLD, ids=".".join)
def test_what_is_told_of_is_there(pattern: tuple[str, ...]) -> None:
    kinds: list[Any] = [Document]
    for part in pattern:
        kinds = [inner for kind in kinds for inner in below(kind, part)]
        assert kinds, part


def below(kind: Any, part: str) -> list[Any]:
    """What may stand at this key of it, whatever it is wrapped in."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [field.annotation for name, field in kind.model_fields.items() if (field.alias or name) == part]
    inner = [arg for arg in get_args(kind) if arg is not type(None)]
    return inner[-1:] if part == ANY else [found for arg in inner for found in below(arg, part)]


def test_prices_stay_exact() -> None:
    text = SEED.replace("input: 1.75", "input: 0.000000001", 1)
    assert parse(rendered(text))[0].models["openai/gpt-5.2"].prices.input == Decimal("0.000000001")  # type: ignore[union-attr]
