"""`signalbox simulate` and the gate of a publication, against a stage of an account: what is told of a draft, and what it may not do."""

import json

import pytest

from ops import cli, simulate
from ops.trouble import Trouble
from signalbox.money import Tokens
from signalbox.usage.record import Attempt

DOCUMENT = """\
version: 1
providers:
  openai: {}
  mistral: {}
  vllm: {base_url: https://vllm.example.com/v1}
models:
  openai/big:
    context_window: 9000
    max_output_tokens: 2000
    prices: {input: 1, output: 4, source: s, as_of: 2026-01-02}
  mistral/half:
    context_window: 9000
    max_output_tokens: 2000
    prices: {input: 0.5, output: 2, source: s, as_of: 2026-01-02}
  vllm/own: {context_window: 9000, max_output_tokens: 2000}
routes:
  chat: {targets: [openai/big, mistral/half]}
policies: {}
"""
HALF = DOCUMENT.replace("[openai/big, mistral/half]", "[mistral/half, openai/big]")
OWN = DOCUMENT.replace("[openai/big, mistral/half]", "[vllm/own]")
COST = 1_400_000  # nano-dollars of these tokens at openai/big
ANSWER = Attempt("openai/big", "ok", 0, 200, 80, tokens=Tokens(input=1_000, output=100), cost_nanousd=COST)


@pytest.fixture
def asked(stage):
    def asked(*ids, text=DOCUMENT, overrides=None):
        over = {"attempts": (ANSWER,), "target": "openai/big", "cost_nanousd": COST, "tokens": ANSWER.tokens}
        stage.asked(stage.live(text, overrides), *ids, **over)

    return asked


@pytest.fixture
def run(tmp_path, capsys):
    """The exit code and what is printed."""

    def run(text, *words):
        (tmp_path / "new.yaml").write_text(text)
        code = cli.main(["simulate", "--config", str(tmp_path / "new.yaml"), "--stage", "dev", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_was_live_changes_nothing_and_costs_what_it_did_exactly(asked, run):
    asked("r1", "r2", "r3")
    code, out, err = run(DOCUMENT, "--json", "--gate", "cost<=+0%", "--gate", "changed<=0", "--gate", "latency<=+0%")
    told = json.loads(out)
    cost = {"recorded": 3 * COST, "low": 3 * COST, "expected": 3 * COST, "high": 3 * COST, "unpriced_requests": 0}
    assert (code, err, told["cost_nanousd"], told["changed"]) == (0, "", cost, {"requests": 0, "percent": 0.0})
    assert [row["holds"] for row in told["gates"]] == [True, True, True]


def test_a_cheaper_draft_is_reported_with_its_ends_and_its_reasons(asked, run):
    asked("r1", "r2")
    code, out, err = run(HALF, "--examples", "1")
    lines = [line.split() for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert lines[0][:2] == ["2", "requests"]
    assert ["cost", "$0.0028", "$0.001", "$0.0014", "$0.0021", "-50.0", "%"] in lines
    assert ["mistral", "0.0", "%", "0.0", "%", "100.0", "%", "100.0", "%"] in lines
    assert ["2", "openai/big", "mistral/half"] in lines
    assert "  r1: openai/big -> mistral/half (mistral/half: as declared)" in out
    assert "r2:" not in out
    assert "nobody knows how long mistral/half takes: 2 requests" in out
    assert "assumed:\n  - A target that failed in a request then" in out


def test_a_gate_that_does_not_hold_fails_after_the_report(asked, run):
    asked("r1")
    code, out, err = run(HALF, "--gate", "cost<=-40%", "--gate", "share:mistral<=20%")
    assert code == 1
    assert "holds  cost<=-40%: $0.0007 against $0.0014 recorded (-50.00 %)" in out
    assert err == "signalbox: share:mistral<=20% does not hold: 1 of 1 requests are served by mistral (100.00 %)\n"


def test_what_has_no_prices_is_told_of_and_holds_no_cost(asked, run):
    asked("r1")
    code, out, err = run(OWN, "--gate", "cost<=+900%")
    assert code == 1
    assert "! 1 request would go to targets without prices" in out
    assert "cost<=+900% does not hold: 1 of 1 requests would go to targets without prices" in err


def test_where_nothing_was_recorded_nothing_is_said_of_the_draft(stage, run):
    stage.live(DOCUMENT)
    code, out, err = run(HALF, "--from", "7")
    assert (code, out) == (1, "")
    assert "no traffic was recorded in the last 7 days" in err


def test_what_is_no_document_or_no_gate_is_said_before_anything_is_read(asked, run):
    asked("r1")
    code, _, err = run("version: 1\nproviders: {}\nmodels: {}\n")
    assert (code, "line 2: providers: empty" in err) == (1, True)
    code, _, err = run(DOCUMENT, "--gate", "price<=5%")
    assert (code, "there is no metric 'price'. Known are cost" in err) == (1, True)


def test_a_publication_is_weighed_against_what_is_live(asked, stage):
    asked("r1", "r2")
    assert simulate.gate("dev", HALF, ["cost<=+5%", "denials<=0"], 1) == 1
    stage.live(DOCUMENT + "flags: {}\n# again\n")
    assert simulate.gate("dev", HALF, [], 1) == 2
    with pytest.raises(Trouble, match=r"changed<=20% does not hold: 2 of 2 requests"):
        simulate.gate("dev", HALF, ["cost<=+5%", "changed<=20%"], 1)
    with pytest.raises(Trouble, match=r"the document is not valid:\nline 2"):
        simulate.gate("dev", "version: 1\nproviders: {}\nmodels: {}\n", ["cost<=+5%"], 1)
    with pytest.raises(Trouble, match="no traffic was recorded"):
        simulate.gate("dev", HALF, ["cost<=+5%"], 0.01)


def test_what_the_stage_says_against_the_document_holds_for_the_draft_too(asked, run):
    asked("r1", overrides={"ROUTES__CHAT__MAX_ATTEMPTS": "1"})
    told = json.loads(run(DOCUMENT, "--json")[1])
    assert told["changed"]["requests"] == 0
