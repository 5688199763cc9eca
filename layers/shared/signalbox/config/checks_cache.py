"""Look-ups by meaning that nobody can embed for."""

from collections.abc import Iterator

from .document import Document
from .fields import shown
from .rules import Cache
from .source import Check, Finding, Path


def _vectors_are_made_by_embeddings(document: Document) -> Iterator[Finding]:
    for where, cache in _caches(document):
        if cache.semantic is None:
            continue
        name = cache.semantic.route
        while name in document.aliases:
            name = document.aliases[name]
        targets = document.routes[name].targets if name in document.routes else [name]
        models = {target: document.model(target) for target in targets}
        others = [target for target, model in models.items() if model is None or "embeddings" not in model.capabilities]
        if others:
            known = [id for id, model in document.models.items() if "embeddings" in model.capabilities][:5]
            message = f"{shown(cache.semantic.route)} leads to {shown(others[0])}, which is no model of embeddings; name a route of "
            yield (*where, "semantic", "route"), f"{message}those, or: {', '.join(known)}"


def _caches(document: Document) -> Iterator[tuple[Path, Cache]]:
    for name, route in document.routes.items():
        if route.cache:
            yield ("routes", name, "cache"), route.cache
    for id, policy in document.policies.items():
        if policy.actions.cache:
            yield ("policies", id, "actions", "cache"), policy.actions.cache


ERRORS: tuple[Check, ...] = (_vectors_are_made_by_embeddings,)
