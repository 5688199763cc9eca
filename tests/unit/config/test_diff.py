"""What two documents say differently, and that it is nothing where they mean the same."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.diff import compare, summary
from signalbox.config.document import Document, parse
from signalbox.config.plain import to_data

SEED = Path(__file__, "../../../../routing.yaml").resolve().read_text()
TINY = """\
version: 1
providers: {openai: {}, ollama: {}}
models:
  openai/gpt: {context_window: 9, max_output_tokens: 9, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
  ollama/llama: {context_window: 9, max_output_tokens: 9}
routes:
  chat: {targets: [openai/gpt]}
"""


def said(old: str, new: str) -> list[str]:
    return [str(change) for change in compare(parse(old)[0], parse(new)[0])]


def test_what_comes_goes_and_changes_is_told_by_its_path() -> None:
    new = TINY.replace("input: 1", "input: 1.5").replace(
        "targets: [openai/gpt]", "strategy: lowest_cost, targets: [openai/gpt, ollama/llama]"
    )
    new += "  fast: {targets: [ollama/llama]}\nflags: {beta: {percent: 10}}\n"
    there = said(TINY, new)
    assert there == [
        "~ models.openai/gpt.prices.input: 1 → 1.5",
        "~ routes.chat.targets: [openai/gpt] → [openai/gpt, ollama/llama]",
        "~ routes.chat.strategy: sequential → lowest_cost",
        "+ routes.fast: {targets: [ollama/llama]}",
        "+ flags.beta: {percent: 10}",
    ]
    assert {line[0] for line in said(new, TINY)} == {"~", "-"}
    assert summary(compare(parse(TINY)[0], parse(new)[0])) == "1 price, 2 routes, 1 flag"


def test_comments_order_and_defaults_that_are_written_out_are_no_difference() -> None:
    same = TINY.replace("providers: {openai: {}, ollama: {}}", "providers: {ollama: {}, openai: {timeouts: {}}} # both")
    same = same.replace("targets: [openai/gpt]", "targets: [openai/gpt], strategy: sequential, max_attempts: 3")
    assert said(TINY, same) == []


def test_the_order_of_guardrails_is_one_and_so_is_a_secret_that_is_said_to_be_none() -> None:
    first = TINY + "guardrails: {a: {use: redact}, b: {use: redact}}\n"
    assert said(first, TINY + "guardrails: {b: {use: redact}, a: {use: redact}}\n") == ["~ guardrails: [a, b] → [b, a]"]
    assert said(TINY, TINY.replace("openai: {}", "openai: {secret: null}")) == ["+ providers.openai.secret: null"]


def test_what_looks_like_a_key_is_not_shown() -> None:
    [line] = said(TINY, TINY + "guardrails: {redact: {options: {token: sk-abcdefgh12345678}}}\n")
    assert "sk-" not in line


def test_before_the_first_publication_everything_is_new() -> None:
    changes = compare(None, parse(TINY)[0])
    assert {change.what for change in changes} == {"added"}
    assert "models.openai/gpt" in [change.name for change in changes]


def test_plain_data_is_the_document_again() -> None:
    document = parse(SEED)[0]
    assert Document.model_validate(to_data(document)) == document


@given(ttft_s=st.floats(0.001, 100), percent=st.floats(0, 100), enabled=st.booleans(), price=st.decimals(0, 1000, places=9))
def test_a_document_differs_from_itself_in_nothing_and_from_another_as_much_as_the_other_from_it(ttft_s, percent, enabled, price) -> None:
    text = TINY.replace("input: 1", f"input: {price:f}")
    text += f"timeouts: {{ttft_s: {ttft_s:f}}}\nflags: {{beta: {{enabled: {str(enabled).lower()}, percent: {percent:f}}}}}\n"
    if float(f"{ttft_s:f}"):
        assert said(text, text) == []
        assert len(said(TINY, text)) == len(said(text, TINY))


def test_a_text_is_shown_as_it_is_written_and_on_one_line() -> None:
    with_own = 'guardrails: {redact: {options: {own: {employee: \'E\\d{6} "x"\'}, said: "a\\nb\\u202Ec", on: true, none: null}}}\n'
    [line] = said(TINY, TINY + with_own)
    assert line == r'+ guardrails.redact: {options: {own: {employee: E\d{6} "x"}, said: a\nb\u202ec, on: true, none: null}}'
    [line] = said(TINY + with_own, TINY + with_own.replace("a\\nb", "c\\nd"))
    assert line == r"~ guardrails.redact.options.said: a\nb\u202ec → c\nd\u202ec"
