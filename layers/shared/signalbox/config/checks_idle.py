"""Policies that are right by themselves and come to nothing where they stand."""

import json
from collections.abc import Iterator

from .checks_policies import is_model, leaves, named
from .conditions import read, to_compiled
from .document import Document
from .fields import names, shown
from .rules import Policy
from .source import Check, Finding


def _can_be_reached(document: Document) -> Iterator[Finding]:
    """One that ends the looking, whenever a later one could match, hides it."""
    ending: dict[str, list[tuple[str, str | None]]] = {}
    for id, policy in _active(document):
        asks = json.dumps(to_compiled(policy.conditions), sort_keys=True)
        always = json.dumps(to_compiled({}))
        for earlier, flag in (*ending.get(always, ()), *ending.get(asks, ())):
            if flag in (None, policy.flag):
                why = f"{earlier!r} comes first, holds whenever this one does, and ends it"
                yield ("policies", id), f"is never reached: {why}; give {earlier!r} `continue: true` or a higher priority number"
                break
        if not policy.goes_on:
            ending.setdefault(asks, []).append((id, policy.flag))


def _leave_a_target(document: Document) -> Iterator[Finding]:
    """As far as it can be known: for the route it leads to, else for each that its conditions name."""
    for id, policy in document.policies.items():
        actions, removed = policy.actions, set(policy.actions.remove_targets)
        for route in _routes_of(policy) if removed else ():
            if {*_targets_of(route, document), *actions.add_targets} <= removed:
                yield ("policies", id, "actions", "remove_targets"), f"leaves {route} no target; leave one, or `add_targets`"


def _models_can_be_asked_for(document: Document) -> Iterator[Finding]:
    known = {*document.routes, *document.aliases}
    for id, leaf in leaves(document):
        for text in named(leaf) if leaf.field == "model" else ():
            if text not in known and not is_model(text, document):
                message = f"nobody can ask for {shown(text)}: there is no route, model or alias of this name"
                yield ("policies", id, "conditions", *leaf.path), message


def _denials_are_all(document: Document) -> Iterator[Finding]:
    for id, policy in document.policies.items():
        others = policy.actions.model_dump(exclude_defaults=True).keys() - {"deny"}
        if policy.actions.deny is not None and others:
            yield ("policies", id, "actions", "deny"), f"what is denied goes nowhere, so that nothing comes of: {names(others)}"


def _keep_what_is_kept_anyway(document: Document) -> Iterator[Finding]:
    """To switch it off is to switch off something: a route's, or that of a policy that is looked at later."""
    caching = [route for route in document.routes.values() if route.cache and route.cache.ttl_s]
    caching_policies = [policy for policy in document.policies.values() if policy.actions.cache and policy.actions.cache.ttl_s]
    for id, policy in document.policies.items():
        if policy.actions.cache and not policy.actions.cache.ttl_s and not caching and not caching_policies:
            yield ("policies", id, "actions", "cache", "ttl_s"), "0 keeps no answers, and nothing else here keeps any; give it seconds"


def _active(document: Document) -> list[tuple[str, Policy]]:
    """In the order they are looked at."""
    rows = [(id, policy) for id, policy in document.policies.items() if policy.status == "active"]
    return sorted(rows, key=lambda row: (row[1].priority, row[0]))


def _routes_of(policy: Policy) -> list[str]:
    if policy.actions.route:
        return [policy.actions.route]
    demanded = [leaf for leaf in read(policy.conditions)[1] if leaf.path[0] == leaf.field == "model" and leaf.operator in ("eq", "in")]
    return [model for leaf in demanded for model in named(leaf)]


def _targets_of(name: str, document: Document) -> tuple[str, ...]:
    meaning = document.meaning(name)
    return document.routes[meaning].targets if meaning in document.routes else (meaning,)


WARNINGS: tuple[Check, ...] = (_can_be_reached, _leave_a_target, _models_can_be_asked_for, _denials_are_all, _keep_what_is_kept_anyway)
