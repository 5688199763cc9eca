"""Walks a workflow's definition with its handler, without waiting: as much of Amazon States Language (JSONPath) as ours use, no more.

https://states-language.net/spec.html. The end-to-end tests run the same file in Step Functions.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Execution(NamedTuple):
    status: str  # SUCCEEDED or FAILED
    output: Any  # where it failed: the Fail state's Error
    states: list[str]


def run(definition: Path, handler: Callable[[Any], Any], input: Any, name: str = "e1") -> Execution:
    """What the handler raises is an error of the state, named by its class, as Lambda has it."""
    machine = json.loads(definition.read_text())
    context = {"Execution": {"Name": name, "Id": f"arn:aws:states:::execution:w:{name}"}}
    states, current, data = [], machine["StartAt"], input
    while True:
        states.append(current)
        state = machine["States"][current]
        match state["Type"]:
            case "Task":
                current, data = _task(state, handler, data, context)
            case "Pass":
                current, data = state["Next"], _filled(state["Parameters"], data, context)
            case "Choice":
                chosen = (rule["Next"] for rule in state["Choices"] if _at(rule["Variable"], data, context) is rule["BooleanEquals"])
                current = next(chosen, state["Default"])
            case "Succeed":
                return Execution("SUCCEEDED", data, states)
            case "Fail":
                return Execution("FAILED", state["Error"], states)
            case other:
                raise NotImplementedError(other)


def _task(state: Any, handler: Callable[[Any], Any], data: Any, context: Any) -> tuple[str, Any]:
    parameters = _filled(state["Parameters"], data, context)
    tries: dict[int, int] = {}
    while True:
        try:
            result = handler(json.loads(json.dumps(parameters)))
            return state["Next"], _put(state.get("ResultPath", "$"), data, json.loads(json.dumps(result)))
        except Exception as error:
            kind = type(error).__name__
            number, retrier = _matching(state["Retry"], kind)
            tries[number] = tries.get(number, 0) + 1
            if tries[number] <= retrier.get("MaxAttempts", 3):
                continue
            _, catcher = _matching(state["Catch"], kind)
            cause = json.dumps({"errorType": kind, "errorMessage": str(error)})
            return catcher["Next"], _put(catcher["ResultPath"], data, {"Error": kind, "Cause": cause})


def _matching(rows: list[Any], kind: str) -> tuple[int, Any]:
    return next((number, row) for number, row in enumerate(rows) if {kind, "States.ALL"} & set(row["ErrorEquals"]))


def _filled(parameters: Any, data: Any, context: Any) -> Any:
    return {name.removesuffix(".$"): _at(value, data, context) if name.endswith(".$") else value for name, value in parameters.items()}


def _at(path: str, data: Any, context: Any) -> Any:
    value = context if path.startswith("$$") else data
    for step in path.lstrip("$").split(".")[1:]:
        value = value[step]
    return value


def _put(path: str, data: Any, result: Any) -> Any:
    """TypeError where there is no object to put it into, as Step Functions ends with States.ResultPathMatchFailure."""
    return result if path == "$" else data | {path.removeprefix("$."): result}
