"""docs/providers.md tells of the providers what their rows say."""

from ops.providers import PART, lacks, table
from signalbox.providers.rows import ROWS


def test_the_tracked_table_is_the_generated_one() -> None:
    assert PART.document.read_text() == PART.written(PART.document.read_text()), (
        "docs/providers.md is not what the rows say: run python -m ops.providers"
    )


def test_every_provider_has_a_line_with_its_address() -> None:
    lines = table().splitlines()[2:]
    assert len(lines) == len(ROWS)
    assert all(any(f"| `{name}` |" in line and row.base_url in line for line in lines) for name, row in ROWS.items())


def test_what_a_format_cannot_say_is_told_beside_what_its_provider_refuses() -> None:
    assert lacks(ROWS["anthropic"]) == ["frequency_penalty", "logprobs", "n", "presence_penalty", "seed"]
    assert set(ROWS["perplexity"].lacks) <= set(lacks(ROWS["perplexity"]))
