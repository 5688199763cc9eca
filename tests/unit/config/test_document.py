"""What a wrong document is told: the line, the path, and what to do."""

from pathlib import Path
from typing import Any

import pytest

from signalbox.config.compiler import compile_text
from signalbox.config.document import parse
from signalbox.config.edit import with_row
from signalbox.config.fields import names
from signalbox.config.overrides import from_environment
from signalbox.config.source import MAX_CHARS, MOST_DEEP, InvalidDocument
from signalbox.providers.auth import SCHEMES
from signalbox.providers.registry import MODULES
from signalbox.providers.rows import ROWS
from signalbox.routing.flags import MOST_DECLARED

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
        "line 9: timeouts.xyz: unknown key; known here: ttft_s, between_chunks_s, total_s, embedding, health_check_s, report_s",
    ),
    "something missing": (
        document(models="  openai/mini:\n    context_window: 10\n"),
        "line 9: models.openai/mini.max_output_tokens: missing; every model needs it but those with the capability embeddings",
    ),
    "a number below one": (
        document(models="  openai/mini:\n    context_window: 10\n    max_output_tokens: 0\n"),
        "line 11: models.openai/mini.max_output_tokens: input should be greater than 0, not 0",
    ),
    "a number that no counter holds": (
        document(models="  openai/mini:\n    context_window: 10\n    max_output_tokens: 9\n    capacity: {concurrency: 1000000000001}\n"),
        "line 12: models.openai/mini.capacity.concurrency: input should be less than or equal to 1000000000000, not 1000000000001",
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
        f"line 4: providers.other.wire: unknown wire format 'grpc'; known: {', '.join(sorted(MODULES))}",
    ),
    "an unknown wire of a model": (
        document(models="  openai/m: {wire: grpc, context_window: 9, max_output_tokens: 9}\n"),
        f"line 9: models.openai/m.wire: unknown wire format 'grpc'; known: {', '.join(sorted(MODULES))}",
    ),
    "an unknown kind": (
        document("  other:\n    kind: opnai\n    base_url: https://example.com\n"),
        f"line 5: providers.other.kind: unknown kind 'opnai'; known: {', '.join(sorted(ROWS))}; "
        "leave it out for whatever speaks as OpenAI does",
    ),
    "an unknown way to show a key": (
        document("  groq: {auth: password}\n"),
        f"line 4: providers.groq.auth: unknown way to show a key 'password'; known: {', '.join(sorted(SCHEMES))}",
    ),
    "an unknown end for what is left": (
        document("  groq: {on_leave: pay}\n"),
        "line 4: providers.groq.on_leave: 'pay' is none of: 'drain', 'estimate' or 'free'",
    ),
    "a provider of no address": (
        document("  mine: {secret: mine}\n"),
        "line 4: providers.mine.base_url: missing, and nobody but you knows it; write it: base_url: https://host/v1",
    ),
    "a kind of no address": (
        document("  litellm: {}\n"),
        "line 4: providers.litellm.base_url: missing, and nobody but you knows it; write it: base_url: https://host/v1",
    ),
    "an address with a part that is not said": (
        document("  azure: {}\n"),
        "line 4: providers.azure.options: its address is https://{resource}.openai.azure.com; write options: {resource: …}, "
        "or a base_url of your own",
    ),
    "an address with parts that are not said": (
        document("  vertex:\n    options: {project: p}\n"),
        "line 5: providers.vertex.options: its address is "
        "https://{location}-aiplatform.googleapis.com/v1/projects/p/locations/{location}; "
        "write options: {location: …}, or a base_url of your own",
    ),
    "an option that makes another address of it": (
        document("  azure: {options: {resource: 'me@evil.example/'}}\n"),
        "line 4: providers.azure.base_url: https://me@evil.example/.openai.azure.com: "
        "an address with credentials, a query or a fragment; keys belong in the provider's secret",
    ),
    "an option that is none": (
        document("  bedrock:\n    options:\n      region: [us-east-1]\n"),
        "line 6: providers.bedrock.options.region: input should be a valid string, not ['us-east-1']",
    ),
    "a provider of nothing": (
        document("  groq:\n"),
        "line 4: providers.groq: not a mapping; write `key: value` lines below it",
    ),
    "prices without those of output": (
        document(
            models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices: {input: 1, source: s, as_of: 2026-11-21}\n"
        ),
        "line 12: models.openai/m.prices.output: missing; every model needs it but those with the capability embeddings",
    ),
    "long prices without those of output": (
        document(
            models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices:\n      input: 1\n      output: 1\n"
            "      long:\n        above_tokens: 5\n        input: 2\n      source: s\n      as_of: 2026-11-21\n"
        ),
        "line 15: models.openai/m.prices.long.output: missing; every model needs it but those with the capability embeddings",
    ),
    "long prices of no length": (
        document(
            models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices:\n      input: 1\n      output: 1\n"
            "      long: {input: 2, output: 2}\n      source: s\n      as_of: 2026-11-21\n"
        ),
        "line 15: models.openai/m.prices.long.above_tokens: missing; every one of these needs it",
    ),
    "prices of no day": (
        document(models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices: {input: 1, output: 1, source: s}\n"),
        "line 12: models.openai/m.prices.as_of: missing; every one of these needs it",
    ),
    "a batch price misspelt": (
        document(
            models="  openai/m:\n    context_window: 9\n    max_output_tokens: 9\n    prices:\n      input: 1\n      output: 1\n"
            "      batch: {inputs: 2}\n      source: s\n      as_of: 2026-11-21\n"
        ),
        "line 15: models.openai/m.prices.batch.inputs: unknown key; did you mean 'input'?",
    ),
    "embeddings and more": (
        document(models="  openai/m:\n    context_window: 9\n    capabilities: [embeddings, tools, vision]\n"),
        "line 11: models.openai/m.capabilities: embeddings and tools, vision are asked for in two formats; make two models of it",
    ),
    "embeddings of a provider that has none": (
        document("  groq: {}\n", models="  groq/m: {context_window: 9, capabilities: [embeddings]}\n"),
        "line 10: models.groq/m: 'groq' is not known to have embeddings; name the format they are asked for in: wire: …",
    ),
    "a star with a name of its own": (
        document(models="  openai/*:\n    id: gpt\n    context_window: 9\n    max_output_tokens: 9\n"),
        "line 10: models.openai/*.id: a * stands for whatever model is asked for, so that it has no name of its own; take this line out",
    ),
    "a star in the middle": (
        document(models="  openai/*-mini: {context_window: 9, max_output_tokens: 9}\n"),
        "line 9: models.openai/*-mini: 'openai/*-mini' does not look like a name of this kind; it has to match "
        "^[a-z0-9][a-z0-9._-]{0,63}/([A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}\\*?|\\*)$",
    ),
    "a route to a star": (
        document(models="  openai/*: {context_window: 9, max_output_tokens: 9}\n", rest="routes:\n  any: {targets: [openai/*]}\n"),
        "line 11: routes.any.targets.0: 'openai/*' is no one model; name one that it stands for",
    ),
    "an alias of a star": (
        document(models="  openai/*: {context_window: 9, max_output_tokens: 9}\n", rest="aliases:\n  any: openai/*\n"),
        "line 11: aliases.any: 'openai/*' is no one model; name one that it stands for",
    ),
    "an unknown strategy": (
        document(rest="routes:\n  chat: {targets: [openai/gpt], strategy: random}\n"),
        "line 10: routes.chat.strategy: 'random' is none of: 'sequential', 'lowest_cost', 'fastest_first', 'round_robin', 'health_based',"
        " 'weighted', 'sticky' or 'quality_first'",
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
        "line 4: providers.other.secret: '../keys' does not look like a name of this kind; it has to match "
        "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
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
    "a guardrail that nobody makes": (
        document(rest="guardrails:\n  shout: {}\n"),
        "line 10: guardrails.shout.use: unknown guardrail 'shout'; known: redact, and entry points of the group signalbox.guardrails",
    ),
    "a guardrail's option misspelt": (
        document(rest="guardrails:\n  redact:\n    options: {pattern: [email]}\n"),
        "line 11: guardrails.redact.options: unknown option 'pattern'; known: custom, on, patterns",
    ),
    "a guardrail's pattern without a bound": (
        document(rest="guardrails:\n  redact:\n    options:\n      custom:\n        fine: T-[0-9]{1,9}\n        ticket: T-[0-9]+\n"),
        "line 14: guardrails.redact.options.custom.ticket: the pattern ticket repeats something without a bound, or more than 256 times;"
        " write {1,64} for + and {0,64} for *",
    ),
    "a guardrail of no route": (
        document(rest="guardrails:\n  redact:\n    routes: [openai/gpt, chat]\n"),
        "line 11: guardrails.redact.routes.1: there is no route 'chat', and no model; the routes are: none",
    ),
    "a guardrail of no routes": (
        document(rest="guardrails:\n  redact:\n    routes: []\n"),
        "line 11: guardrails.redact.routes: empty; it needs one at least",
    ),
    "a guardrail's key misspelt": (
        document(rest="guardrails:\n  redact:\n    option: {}\n"),
        "line 11: guardrails.redact.option: unknown key; did you mean 'options'?",
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
    "no YAML": ("a: [", "line 1: not YAML: did not find expected node content"),
    "depth": ("[" * 1_000_000, "line 1: the document is nested too deeply"),
    "depth of lists on a line": ("- " * 500_000, "line 1: the document is nested too deeply"),
    "depth that ends": (
        document(rest="guardrails:\n  redact: {options: {a: " + "[" * 60 + "]" * 60 + "}}\n"),
        f"line 10: guardrails.redact.options.a{37 * '.0'}: nested more than {MOST_DEEP} deep",
    ),
    "a sign that is none": (
        "version: 1\nproviders: {\0}\n",
        "line 2: not YAML: control characters are not allowed; take the sign 0x00 out",
    ),
    "half a sign": ("version: 1\nproviders: {\ud800}\n", "line 2: half a sign of two; take it out, or write all of it"),
    "an unfinished last line": ("a: 'x\n", "line 1: not YAML: found unexpected end of stream"),
    "what looks like a key, as a chain": (
        document(models="    chain: sk-abcdefghijklmnop\n"),
        "line 9: models.openai/gpt.chain: there is no chain what looks like a key; the chains are: none",
    ),
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


def test_an_override_that_may_mean_either_of_two_is_refused() -> None:
    text = document(models="".join(f"  openai/{name}: {{context_window: 9, max_output_tokens: 9}}\n" for name in ("m-1.5", "m-1-5")))
    key = "SIGNALBOX_MODELS__OPENAI_M_1_5__CONTEXT_WINDOW"
    said = f"line 1: the override {key} may mean any of openai/m-1.5, openai/m-1-5; change the document itself"
    assert problems_of(text, {key: "90"}) == [said]


def test_an_override_that_leads_nowhere_is_refused() -> None:
    assert problems_of(SEED, {"SIGNALBOX_PROVIDERS__OPNAI__BASE_URL": "https://example.com"}) == [
        "line 1: the override SIGNALBOX_PROVIDERS__OPNAI__BASE_URL leads nowhere: there is no 'opnai' in the document; "
        "publish with overrides that leave it out, or take a name that is there"
    ]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("TIMEOUTS__TTFT_S", "soon", "timeouts.ttft_s: input should be a valid number, unable to parse string as a number, not 'soon'"),
        ("CHAINS__SHORT__TERMINAL", "a/none", "chains.short.terminal: there is no model 'a/none'"),
        ("POLICIES__NIGHT__STATUS", "on", "policies.night.status: 'on' is none of: 'draft', 'active' or 'disabled'"),
        ("POLICIES__NIGHT__ACTIONS__ROUTE", "nowhere", "policies.night.actions.route: there is no route, model or alias 'nowhere'"),
        ("FLAGS__BETA_2__PERCENT", "many", "flags.beta-2.percent: input should be a valid number"),
        ("SEGMENTS__GOLD", "acme", "segments.gold: input should be a valid tuple"),
    ],
)
def test_an_override_is_checked_like_the_document_and_named(key: str, value: str, said: str) -> None:
    text = SEED
    rows: dict[tuple[str, str], Any] = {("flags", "beta-2"): {}, ("segments", "gold"): [], ("chains", "short"): {}}
    for path, row in (rows | {("policies", "night"): {"actions": {"deny": "closed"}}}).items():
        text = with_row(text, path, row)
    [problem] = problems_of(text, from_environment({f"SIGNALBOX_{key}": value}))
    assert said in problem
    assert problem.endswith(f" (the override SIGNALBOX_{key} says so)")


def test_what_the_document_says_itself_is_laid_to_no_override() -> None:
    text = document("  leaky: {base_url: 'https://user:pass@api.example.com/v1'}\n")
    [problem] = problems_of(text, {"PROVIDERS__LEAKY__BASE_URL": "https://api.example.com/v1"})
    assert "credentials" in problem
    assert "override" not in problem


PLANTED = "sk-planted-9e21d7c4"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"{{api_key: {PLANTED}}}", "unknown key"),
        (f"{{secret: {PLANTED}}}", "this looks like a key itself; write the name of its secret"),
        (f"{{secret: 'Bearer {PLANTED}'}}", "what looks like a key does not look like a name"),
        (f"{{auth: {PLANTED}}}", "unknown way to show a key what looks like a key"),
        (f"{{wire: {PLANTED}}}", "unknown wire format what looks like a key"),
        (f"{{kind: {PLANTED}}}", "unknown kind what looks like a key"),
        (f"{{on_leave: {PLANTED}}}", "what looks like a key is none of"),
        (f"{{options: {{api_key: {PLANTED}}}}}", "keys belong in the provider's secret"),
        (f"{{options: {{client_secret: {PLANTED}}}}}", "keys belong in the provider's secret"),
        (f"{{base_url: 'https://user:{PLANTED}@api.example.com/v1'}}", "an address with credentials"),
    ],
)
@pytest.mark.parametrize("overrides", [None, {"PROVIDERS__LEAKY__BASE_URL": "http://127.0.0.1:4010", "PROVIDERS__LEAKY__SECRET": "x"}])
def test_a_key_where_none_belongs_is_refused_without_a_word_of_it(row: str, said: str, overrides: dict[str, str] | None) -> None:
    """Also where a stage says otherwise, so that the document's own words would never be used: they are stored all the same."""
    text = document().replace("providers:\n", f"providers:\n  leaky: {row}\n")
    with pytest.raises(InvalidDocument) as error:
        compile_text(text, overrides)
    assert said in str(error.value)
    assert PLANTED not in str(error.value)


@pytest.mark.parametrize(("flags", "says"), [(MOST_DECLARED, ""), (MOST_DECLARED + 1, "flags: 96 of them; 95 are the most")])
def test_no_more_flags_are_declared_than_events_and_counters_hold(flags, says):
    text = document(rest="flags:\n" + "".join(f"  f{number}: {{}}\n" for number in range(flags)))
    if not says:
        assert len(parse(text)[0].flags) == flags
        return
    with pytest.raises(InvalidDocument, match=says):
        parse(text)


def test_of_many_models_those_are_told_that_begin_as_the_wrong_one_does() -> None:
    rows = [f"openai/{letter}{number}" for letter in "abc" for number in range(10)]
    told = names(rows, "openai/b55").split(", ")
    assert told == [*rows[10:22], "and 30 in all"]
    assert names(rows[:12], "openai/b55") == ", ".join(rows[:12])
    assert names([], "openai/b55") == "none"
