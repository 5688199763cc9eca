"""What a public table of prices says of our models, shown first, and written only when it is told to be."""

import json
import os
from decimal import Decimal

import pytest

from ops import cli, price_table
from ops.price_table import Table
from ops.trouble import Trouble
from signalbox.config.compiler import compile_text
from tests.unit.config.test_edit_values import DOCUMENT


def row(provider="openai", **more):
    return {"litellm_provider": provider, "mode": "chat"} | more


def costs(input, output, **more):
    return {"input_cost_per_token": input, "output_cost_per_token": output} | more


SAME = {
    "gpt": row(
        **costs(4e-07, 1.6e-06, cache_read_input_token_cost=1e-07),
        max_input_tokens=300,
        max_output_tokens=100,
        supports_function_calling=True,
        supports_vision=True,
    ),
    "openai/flow": row(**costs(1e-06, 2e-06)),
    "vectors": row(mode="embedding", **costs(2e-08, 0.0), max_input_tokens=9, max_output_tokens=0),
    "bedrock/eu-west-1/anthropic.claude": row("bedrock", **costs(9e-06, 9e-06)),
    "anthropic.claude-v1:0": row("bedrock_converse", **costs(3e-06, 1.5e-05)),
}


@pytest.fixture
def run(tmp_path, capsys):
    """signalbox models import TABLE …: what it answered and said, and the document after it."""
    (tmp_path / "routing.yaml").write_text(DOCUMENT)

    def run(table, *words, document=None):
        if document is not None:
            (tmp_path / "routing.yaml").write_text(document)
        (tmp_path / "table.json").write_text(table if isinstance(table, str) else json.dumps(table))
        os.utime(tmp_path / "table.json", (1_790_000_000, 1_790_000_000))  # 2026-09-21
        code = cli.main(["models", "import", str(tmp_path / "table.json"), "--file", str(tmp_path / "routing.yaml"), *words])
        said = capsys.readouterr()
        return code, (said.out + said.err).replace(f"{tmp_path}/", ""), (tmp_path / "routing.yaml").read_text()

    return run


def changed(old, new):
    """The lines that are gone, and those that are there instead."""
    old, new = old.splitlines(), new.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_a_table_that_says_the_same_changes_nothing(run):
    code, said, after = run(SAME, "--apply")
    assert (code, after) == (0, DOCUMENT)
    assert said == "not in the table: openai/unpriced, openai/*, mine/gpt\nas in the table: 4 of 7 models\nthere is nothing to write\n"


def test_what_differs_is_shown_and_nothing_is_written_without_apply(run):
    table = SAME | {"gpt": SAME["gpt"] | costs(5e-07, 1.6e-06) | {"max_input_tokens": 1000, "supports_reasoning": True}}
    code, said, after = run(table)
    assert (code, after) == (0, DOCUMENT)
    assert said.splitlines()[:4] == [
        "openai/gpt",
        "  context_window           400 → 1000",
        "  prices.input             0.4 → 0.5",
        "  capabilities             the table has +reasoning; ours stay",
    ]
    assert said.endswith("nothing is written; --apply writes what is new into routing.yaml\n")


def test_apply_writes_those_values_alone(run):
    table = SAME | {"gpt": SAME["gpt"] | costs(5e-07, 1.6e-06) | {"max_input_tokens": 1000, "supports_reasoning": True}}
    code, said, after = run(table, "--apply")
    assert code == 0
    assert said.endswith("routing.yaml: 1 models written, as of 2026-09-21\n")
    assert changed(DOCUMENT, after) == (
        [
            "    context_window: 400 # in and out",
            "      input: 0.40 # a comment",
            "      source: https://example.com/prices",
            "      as_of: 2026-01-02",
        ],
        [
            "    context_window: 1000 # in and out",
            "      input: 0.5 # a comment",
            f"      source: {price_table.SOURCE}",
            "      as_of: 2026-09-21",
        ],
    )
    assert run(table, "--apply")[2] == after


def test_the_day_may_be_said(run):
    table = SAME | {"openai/flow": row(**costs(2e-06, 2e-06))}
    assert "as_of: 2026-11-21}}" in run(table, "--apply", "--as-of", "2026-11-21")[2]


def test_new_prices_go_where_they_belong(run):
    more = {
        "cache_creation_input_token_cost": 5e-07,
        "cache_creation_input_token_cost_above_1hr": 8e-07,
        "output_cost_per_reasoning_token": 2e-06,
        "input_cost_per_token_above_200k_tokens": 8e-07,
        "output_cost_per_token_above_200k_tokens": 3.2e-06,
        "cache_read_input_token_cost_above_200k_tokens": 2e-07,
        "input_cost_per_token_above_500k_tokens": 9e-07,
        "input_cost_per_token_batches": 2e-07,
        "output_cost_per_token_batches": 8e-07,
        "input_cost_per_token_priority": 9e-07,
    }
    _, said, after = run(SAME | {"gpt": SAME["gpt"] | more}, "--apply")
    assert "  prices.cache_write       new: 0.5 (so far as 0.4)\n" in said
    assert "  prices.long.above_tokens new: 200000\n" in said
    start = after.index("    prices:\n      input: 0.40")
    assert (
        after[start : after.index("    timeouts")]
        == f"""\
    prices:
      input: 0.40 # a comment
      cached: 0.10
      cache_write: 0.5
      cache_write_1h: 0.8
      output: 1.60

      reasoning: 2
      long: {{above_tokens: 200000, input: 0.8, cached: 0.2, output: 3.2}}
      batch: {{input: 0.2, output: 0.8}}
      source: {price_table.SOURCE}
      as_of: 2026-09-21
"""
    )


def test_a_model_without_prices_gets_them(run):
    _, said, after = run(SAME | {"unpriced": row(**costs(1e-06, 2e-06))}, "--apply")
    assert "openai/unpriced\n  prices.input             new: 1\n  prices.output            new: 2\n" in said
    assert changed(DOCUMENT, after) == (
        [],
        [f"    prices: {{input: 1, output: 2, source: {price_table.SOURCE}, as_of: 2026-09-21}}"],
    )
    assert after.index("# the last") < after.index("prices: {input: 1, output: 2, source: https") < after.index("# and not hers")


def test_what_only_the_document_has_stays_and_is_said(run):
    gpt = {name: value for name, value in SAME["gpt"].items() if not name.startswith(("cache", "supports_vision"))}
    code, said, after = run(SAME | {"gpt": gpt}, "--apply")
    assert (code, after) == (0, DOCUMENT)
    assert "  prices.cached            0.1 stays; the table has none\n" in said
    assert "  capabilities             the table has -vision; ours stay\n" in said


@pytest.mark.parametrize("gone", ["input_cost_per_token", "output_cost_per_token"])
def test_a_table_without_a_price_takes_none_away(run, gone):
    code, said, after = run(SAME | {"gpt": {name: value for name, value in SAME["gpt"].items() if name != gone}}, "--apply")
    assert (code, after) == (0, DOCUMENT)
    assert "openai/gpt\n  prices                   the table has none any more; ours stay\n" in said


def test_a_price_does_not_fall_to_nothing_by_a_table(run):
    code, said, after = run(SAME | {"openai/flow": row(**costs(0, 0.0))}, "--apply")
    assert (code, after) == (0, DOCUMENT)
    assert "  prices.input             1 stays; the table has 0: write it yourself if it is free now\n" in said


def test_a_withdrawal_is_said(run):
    assert (
        "  withdrawn                2026-12-31, says the table\n"
        in run(SAME | {"gpt": SAME["gpt"] | {"deprecation_date": "2026-12-31"}})[1]
    )


def test_what_the_document_cannot_hold_is_not_written(run):
    table = SAME | {"gpt": SAME["gpt"] | {"max_input_tokens": 50, "max_output_tokens": 60}}
    code, said, after = run(table, "--apply")
    assert (code, after) == (1, DOCUMENT)
    assert "routing.yaml, which stays as it is: line 10: models.openai/gpt.max_output_tokens: 60 tokens do not fit" in said


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("{", "table.json is no JSON: "),
        ("[]", "table.json is no table of prices: a JSON object was expected"),
        ("[" * 100_000, "table.json is no JSON: "),
        ({}, "no row of it names a provider we know"),
        ({"a": 1, "b": {"litellm_provider": 3}, "c": row("nobody")}, "no row of it names a provider we know"),
        ({"gpt": row(**costs("cheap", 1e-06))}, "the table's input_cost_per_token of gpt is no price a token: cheap"),
        ({"gpt": row(**costs(True, 1e-06))}, "is no price a token: True"),
        ({"gpt": row(**costs(1e-06, -1e-06))}, "the table's output_cost_per_token of gpt is no price a token: -0.000001"),
        ({"gpt": row(**costs(3, 1e-06))}, "is no price a token: 3"),
        ('{"gpt": {"litellm_provider": "openai", "input_cost_per_token": NaN}}', "is no price a token: NaN"),
        ('{"gpt": {"litellm_provider": "openai", "input_cost_per_token": Infinity}}', "is no price a token: Infinity"),
        ({"gpt": row(max_input_tokens="many")}, "the table's max_input_tokens of gpt is no number of tokens: many"),
        ({"gpt": row(max_output_tokens=1.5)}, "the table's max_output_tokens of gpt is no number of tokens: 1.5"),
    ],
)
def test_a_table_that_is_none_is_said_so_in_one_line(run, table, said):
    code, answer, after = run(table, "--apply")
    assert (code, after) == (1, DOCUMENT)
    assert said in answer
    assert answer.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["https://example.com/table.json"], "only a file on this machine is read: download the table first"),
        (["nothing.json"], "nothing.json cannot be read"),
    ],
)
def test_a_table_that_is_not_there_is_said_so(words, said, capsys):
    assert cli.main(["models", "import", *words]) == 1
    assert said in capsys.readouterr().err


def test_a_document_that_is_wrong_is_told_its_lines(run):
    code, said, _ = run(SAME, document=DOCUMENT.replace("context_window: 400", "context_windw: 400"))
    assert code == 1
    assert "routing.yaml: line 8: models.openai/gpt.context_window: missing" in said
    assert "line 9: models.openai/gpt.context_windw: unknown key; did you mean 'context_window'?" in said


@pytest.mark.parametrize(
    ("provider", "name", "kind", "model"),
    [
        ("openai", "gpt-5.2", "openai", "gpt-5.2"),
        ("anthropic", "claude-x", "anthropic", "claude-x"),
        ("gemini", "gemini/gemini-3-pro", "gemini", "gemini-3-pro"),
        ("vertex_ai-language-models", "gemini-3-pro", "vertex", "gemini-3-pro"),
        ("vertex_ai-anthropic_models", "vertex_ai/claude-x@2025", "vertex", "claude-x@2025"),
        ("bedrock_converse", "us.meta.llama4-v1:0", "bedrock", "us.meta.llama4-v1:0"),
        ("together_ai", "together_ai/openai/gpt-oss", "together", "openai/gpt-oss"),
        ("fireworks_ai", "fireworks_ai/accounts/fireworks/models/m", "fireworks", "accounts/fireworks/models/m"),
        ("fireworks_ai-embedding-models", "fireworks_ai/nomic", "fireworks", "nomic"),
        ("groq", "groq/openai/gpt-oss", "groq", "openai/gpt-oss"),
        ("cohere_chat", "command-a", "cohere", "command-a"),
        ("cohere", "cohere/embed-v4.0", "cohere", "embed-v4.0"),
        ("ollama", "ollama/gpt-oss:20b-cloud", "ollama_cloud", "gpt-oss:20b-cloud"),
        ("openrouter", "openrouter/openai/gpt-5-mini", "openrouter", "openai/gpt-5-mini"),
        ("azure", "azure/gpt-5.2", "azure", "gpt-5.2"),
    ],
)
def test_a_row_is_found_by_our_kind_and_the_providers_own_name(provider, name, kind, model):
    found = Table({name: row(provider, **costs(Decimal("1.75e-06"), 0))}).find(kind, model)
    assert found is not None
    assert found.prices["input",] == Decimal("1.75")


def test_what_floats_leave_behind_is_not_part_of_a_price():
    found = Table({"m": row(**costs(Decimal("1.5000020000000002e-05"), 0))}).find("openai", "m")
    assert found is not None
    assert found.prices["input",] == Decimal("15.00002")


def test_a_provider_that_does_not_bill_cache_writes_has_no_price_of_nothing_for_them():
    assert Table({"m": row(**costs(1, 0), cache_creation_input_token_cost=0)})
    found = Table({"m": row(**costs(Decimal("1e-6"), 0), cache_creation_input_token_cost=0)}).find("openai", "m")
    assert found is not None
    assert ("cache_write",) not in found.prices


def test_the_fixture_is_a_document_that_holds():
    assert [warning.path for warning in compile_text(DOCUMENT).warnings] == ["models.openai/unpriced", "models.openai/*", "models.mine/gpt"]


def test_a_price_that_is_no_number_is_trouble_only_where_it_is_looked_at():
    table = Table({"m": row(**costs("x", 0)), "n": row(**costs(Decimal("1e-6"), 0))})
    assert table.find("openai", "n") is not None
    with pytest.raises(Trouble):
        table.find("openai", "m")
