"""Each workflow is Amazon States Language, leads from each state to one that exists, and names its Tasks as its handler names the steps."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import cfnlint.data.schemas.other.step_functions
import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted(ROOT.glob("functions/*/workflow.asl.json"))
SCHEMA = json.loads(Path(cfnlint.data.schemas.other.step_functions.__path__[0], "statemachine.json").read_text())


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.parent.name)
def path(request) -> Path:
    return request.param


@pytest.fixture
def states(path) -> dict[str, Any]:
    return json.loads(path.read_text())["States"]


def following(state: dict[str, Any]) -> list[str]:
    branches = [*state.get("Choices", ()), *state.get("Catch", ())]
    return [*(branch["Next"] for branch in branches), *(state[key] for key in ("Next", "Default") if key in state)]


def test_there_are_workflows():
    assert WORKFLOWS


def test_it_is_amazon_states_language(path):
    errors = [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(json.loads(path.read_text()))]
    assert not errors, "\n".join(errors)


def test_every_state_leads_to_one_that_exists_and_is_reached(path, states):
    start = json.loads(path.read_text())["StartAt"]
    reached, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        assert name in states, f"{path.parent.name} leads to {name}, which does not exist"
        if name not in reached:
            reached.add(name)
            waiting += following(states[name])
    assert reached == set(states)


def test_every_way_comes_to_an_end(path, states):
    ending = {name for name, state in states.items() if state["Type"] in ("Succeed", "Fail") or state.get("End")}
    while more := {name for name, state in states.items() if name not in ending and ending.intersection(following(state))}:
        ending |= more
    assert ending == set(states)


def test_every_task_is_a_step_of_the_handler_and_every_step_a_task(path, states):
    handler = importlib.import_module(f"functions.{path.parent.name}.handler")
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert set(tasks) == set(handler.STEPS)
    assert {name: task["Parameters"]["step"] for name, task in tasks.items()} == {name: name for name in tasks}


def test_every_task_retries_what_passes_catches_what_does_not_and_ends_in_time(path, states):
    for name, task in states.items():
        if task["Type"] == "Task":
            assert task["TimeoutSeconds"] <= 60, name
            assert task["Retry"][-1]["ErrorEquals"] == ["States.ALL"], name
            assert task["Retry"][-1]["BackoffRate"] > 1, name
            assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_what_it_calls_comes_from_the_template(path):
    """No function is named in the file: the template fills in which."""
    named = set(re.findall(r'"Resource": "(.*?)"', path.read_text()))
    template = (ROOT / "template.yaml").read_text()
    assert named
    assert all(re.fullmatch(r"\$\{\w+\}", name) and name[2:-1] in template for name in named), named
