"""`signalbox policies` and `signalbox flags`, in front of the control API itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .client import Api
from .test_policies import DOCUMENT

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(api: Api, command: Callable[..., tuple[int, str, str]]) -> Run:
    assert api("POST", "/admin/config/publish", {"document": DOCUMENT})[0] == 200

    def run(*words: str) -> tuple[int, str]:
        code, told, trouble = command(*words)
        return code, told + trouble

    return run


def test_policies_are_listed_shown_set_activated_and_removed(run: Run, tmp_path: Path) -> None:
    assert run("policies", "list")[1].splitlines() == [
        "priority  id     status  flag    name",
        "       5  early  draft   slowly",
        "      50  late   active",
    ]
    file = tmp_path / "night.yaml"
    file.write_text('id: night\nconditions: {time: {from: "22:00"}}\nactions: {max_cost_usd: 0.005, deny: "no"}\n')
    code, said = run("policies", "set", str(file), "--message", "a trial")
    assert (code, said.splitlines()[0]) == (0, "policy night is draft: version 2 is live")
    assert said.splitlines()[1].startswith("warning: actions.deny: what is denied goes nowhere")
    assert run("policies", "show", "night")[1] == (
        'id: night\nstatus: draft\npriority: 100\nconditions: {time: {from: "22:00"}}\nactions: {max_cost_usd: 0.005, deny: "no"}'
    )
    assert run("policies", "activate", "night", "--message", "now")[1].endswith("policy night is active: version 3 is live")
    assert run("policies", "activate", "night")[1].endswith("version 3 was live already, and stays")
    assert run("policies", "disable", "night")[1].endswith("policy night is disabled: version 4 is live")
    for id in ("night", "early", "late"):
        assert run("policies", "remove", id, "--message", "over")[1].endswith(" is live")
    assert run("policies", "list") == (0, "no policy says anything: every request goes as its route says")
    assert run("policies", "remove", "night") == (1, "signalbox: There is no policy night. GET /admin/policies lists them.")


def test_what_is_shown_of_a_policy_sets_the_same_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "first.yaml"
    for text in ("id: first\npriority: 0\nactions: {}\n", "id: first\nstatus: active\ncontinue: true\npriority: 0\nactions: {deny: x}\n"):
        file.write_text(text)
        run("policies", "set", str(file))
        file.write_text(run("policies", "show", "first")[1])
        assert "was live already, and stays" in run("policies", "set", str(file))[1]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_is_no_name_leads_nowhere_else(run: Run, name: str) -> None:
    for words in (("policies", "show"), ("policies", "remove"), ("policies", "disable"), ("flags", "remove")):
        assert run(*words, name) == (1, f"signalbox: {name!r} is no name: write it as routing.yaml does")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: [", "not YAML"),
        ("conditions: {}", "no policy; write `id: …`"),
        ("id: new\nactions: {rout: chat}", "actions.rout: unknown key; did you mean 'route'?"),
    ],
)
def test_a_file_that_holds_no_policy_changes_nothing(run: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    code, told = run("policies", "set", str(tmp_path / "p.yaml"))
    assert code == 1
    assert said in told
    assert run("policies", "list")[1].count("\n") == 2


def test_the_list_of_versions_says_what_became_of_a_flag(run: Run) -> None:
    run("flags", "set", "slowly", "--percent", "20")
    run("flags", "set", "new", "--off")
    said = run("config", "history")[1].splitlines()
    assert said[1].endswith("flag new off")
    assert said[2].endswith("flag slowly on for 20 % of the callers of beta")


def test_flags_are_listed_switched_and_removed(run: Run) -> None:
    lines = run("flags", "list")[1].splitlines()
    assert lines[1].split() == ["cost_optimization", "on", "for", "all", "built", "in"]
    assert lines[-1].split() == ["slowly", "on", "for", "10", "%", "of", "the", "callers", "of", "beta", "early"]
    assert run("flags", "set", "slowly", "--off") == (0, "flag slowly is off: version 2 is live")
    assert run("flags", "set", "slowly", "--on", "--percent", "20") == (
        0,
        "flag slowly is on for 20 % of the callers of beta: version 3 is live",
    )
    assert run("flags", "set", "slowly", "--segments", "", "--by", "tenant")[1].startswith("flag slowly is on for 20 % of the tenants: ")
    assert run("flags", "set", "new", "--segments", "beta") == (0, "flag new is on for all of beta: version 5 is live")
    assert run("flags", "set", "fallback", "--off", "--message", "a drill")[0] == 0
    assert run("flags", "remove", "fallback") == (0, "flag fallback is on for all: version 7 is live")
    assert run("flags", "remove", "new") == (0, "flag new is removed: version 8 is live")
    code, said = run("flags", "remove", "slowly")
    assert code == 1
    assert "Policies hang on the flag slowly: early." in said
