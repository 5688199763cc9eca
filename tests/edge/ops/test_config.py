"""`signalbox config` against the control function itself: from a file to what is live and back, and what each action says on the way."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from ops import cli, simulate
from ops.trouble import Trouble
from signalbox.config.compiler import compile_text
from tests.functions.conftest import Stage as Cloud
from tests.functions.conftest import context, sample  # noqa: F401  fixtures
from tests.functions.control.client import ADMIN, SEED, Api, key_secret

FIRST = """\
# ours
version: 1
providers: {openai: {}, ollama: {}}
models:
  openai/gpt: {context_window: 9, max_output_tokens: 9, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
  ollama/llama: {context_window: 9, max_output_tokens: 9} # free
routes:
  chat: {targets: [openai/gpt]}
"""
SECOND = FIRST.replace("targets: [openai/gpt]", "targets: [ollama/llama]")
WRONG = FIRST.replace("openai/gpt]", "openai/gtp]")
UNPRICED = "routing.yaml:6: warning: models.ollama/llama: has no prices: it is counted as free, and refused to whoever has a hard budget\n"


@pytest.fixture
def control(deployed, api, monkeypatch, sample, context):  # noqa: F811
    """The stage dev, whose API is the control function."""
    cloud = Cloud()
    own = {
        "SIGNALBOX_CONTROL_TABLE": "control",
        "SIGNALBOX_LEDGER_TABLE": "ledger",
        "SIGNALBOX_USAGE_TABLE": "usage",
        "SIGNALBOX_BUS": "signalbox",
        "SIGNALBOX_ALERT_TOPIC": cloud.topic,
        "SIGNALBOX_CONFIG_BUCKET": "signalbox-config",
        "SIGNALBOX_KEY_SECRET": key_secret(),
        "SIGNALBOX_FIELD_KEY": "none",
        "SIGNALBOX_ADMIN_KEY": ADMIN,
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    function = Api(sample("control_list_keys"), context)

    def answering(method, path, headers, body):
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query)) or None
        answer = function.raw(method, parts.path.removeprefix("/dev"), body.decode() or None, key=ADMIN, query=query)
        return answer["statusCode"], answer["body"].encode()

    api.answering = answering
    buckets = {"ConfigBucketName": "signalbox-config", "TrafficBucketName": "signalbox-traffic"}
    deployed(ApiUrl=api.url, UsageTableName="usage", ControlTableName="control", **buckets)


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """signalbox config …, in a folder of its own: the status, what it printed, and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def run(words, document=None):
        if document is not None:
            (tmp_path / "routing.yaml").write_text(document)
        status = cli.main(["config", *words.split()])
        return status, *capsys.readouterr()

    return run


def test_a_document_is_checked_where_it_lies(run):
    assert run("check routing.yaml", FIRST) == (
        0,
        f"{UNPRICED}routing.yaml: valid, 1 warning (digest {compile_text(FIRST).digest[:12]}, of the file alone)\n",
        "",
    )
    status, said, _ = run("check routing.yaml", WRONG.replace("version: 1", "version: 2"))
    assert (status, said.splitlines()[0]) == (1, "routing.yaml:2: version: 2 is none of: 1")
    status, said, _ = run("check routing.yaml", WRONG)
    assert (status, said.splitlines()[0].partition(" the models")[0]) == (
        1,
        "routing.yaml:8: routes.chat.targets.0: there is no model 'openai/gtp';",
    )
    assert said.splitlines()[-1] == "routing.yaml: 1 problem; it cannot go live"


def test_warnings_count_where_they_are_told_to(run):
    assert run("check routing.yaml --strict", FIRST)[0] == 1
    assert run("check routing.yaml --strict", FIRST.replace("max_output_tokens: 9} # free", "max_output_tokens: 9, " + PRICES))[0] == 0


PRICES = "prices: {input: 0, output: 0, source: s, as_of: 2026-01-02}}"


def test_a_check_is_for_programs_too(run):
    checked = json.loads(run("check routing.yaml --json", FIRST)[1])
    assert (checked["valid"], checked["problems"], checked["warnings"][0]["line"]) == (True, [], 6)
    status, said, _ = run("check routing.yaml --json", "version: [")
    assert (status, json.loads(said)["valid"], json.loads(said)["digest"]) == (1, False, None)


def test_a_stage_checks_with_what_it_says_against_the_document(control, run):
    override = "PROVIDERS__OLLAMA__BASE_URL=nonsense"
    assert run(f"publish routing.yaml --stage dev --override {override}", FIRST)[0] == 1
    assert run("publish routing.yaml --stage dev --override PROVIDERS__OLLAMA__BASE_URL=https://o.example.com", FIRST)[0] == 0
    assert "valid, and live already, 1 warning" in run("check routing.yaml --stage dev", FIRST)[1]
    assert "live already" not in run("check routing.yaml", FIRST)[1]
    [stored] = json.loads(run("history --stage dev --json")[1])
    said = run("check routing.yaml --stage dev", FIRST)[1]
    assert said.endswith(f"(digest {stored['digest'][:12]}, with the overrides of dev)\n")
    assert run("check routing.yaml --stage dev", WRONG)[:2][0] == 1
    assert run("publish routing.yaml --stage dev --no-overrides", FIRST)[1].endswith(
        "- providers.ollama.base_url: https://o.example.com\nversion 2 is live: 1 provider\n"
    )
    assert run("publish routing.yaml --stage dev --override nothing", FIRST)[2].startswith("signalbox: --override nothing: write it as ")


def test_from_a_file_to_what_is_live_and_back(control, run):
    status, said, _ = run("publish routing.yaml --stage dev --message first", FIRST)
    assert (status, said.partition("version")[0]) == (0, UNPRICED)  # all of it is new, which needs no list
    assert said.removeprefix(UNPRICED).startswith("version 1 is live: 2 providers, 2 models, 1 route")
    status, said, _ = run("publish routing.yaml --stage dev --message second", SECOND)
    assert (status, said) == (0, f"{UNPRICED}~ routes.chat.targets: [openai/gpt] → [ollama/llama]\nversion 2 is live: 1 route\n")
    assert run("publish routing.yaml --stage dev", SECOND)[1].endswith("version 2 was live already, and stays\n")

    assert run("show --stage dev") == (0, SECOND, "")
    assert run("show --stage dev --previous") == (0, FIRST, "")
    assert run("show --stage dev --version 1") == (0, FIRST, "")
    assert json.loads(run("show --stage dev --json")[1])["message"] == "second"
    assert run("show --stage dev --version 9")[::2] == (1, "signalbox: There is no version 9. GET /admin/config/versions lists them.\n")

    assert run("rollback --stage dev --message no") == (
        0,
        "~ routes.chat.targets: [ollama/llama] → [openai/gpt]\nversion 3 is live, as version 1 was: 1 route\n",
        "",
    )
    assert run("show --stage dev")[1] == FIRST
    assert run("show --stage dev --previous")[1] == SECOND
    assert run("rollback 1 --stage dev")[1] == "version 3 was live already, and stays\n"
    assert run("rollback 7 --stage dev")[0] == 1

    heading, *lines = [line.split() for line in run("history --stage dev")[1].splitlines()]
    assert heading == ["version", "at", "author", "digest", "restores", "message"]
    assert [(row[0], row[3], row[4][:12], row[5], row[6]) for row in lines] == [
        ("3", "ann", compile_text(FIRST).digest[:12], "1", "no"),
        ("2", "ann", compile_text(SECOND).digest[:12], "-", "second"),
        ("1", "ann", compile_text(FIRST).digest[:12], "-", "first"),
    ]
    assert [row["version"] for row in json.loads(run("history --stage dev --limit 2 --json")[1])] == [3, 2]


def test_another_remark_is_a_version_that_means_the_same(control, run):
    run("publish routing.yaml --stage dev", FIRST)
    said = run("publish routing.yaml --stage dev", FIRST.replace("# ours", "# theirs"))[1]
    assert said == f"{UNPRICED}version 2 is live: it means what the one before meant\n"


def test_what_differs_is_told_by_what_it_means(control, run):
    run("publish routing.yaml --stage dev", FIRST)
    change, back = "~ routes.chat.targets: [openai/gpt] → [ollama/llama]\n", "~ routes.chat.targets: [ollama/llama] → [openai/gpt]\n"
    assert run("diff routing.yaml --stage dev", FIRST + "# another comment\n") == (0, "no difference\n", "")
    assert run("diff routing.yaml --stage dev", SECOND) == (0, f"{change}differs in: 1 route\n", "")
    run("publish routing.yaml --stage dev", SECOND)
    for words, said in {"": change, "--from 1": change, "--from 1 --to 2": change, "--to 1": back, "--from 2 --to 1": back}.items():
        assert run(f"diff {words} --stage dev")[:2] == (0, f"{said}differs in: 1 route\n")
    assert run("diff routing.yaml --from 1 --stage dev", SECOND)[1].startswith(change)
    assert json.loads(run("diff --json --stage dev")[1])["changes"][0]["path"] == "routes.chat.targets"


def test_whether_anything_differs_is_told_by_the_status_where_that_is_asked(control, run):
    assert run("diff routing.yaml --exit-code --stage dev", FIRST)[0] == 2
    run("publish routing.yaml --stage dev", FIRST)
    assert run("diff routing.yaml --exit-code --stage dev", FIRST)[0] == 0
    assert run("diff routing.yaml --exit-code --stage dev", SECOND)[0] == 1
    assert run("diff routing.yaml --exit-code --stage dev", "version: [")[0] == 2
    assert run("diff routing.yaml --stage dev", "version: [")[0] == 1
    assert run("diff --stage dev")[2].startswith("signalbox: there is none before version 1 that says anything else")


def test_before_the_first_publication_it_is_said_what_to_do(control, run):
    assert run("history --stage dev") == (0, "no configuration is published yet: signalbox config publish routing.yaml\n", "")
    for words in ("show", "show --previous", "diff", "rollback", "generate"):
        status, said, complaint = run(f"{words} --stage dev")
        assert (status, said, complaint[:11]) == (1, "", "signalbox: "), words


def test_a_wrong_document_changes_nothing(control, run):
    run("publish routing.yaml --stage dev", FIRST)
    status, said, complaint = run("publish routing.yaml --stage dev", WRONG)
    assert (status, said) == (1, "")
    assert "line 8: routes.chat.targets.0: there is no model 'openai/gtp'" in complaint
    assert run("show --stage dev")[1] == FIRST


def test_a_publication_that_was_overtaken_is_refused(control, run):
    assert run("publish routing.yaml --stage dev --expect 0", FIRST)[0] == 0
    assert run("publish routing.yaml --stage dev --expect 0", SECOND)[2].startswith("signalbox: Version 1 by ann came first")
    assert run("publish routing.yaml --stage dev --expect 1", SECOND)[0] == 0


def test_what_does_not_hold_its_gates_does_not_go_live(control, run, monkeypatch):
    run("publish routing.yaml --stage dev", FIRST)
    weighed = []

    def gate(stage, text, gates, days):
        weighed.append((stage, text, list(gates), days))
        if "ollama/llama]" in text:
            raise Trouble("cost<=+5% does not hold: +9 %")
        return 1

    monkeypatch.setattr(simulate, "gate", gate)
    words = "publish routing.yaml --stage dev --gate cost<=+5% --gate denials<=0 --gate-days 7"
    assert run(words, SECOND)[::2] == (1, "signalbox: cost<=+5% does not hold: +9 %\n")
    assert weighed == [("dev", SECOND, ["cost<=+5%", "denials<=0"], 7)]
    assert run("show --stage dev")[1] == FIRST
    third = FIRST.replace("chat:", "talk:")
    assert run(f"{words} --expect 2", third)[2] == "signalbox: version 1 is live, and not 2: look at it, then publish again\n"
    assert "holds, weighed against version 1: cost<=+5%, denials<=0\n" in run(words, third)[1]
    assert run(words, FIRST)[2].startswith("signalbox: Version 2 by ann came first")


def test_without_recorded_traffic_a_gate_holds_nothing(control, run):
    run("publish routing.yaml --stage dev", FIRST)
    status, said, complaint = run("publish routing.yaml --stage dev --gate cost<=+5%", SECOND)
    assert (status, said) == (1, "")
    assert "recorded" in complaint
    assert run("publish routing.yaml --stage dev --gate beauty>=3", SECOND)[0] == 1
    assert run("show --stage dev")[1] == FIRST


def test_what_is_live_is_rendered_with_comments(control, run):
    run("publish routing.yaml --stage dev --override PROVIDERS__OLLAMA__BASE_URL=https://o.example.com", FIRST)
    status, made, _ = run("generate --stage dev")
    assert (status, compile_text(made).digest) == (0, compile_text(FIRST).digest)
    assert made.startswith("# Version 1 of dev, by ann at 20")
    assert "\n# What clients ask for: " in made
    effective = run("generate --stage dev --effective")[1]
    assert "# What the stage says against it is written in: PROVIDERS__OLLAMA__BASE_URL\n" in effective
    assert "base_url: https://o.example.com" in effective.replace('"', "")
    assert run("show --stage dev --json")[1].find(compile_text(effective).digest) > 0


def test_a_file_is_rendered_and_its_faults_are_said(run):
    assert compile_text(run("generate routing.yaml", SEED)[1]).digest == compile_text(SEED).digest
    status, made, complaint = run("generate routing.yaml", WRONG)
    assert (status, made) == (1, "")
    assert "line 8: routes.chat.targets.0" in complaint


@pytest.mark.parametrize("action", ["check", "diff", "publish", "show", "history", "rollback", "generate"])
def test_every_action_has_a_help_with_an_example(action, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["config", action, "--help"])
    assert left.value.code == 0
    assert f"\n  signalbox config {action}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", ["rollback x", "show --version 0", "publish r --expect -1", "history --limit 0", "publish r --gate-days 0"]
)
def test_a_number_that_is_none_is_refused_at_once(words, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["config", *words.split()])
    assert left.value.code == 2
