"""Single values of a document's text: set where they are or where they belong, and nothing else touched."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.edit_values import with_values

ORDER = ("id", "context_window", "max_output_tokens", "prices", "above_tokens", "input", "cached", "output", "long", "source", "timeouts")
DOCUMENT = """\
version: 1
providers:
  openai: {}
  bedrock: {options: {region: us-east-1}}
  mine: {base_url: https://llm.example.com/v1}
models:
  # ours, and cheap
  openai/gpt:
    context_window: 400 # in and out
    max_output_tokens: 100
    capabilities: [tools, vision]
    prices:
      input: 0.40 # a comment
      cached: 0.10
      output: 1.60

      source: https://example.com/prices
      as_of: 2026-01-02
    timeouts: {ttft_s: 60}

  openai/flow: {context_window: 9, max_output_tokens: 9, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
  openai/unpriced:
    context_window: 9
    max_output_tokens: 9 # the last
  # and not hers
  openai/vectors: {context_window: 9, capabilities: [embeddings], prices: {input: 0.02, source: s, as_of: 2026-01-02}}
  openai/*: {context_window: 9, max_output_tokens: 9}
  bedrock/anthropic.claude: {context_window: 9, max_output_tokens: 9, prices: {input: 3, output: 15, source: s, as_of: 2026-01-02}}
  mine/gpt: {context_window: 9, max_output_tokens: 9}
routes:
  chat: {targets: [openai/gpt]}
"""

PATHS = st.sampled_from(
    [
        *(
            ("models", id, "prices", name)
            for id in ("openai/gpt", "openai/flow", "bedrock/anthropic.claude")
            for name in ("input", "output")
        ),
        *(("models", id, "prices", "cached") for id in ("openai/gpt", "openai/flow", "openai/vectors")),
        *(("models", id, "prices", "long", name) for id in ("openai/gpt", "openai/flow") for name in ("above_tokens", "input", "output")),
        *(("models", id, "max_output_tokens") for id in ("openai/gpt", "openai/flow", "openai/unpriced")),
    ]
)


@given(st.dictionaries(PATHS, st.integers(1, 9).map(str)))
def test_whatever_is_set_is_read_back_and_all_else_stays(values):
    after = with_values(DOCUMENT, values, ORDER)
    expected = yaml.safe_load(DOCUMENT)
    for path, value in values.items():
        rows = expected
        for part in path[:-1]:
            rows = rows.setdefault(part, {})
        rows[path[-1]] = int(value)
    assert yaml.safe_load(after) == expected
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == [
        line.partition("#")[2] for line in DOCUMENT.splitlines() if "#" in line
    ]


@pytest.mark.parametrize("nothing", ["prices:", "prices: null", "prices: ~"])
def test_a_place_that_is_left_empty_is_filled(nothing):
    text = f"models:\n  a/b:\n    {nothing}\n    id: x\n"
    after = with_values(text, {("models", "a/b", "prices", "input"): "1", ("models", "a/b", "prices", "long", "input"): "2"}, ORDER)
    assert after == "models:\n  a/b:\n    prices: {input: 1, long: {input: 2}}\n    id: x\n"


def test_the_end_of_a_text_needs_no_line_end():
    assert with_values("a:\n  input: 1", {("a", "output"): "2"}, ORDER) == "a:\n  input: 1\n  output: 2"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_text_keeps_the_ways_of_its_editor(mark, end):
    values = {("models", "openai/gpt", "context_window"): "500", ("models", "openai/gpt", "prices", "long"): "{above_tokens: 9}"}
    written = mark + DOCUMENT.replace("\n", end)
    assert with_values(written, values, ORDER) == mark + with_values(DOCUMENT, values, ORDER).replace("\n", end)
