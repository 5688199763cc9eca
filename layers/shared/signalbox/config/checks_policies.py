"""Policies, flags and segments that name what is not there, or say what means nothing."""

from collections.abc import Iterable, Iterator

from ..routing.catalog import ANY
from ..routing.flags import BUILT_IN
from .conditions import InvalidConditions, Leaf, read, to_compiled
from .document import Document
from .fields import names, shown
from .rules import Actions
from .source import Check, Finding, Path


def _conditions_can_be_asked(document: Document) -> Iterator[Finding]:
    for id, policy in document.policies.items():
        try:
            to_compiled(policy.conditions)
        except InvalidConditions as error:
            for path, message in error.faults:
                yield ("policies", id, "conditions", *path), message


def _conditions_name_what_there_is(document: Document) -> Iterator[Finding]:
    for id, leaf in leaves(document):
        where = ("policies", id, "conditions", *leaf.path)
        if leaf.field == "circuits" and (message := _no_target(leaf.item, document)):
            yield where, message
        for text in named(leaf) if leaf.field == "segment" else ():
            if text not in document.segments:
                yield where, f"there is no segment {shown(text)}; the segments are: {names(document.segments)}"


def _actions_name_what_there_is(document: Document) -> Iterator[Finding]:
    for id, policy in document.policies.items():
        where = ("policies", id, "actions")
        route = policy.actions.route
        if route is not None and route not in document.aliases and route not in document.routes and not is_model(route, document):
            yield (*where, "route"), f"there is no route, model or alias {shown(route)}; the routes are: {names(document.routes, route)}"
        for path, target in _targets(policy.actions):
            if message := _no_target(target, document):
                yield (*where, *path), message


def _active_ones_do_something(document: Document) -> Iterator[Finding]:
    for id, policy in document.policies.items():
        if policy.status == "active" and policy.actions == Actions():
            yield ("policies", id, "actions"), f"an active policy does something; write one of: {names(Actions.model_fields)}"


def _flags_exist(document: Document) -> Iterator[Finding]:
    known = {*document.flags, *BUILT_IN}
    for id, policy in document.policies.items():
        if policy.flag is not None and policy.flag not in known:
            yield ("policies", id, "flag"), f"there is no flag {shown(policy.flag)}; the flags are: {names(known)}"


def _segments_exist(document: Document) -> Iterator[Finding]:
    for name, flag in document.flags.items():
        for position, segment in enumerate(flag.segments):
            if segment not in document.segments:
                message = f"there is no segment {shown(segment)}; the segments are: {names(document.segments)}"
                yield ("flags", name, "segments", position), message


def _timeouts_nest(document: Document) -> Iterator[Finding]:
    for id, policy in document.policies.items():
        timeouts = policy.actions.timeouts
        for part in ("ttft_s", "between_chunks_s"):
            if timeouts.total_s and (getattr(timeouts, part) or 0) > timeouts.total_s:
                where = ("policies", id, "actions", "timeouts", part)
                yield where, f"longer than total_s ({timeouts.total_s:g} s), so that it could never pass; raise total_s or lower this"


def leaves(document: Document) -> Iterator[tuple[str, Leaf]]:
    for id, policy in document.policies.items():
        try:
            leaves = read(policy.conditions)[1]
        except InvalidConditions:
            continue  # which is told by itself
        yield from ((id, leaf) for leaf in leaves)


def named(leaf: Leaf) -> Iterable[str]:
    if leaf.operator not in ("eq", "ne", "in", "not_in", "contains") or (leaf.operator == "contains" and leaf.field == "model"):
        return ()
    return leaf.operand if isinstance(leaf.operand, list) else (leaf.operand,)


def _targets(actions: Actions) -> Iterator[tuple[Path, str]]:
    for field in ("add_targets", "remove_targets"):
        yield from (((field, position), target) for position, target in enumerate(getattr(actions, field)))
    yield from ((("weights", target), target) for target in actions.weights)
    if actions.mirror:
        yield ("mirror", "target"), actions.mirror.target


def is_model(id: str, document: Document) -> bool:
    return not id.endswith(ANY) and document.model(id) is not None


def _no_target(id: str, document: Document) -> str | None:
    if is_model(id, document):
        return None
    if id.endswith(ANY):
        return f"{shown(id)} is no one model; name one that it stands for"
    if id in document.aliases or id in document.routes:
        return f"{shown(id)} is no target; name a model: {names(document.models, id)}"
    return f"there is no model {shown(id)}; the models are: {names(document.models, id)}"


ERRORS: tuple[Check, ...] = (
    _conditions_can_be_asked,
    _conditions_name_what_there_is,
    _actions_name_what_there_is,
    _active_ones_do_something,
    _flags_exist,
    _segments_exist,
    _timeouts_nest,
)
