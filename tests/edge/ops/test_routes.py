"""`signalbox routes`: what is told of routes and of a request, in lines that can be read at three in the morning, and as JSON."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops import cli, table
from signalbox.config.compiler import compile_text
from signalbox.routing.catalog import to_snapshot
from signalbox.routing.explain import explain
from signalbox.routing.inputs import Features, Inputs

SEED = Path(__file__).resolve().parents[3] / "routing.yaml"
DOCUMENT = """\
version: 1
providers:
  openai: {availability: 99}
  mistral: {region: eu-west-1}
models:
  openai/big:
    context_window: 9000
    max_output_tokens: 2000
    availability: 99.9
    region: us-east-1
    prices: {input: 1, output: 4, source: s, as_of: 2026-01-02}
  openai/small: {context_window: 9000, max_output_tokens: 2000, region: us-east-1, chain: deep}
  mistral/free:
    context_window: 9000
    max_output_tokens: 2000
    prices: {input: 0, output: 0, source: s, as_of: 2026-01-02}
chains:
  deep: {terminal: mistral/free}
routes:
  alone: {targets: [openai/big]}
  deep: {targets: [openai/big, openai/small]}
aliases: {gpt: deep}
"""


@pytest.fixture
def document(tmp_path):
    (tmp_path / "routing.yaml").write_text(DOCUMENT)
    return str(tmp_path / "routing.yaml")


@pytest.fixture
def run(capsys):
    """What a command that goes well prints."""

    def run(*words):
        assert cli.main(["routes", *words]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return run


def lines(text):
    """Without what is there to be looked at."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_line_a_route_and_what_to_look_at(run, document):
    said = lines(run("analyze", document))
    assert said[:4] == [
        "route strategy tried available nines down a month lost with bits attempts first byte in all cost worst cautions",
        "alone sequential 1/1 99.9 % 3.0 44 min provider openai 0.00 3 5 s 2 min $0.003 $0.009 1",
        "deep sequential 3/3 99.99993 % 6.2 1.8 s - 0.01 3 15 s 2 min ? ? 1",
        "openai/small sequential 2/2 99.999 % 5.0 26 s - 0.08 3 10 s 2 min ? ? 1",
    ]
    assert "last resorts: 2 targets of 2 providers (mistral 2, openai 1)" in said
    assert "assumed: of what takes a target down, 50 % is its provider's and 20 % its region's" in said
    assert (
        "alone ! all that is tried is openai's: it is down whenever openai is. Add a target of another provider (single_provider)" in said
    )
    assert any(line.startswith("deep ! openai/small has no prices") for line in said)


def test_all_that_is_known_of_one_route(run, document):
    for name in ("deep", "gpt"):
        said = lines(run("analyze", document, "--route", name))
        assert said[0] == "deep: sequential, 3 of 3 targets tried"
    assert "openai/big us-east-1 99.9 % 99.9 % 5 s $0.003 yes" in said
    assert "openai/small us-east-1 99 % 0.0297 % 5 s ? yes" in said
    assert "last resort mistral/free, of another provider than the first, a chain's terminal target" in said
    assert "lost with no single provider, region or target" in said
    assert "without provider openai: fails 0.1 % of the time" in said
    assert any(
        line.startswith("same provider openai/big, openai/small: all down 0.0703 % of the time, were nothing shared 0.001 %")
        for line in said
    )
    assert any(line.startswith("same region openai/big, openai/small") for line in said)
    assert "worst case 3 attempts, 15 s to the first byte, 2 min in all" in said
    assert len([line for line in lines(run("analyze", document, "--verbose")) if "targets tried" in line]) == 3


def test_the_shipped_document_can_be_analysed_and_the_json_is_the_same(run):
    analysis = json.loads(run("analyze", str(SEED), "--json"))
    text = run("analyze", str(SEED))
    for route in analysis["routes"]:
        assert f"\n{route['route']} " in text
    (chat,) = json.loads(run("analyse", str(SEED), "--json", "--route", "chat"))["routes"]
    assert chat in analysis["routes"]


def test_what_is_assumed_can_be_said_otherwise(run, document):
    def of_deep(*words):
        return json.loads(run("analyze", document, "--json", "--route", "deep", *words))["routes"][0]

    apart = of_deep("--provider-share", "0", "--region-share", "0")
    assert apart["correlated"] == apart["independent"]
    assert of_deep("--provider-share", "1", "--region-share", "0")["correlated"]["unavailability"] == pytest.approx(1e-6)
    assert [row["code"] for row in of_deep("--least", "1")["cautions"]] == ["availability", "unpriced"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("analyze nothing.yaml", "nothing.yaml cannot be read"),
        ("analyze FILE --route nobody", "has no route 'nobody'; the routes are: alone, deep, gpt"),
        ("analyze FILE --provider-share 0.9", "more than 1 together"),
        ("explain nothing.json", "nothing.json cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, said, document, capsys):
    assert cli.main(["routes", *words.replace("FILE", document).split()]) == 1
    error = capsys.readouterr().err
    assert error.startswith("signalbox: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_document_with_faults_names_their_lines(tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text("version: 1\nproviders: {}\nmodels: {}\n")
    assert cli.main(["routes", "analyze", str(tmp_path / "wrong.yaml")]) == 1
    assert "line 2: providers: empty" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["2", "-1", "half"])
def test_a_share_is_one(share, document, capsys):
    with pytest.raises(SystemExit):
        cli.main(["routes", "analyze", document, "--least", share])
    assert "not a" in capsys.readouterr().err


@pytest.fixture
def stage(deployed, api, operator):
    """The stage dev, whose API says what it is told to say."""
    deployed(ApiUrl=api.url)


def test_without_a_document_the_live_one_is_asked_for(stage, api, run, document):
    analysis = run("analyze", document, "--json")
    api.answer = 200, analysis.encode()
    assert run("analyze", "--stage", "dev") == run("analyze", document)
    assert run("analyze", "--stage", "dev", "--json", "--route", "a b", "--least", "0.5") == analysis
    (_, plain, headers, _), (method, path, _, _) = api.seen
    assert (method, headers["authorization"]) == ("GET", "Bearer ak-1")
    assert plain == "/dev/admin/routes/analysis?provider_share=0.5&region_share=0.2&least_availability=0.999"
    assert path.endswith("least_availability=0.5&route=a+b")


def money(nanousd):
    return {"nanousd": nanousd, "usd": str(nanousd / 1e9)}


def told(target, cost, reason, latency=None):
    return {
        "target": target,
        "reason": reason,
        "circuit": "closed",
        "expected_cost": money(cost),
        "worst_cost": money(3 * cost),
        "expected_latency_ms": latency,
        "timeouts": {"ttft_s": 5.0, "between_chunks_s": 10.0, "total_s": 120.0},
    }


DECISION = {
    "object": "signalbox.decision",
    "model": "gpt",
    "asked": "chat",
    "route": "smart",
    "policy": "acme",
    "policies": [{"id": "short", "matched": False}, {"id": "acme", "matched": True}],
    "flags": ["fallback", "routing_policies"],
    "strategy": "weighted",
    "refused": None,
    "deny": None,
    "warning": None,
    "targets": [
        told("openai/gpt", 960_000, "drawn by its weight 3", {"ttft": 420, "duration": 1_900}),
        told("mistral/small", 360_000, "drawn by its weight 1"),
    ],
    "behind": {"openai/gpt": {"context_too_long": ["google/long"]}},
    "only_behind": [told("google/long", 5_000_000, "named by a chain for one kind of failure")],
    "passed": [{"target": "ollama/tiny", "why": "cannot serve `tools`: it has none"}],
    "limits": {"max_attempts": 3, "max_tokens": 300, "max_cost": money(50_000_000), "retries": {"server": 1}, "hedge_after_ms": 800},
    "mirror": None,
    "cache": None,
    "worst_case": {"attempts": 3, "cost": money(18_960_000), "total_s": 120.0},
    "baseline": {"target": "openai/gpt", "expected_cost": money(1_299_200)},
    "features": {"input_tokens": 1_200, "max_tokens": None, "complexity": 12},
    "known": {"full": [], "budget_used_percent": 0, "turn": 0, "draw": 0.25},
    "config_version": 7,
    "inputs": "1ae4231b73f670d80b3b34f1a9e2e270e967a500a130d462c2c807fdf1f16ba9",
}
REQUEST = '{"model": "gpt", "messages": [{"role": "user", "content": "grüß Gott"}]}'


@pytest.fixture
def request_file(tmp_path):
    (tmp_path / "request.json").write_text(REQUEST)
    return str(tmp_path / "request.json")


def test_a_request_is_explained(stage, api, run, request_file):
    api.answer = 200, json.dumps(DECISION).encode()
    said = lines(run("explain", request_file, "--stage", "dev"))
    assert said == [
        "gpt is route chat, and by policy smart: weighted",
        "policies short does not, acme applies",
        "flags on fallback, routing_policies",
        "",
        "target circuit expected worst of late within why",
        "1 openai/gpt closed $0.00096 $0.00288 420 ms, 1900 ms in all 5 s, 2 min in all drawn by its weight 3",
        "2 mistral/small closed $0.00036 $0.00108 - 5 s, 2 min in all drawn by its weight 1",
        "- google/long closed $0.005 $0.015 - 5 s, 2 min in all named by a chain for one kind of failure",
        "after openai/gpt, context_too_long: google/long",
        "passed over ollama/tiny: cannot serve `tools`: it has none",
        "",
        "limits 3 attempts, 300 tokens, $0.05, a rival after 800 ms, 1 retry of server",
        "worst case 3 attempts, 2 min, $0.019",
        "baseline openai/gpt, $0.0013 expected",
        "request about 1,200 tokens in, complexity 12 of 100",
        "decided by configuration version 7, inputs 1ae4231b73f6",
    ]
    ((method, path, headers, body),) = api.seen
    assert (method, path, body.decode()) == ("POST", "/dev/v1/chat/completions", REQUEST)
    assert (headers["authorization"], headers["x-signalbox-explain"]) == ("Bearer sk-1", "true")
    assert json.loads(run("explain", request_file, "--stage", "dev", "--json", "--path", "/v1/messages")) == DECISION
    assert api.seen[1][1] == "/dev/v1/messages"


def test_what_else_becomes_of_a_request_is_told_in_words(stage, api, run, request_file):
    more = {
        "mirror": "ollama/tiny",
        "cache": {"ttl_s": 90},
        "warning": "no target is well",
        "known": {"full": ["a/x"], "budget_used_percent": 91},
    }
    api.answer = 200, json.dumps(DECISION | more).encode()
    said = lines(run("explain", request_file, "--stage", "dev"))
    for line in (
        "warning no target is well",
        "mirror ollama/tiny is sent it as well; nobody waits for that answer",
        "cache an answer is kept for 1.5 min",
        "known 91 % of a budget is used, at their capacity: a/x",
    ):
        assert line in said


def test_what_the_router_tells_is_what_is_told(stage, api, run, request_file):
    snapshot = to_snapshot(json.loads(compile_text(SEED.read_text()).json), 7, "d" * 64)
    features = Features("r", "acme", "core", "k", "chat", input_tokens=1_200, input_bound=5_000)
    route = snapshot.route("chat")
    lacking = route.targets[-1]
    decision = explain(
        Inputs(features, deadline_ms=1_000), snapshot, route, lambda row: ("tools", "it has none") if row.id == lacking else None
    )
    api.answer = 200, json.dumps(decision).encode()
    said = lines(run("explain", request_file, "--stage", "dev"))
    assert said[0] == f"chat is route chat: {route.strategy}"
    assert any(line.startswith(f"1 {decision['targets'][0]['target']} closed $0.00") for line in said)
    assert any(line.startswith(f"passed over {lacking}: ") and "it has none" in line for line in said)
    assert any(line.startswith(f"worst case {decision['worst_case']['attempts']} attempts, ") for line in said)
    assert said[-1].startswith(f"decided by configuration version 7, inputs {decision['inputs'][:12]}")
    assert {key for key in decision if key not in DECISION} == {key for key in DECISION if key not in decision} == set()


def test_so_is_one_that_nobody_would_serve(stage, api, run, request_file):
    refused = {"status": 403, "code": "permission_denied", "message": "Policy acme denies this request: not at night"}
    api.answer = 200, json.dumps(DECISION | {"targets": [], "only_behind": [], "behind": {}, "refused": refused}).encode()
    said = lines(run("explain", request_file, "--stage", "dev"))
    assert "REFUSED 403 permission_denied: Policy acme denies this request: not at night" in said
    assert "passed over ollama/tiny: cannot serve `tools`: it has none" in said


def test_what_a_stage_leaves_out_is_left_out(stage, api, run, request_file):
    api.answer = 200, b'{"object": "signalbox.decision", "model": "gpt", "targets": [{"target": "openai/gpt"}]}'
    assert "1 openai/gpt ? ? - -" in lines(run("explain", request_file, "--stage", "dev"))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b'{"error": {"message": "There is no model gpt."}}', "signalbox: There is no model gpt."),
        (502, b"<html>", "/dev/v1/chat/completions answered 502, and not as Signalbox does"),
        (200, b'{"object": "chat.completion"}', "served the request instead of explaining it"),
        (200, b"[]", "served the request instead of explaining it"),
    ],
)
def test_a_stage_that_does_not_explain(stage, api, request_file, capsys, status, body, said):
    api.answer = status, body
    assert cli.main(["routes", "explain", request_file, "--stage", "dev"]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "said"), [("", "no SIGNALBOX_API_KEY in the environment"), ("sk-ключ", "SIGNALBOX_API_KEY holds what no key does")]
)
def test_a_key_of_the_callers_is_needed(stage, api, request_file, monkeypatch, capsys, key, said):
    monkeypatch.setenv("SIGNALBOX_API_KEY", key)
    assert cli.main(["routes", "explain", request_file, "--stage", "dev"]) == 1
    assert f"{said}: `signalbox keys create NAME --tenant TENANT --stage dev` mints one" in capsys.readouterr().err
    assert api.seen == []


@pytest.mark.parametrize(
    ("unavailability", "said"),
    [
        (0, "100 %"),
        (1e-6, "99.9999 %"),
        (1.2e-6, "99.99988 %"),
        (0.0011, "99.89 %"),
        (0.5, "50 %"),
        (1, "0 %"),
        (0.999999, "0.0001 %"),
        (1e-18, "100 %"),
    ],
)
def test_availability_is_told_as_exactly_as_matters(unavailability, said):
    assert table.available(unavailability) == said


def test_numbers_are_told_shortly():
    assert [table.duration(seconds) for seconds in (0, 0.0001, 0.02, 2.63, 65, 5_400, 200_000)] == [
        *("0 s", "<1 ms", "20 ms", "2.6 s", "1.1 min", "1.5 h", "2.3 d"),
    ]
    assert [table.dollars(nanousd) for nanousd in (None, 0, 1, 1_234_567, 12_345_678_901, 7_000_000_398_819_426)] == [
        *("?", "$0", "$0.000000001", "$0.00123", "$12.3", "$7,000,000"),
    ]
    assert [table.percent(share) for share in (1, 0.999, 0.000123456, 0)] == ["100 %", "99.9 %", "0.0123 %", "0 %"]


@given(st.floats(1e-12, 1))
def test_less_than_always_is_never_told_as_always(unavailability):
    said = float(table.available(unavailability).removesuffix(" %"))
    assert abs(100 - said - 100 * unavailability) <= 0.06 * 100 * unavailability
