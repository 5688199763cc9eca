"""What a wrong document is told: the line, the path, and what to do."""

from pathlib import Path

import pytest

from signalbox.config.compiler import compile_text
from signalbox.config.source import MAX_CHARS, InvalidDocument

SEED = Path(__file__, "../../../../routing.yaml").resolve().read_text()


def document(providers: str = "", models: str = "", rest: str = "") -> str:
    """A right document of nine lines; what is given comes after the rows that are there."""
    return f"""version: 1
providers:
  openai: {{wire: openai, base_url: https://api.openai.com/v1, secret: openai}}
{providers}models:
  openai/gpt:
    context_window: 1000
    max_output_tokens: 100
    prices: {{input: 1, output: 2, source: https://example.com, as_of: 2026-11-21}}
{models}{rest}"""


def problems_of(text: str, overrides: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        compile_text(text, overrides)
    return [str(problem) for problem in caught.value.problems]


WRONG = {
    "a name misspelt": (
        document(rest="routs: {}\n"),
        "line 9: routs: unknown key; did you mean 'routes'?",
    ),
    "a key of a row misspelt": (
        document(rest="routes:\n  chat:\n    targets: [openai/gpt]\n    timeouts: {ttft: 1}\n"),
        "line 12: routes.chat.timeouts.ttft: unknown key; did you mean 'ttft_s'?",
    ),
    "a key of nowhere": (
        document(rest="timeouts: {xyz: 1}\n"),
        "line 9: timeouts.xyz: unknown key; known here: ttft_s, between_chunks_s, total_s",
    ),
    "something missing": (
        document(models="  openai/mini:\n    context_window: 10\n"),
        "line 9: models.openai/mini.max_output_tokens: missing; every one of these needs it",
    ),
    "a number below one": (
        document(models="  openai/mini:\n    context_window: 10\n    max_output_tokens: 0\n"),
        "line 11: models.openai/mini.max_output_tokens: input should be greater than 0, not 0",
    ),
    "a number that is none": (
        document(rest="timeouts:\n  total_s: .inf\n"),
        "line 10: timeouts.total_s: input should be a valid number, unable to parse string as a number, not '.inf'",
    ),
    "longer than Lambda": (
        document(rest="timeouts:\n  total_s: 900\n"),
        "line 10: timeouts.total_s: input should be less than or equal to 880, not 900",
    ),
    "a price finer than a nano-dollar": (
        document(models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices:\n      input: 0.0000000001\n"),
        "line 13: models.openai/m.prices.input: decimal input should have no more than 9 decimal places, not 1E-10",
    ),
    "a negative price": (
        document(models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices:\n      input: -1\n"),
        "line 13: models.openai/m.prices.input: input should be greater than or equal to 0, not -1",
    ),
    "an unknown wire": (
        document("  other: {wire: grpc, base_url: https://example.com, secret: null}\n"),
        "line 4: providers.other.wire: unknown wire format 'grpc'; known: openai",
    ),
    "an unknown strategy": (
        document(rest="routes:\n  chat: {targets: [openai/gpt], strategy: random}\n"),
        "line 10: routes.chat.strategy: 'random' is none of: 'sequential'",
    ),
    "a route without targets": (
        document(rest="routes:\n  chat: {targets: []}\n"),
        "line 10: routes.chat.targets: empty; it needs one at least",
    ),
    "plain http to elsewhere": (
        document("  other: {wire: openai, base_url: http://10.0.0.1/v1, secret: null}\n"),
        "line 4: providers.other.base_url: plain http to another machine would send prompts and keys in the clear; use https",
    ),
    "a key in an address": (
        document("  other: {wire: openai, base_url: 'https://me:pw@example.com', secret: null}\n"),
        "line 4: providers.other.base_url: an address with credentials, a query or a fragment; keys belong in the provider's secret",
    ),
    "no address": (
        document("  other: {wire: openai, base_url: example.com, secret: null}\n"),
        "line 4: providers.other.base_url: not an address; write it as https://host/path",
    ),
    "a secret outside the providers' folder": (
        document("  other: {wire: openai, base_url: https://example.com, secret: ../keys}\n"),
        "line 4: providers.other.secret: '../keys' does not look like a name of this kind; it has to match ^[A-Za-z0-9_-]{1,64}$",
    ),
    "a model of no provider": (
        document(models="  opnai/gpt: {context_window: 9, max_output_tokens: 9}\n"),
        "line 9: models.opnai/gpt: there is no provider 'opnai'; the providers are: openai",
    ),
    "more output than context": (
        document(models="  openai/m: {context_window: 9, max_output_tokens: 10}\n"),
        "line 9: models.openai/m.max_output_tokens: 10 tokens do not fit into the context window of 9",
    ),
    "a target of no model": (
        document(rest="routes:\n  chat:\n    targets:\n      - openai/gpt\n      - openai/gtp\n"),
        "line 13: routes.chat.targets.1: there is no model 'openai/gtp'; the models are: openai/gpt",
    ),
    "a target twice": (
        document(rest="routes:\n  chat: {targets: [openai/gpt, openai/gpt]}\n"),
        "line 10: routes.chat.targets.1: 'openai/gpt' is in this route already; a target is tried once",
    ),
    "an alias of nothing": (
        document(rest="aliases:\n  a: b\n"),
        "line 10: aliases.a: there is no route, model or alias 'b'; the routes are: none",
    ),
    "an alias over a route": (
        document(rest="routes:\n  chat: {targets: [openai/gpt]}\naliases:\n  chat: openai/gpt\n"),
        "line 12: aliases.chat: 'chat' is already a route, which this alias would hide; give it another name",
    ),
    "an alias over a model": (
        document(rest="aliases:\n  openai/gpt: openai/gpt\n"),
        "line 10: aliases.openai/gpt: 'openai/gpt' is already a model, which this alias would hide; give it another name",
    ),
    "an alias of itself": (
        document(rest="aliases:\n  a: a\n"),
        "line 10: aliases.a: goes round in a circle: a → a; let one of them name a route or a model",
    ),
    "a timeout inside a shorter one": (
        document(rest="routes:\n  chat:\n    targets: [openai/gpt]\n    timeouts: {ttft_s: 30, total_s: 20}\n"),
        "line 12: routes.chat.timeouts.ttft_s: longer than total_s (20 s), so that it could never pass; raise total_s or lower this",
    ),
    "a longest wait shorter than the first": (
        document(rest="circuits:\n  open_s: 60\n  open_max_s: 30\n"),
        "line 11: circuits.open_max_s: shorter than open_s (60 s), which each opening doubles up to this; raise it",
    ),
    "a window longer than outcomes count": (
        document(rest="circuits:\n  window_s: 301\n"),
        "line 10: circuits.window_s: input should be less than or equal to 300, not 301",
    ),
    "more than all": (
        document(rest="circuits:\n  failed_percent: 101\n"),
        "line 10: circuits.failed_percent: input should be less than or equal to 100, not 101",
    ),
    "a key twice": (
        document(models="  openai/gpt: {}\n"),
        "line 9: models: 'openai/gpt' is already there on line 5; keep one of them",
    ),
    "an anchor": (
        document(rest="routes:\n  a: &a {targets: [openai/gpt]}\n  b: *a\n"),
        "line 11: not YAML: anchors are not read here; write the value out",
    ),
    "a merge key": (document(rest="<<: {}\n"), "line 9: a key must be plain text"),
    "no mapping": ("- 1\n", "line 1: not a mapping; write `key: value` lines below it"),
    "nothing": ("", "line 1: not a mapping; write `key: value` lines below it"),
    "no YAML": ("a: [", "line 1: not YAML: expected the node content, but found '<stream end>'"),
    "depth": ("[" * 5000, "line 1: the document is nested too deeply"),
    "size": ("#" * (MAX_CHARS + 1), f"line 1: the document has {MAX_CHARS + 1} characters; {MAX_CHARS} is the most"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_document_is_told_the_line_the_path_and_what_to_do(text: str, message: str) -> None:
    assert message in problems_of(text)


def test_two_aliases_in_a_circle_are_both_named() -> None:
    assert problems_of(document(rest="aliases:\n  a: b\n  b: a\n")) == [
        "line 10: aliases.a: goes round in a circle: a → b → a; let one of them name a route or a model",
        "line 11: aliases.b: goes round in a circle: b → a → b; let one of them name a route or a model",
    ]


def test_every_problem_is_told_at_once_and_in_order() -> None:
    lines = [problem.split(":")[0] for problem in problems_of("version: 2\nproviders: {}\nmodels: {}\nroutes: 3\n")]
    assert lines == ["line 1", "line 2", "line 3", "line 4"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:4010/v1", "http://localhost:1", "http://[::1]:1/v1"])
def test_plain_http_is_allowed_on_loopback(url: str) -> None:
    compile_text(document(f"  sim: {{wire: openai, base_url: '{url}', secret: null}}\n"))


def test_an_override_that_leads_nowhere_is_refused() -> None:
    assert problems_of(SEED, {"SIGNALBOX_PROVIDERS__OPNAI__BASE_URL": "https://example.com"}) == [
        "line 1: the override SIGNALBOX_PROVIDERS__OPNAI__BASE_URL leads nowhere: there is no 'opnai' in the document"
    ]


def test_an_override_is_checked_like_the_document() -> None:
    assert problems_of(SEED, {"SIGNALBOX_TIMEOUTS__TTFT_S": "soon"})[0].endswith(
        "timeouts.ttft_s: input should be a valid number, unable to parse string as a number, not 'soon'"
    )
