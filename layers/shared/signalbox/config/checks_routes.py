"""Weights, shares and hedges of a route that mean nothing."""

from collections.abc import Iterator

from ..capture.redactors import REDACTORS
from ..guardrails.patterns import own
from . import timeouts
from .document import Document
from .fields import names, shown
from .source import Check, Finding


def _weights_name_targets(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        for id in route.weights:
            if id not in route.targets:
                yield ("routes", name, "weights", id), f"is none of this route's targets: {', '.join(route.targets)}"


def _shares_name_providers(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        providers = {id.partition("/")[0] for id in route.targets}
        for provider in route.shares:
            if provider not in document.providers:
                where = ("routes", name, "shares", provider)
                yield where, f"there is no provider {shown(provider)}; those of this route are: {names(providers)}"
        if sum(route.shares.values()) > 100:
            yield ("routes", name, "shares"), f"come to {sum(route.shares.values()):g} %; let them come to 100 at the most"


def _caches_keep_something(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        if route.cache and not route.cache.ttl_s:
            yield ("routes", name, "cache", "ttl_s"), "0 keeps no answers; give it seconds, or take `cache` out"


def _hedges_come_before_the_end(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        models = [(id, model) for id in route.targets if (model := document.model(id))]
        own_s = route.timeouts.ttft_s
        ttft_s = own_s or max((timeouts.of_target(id, model, document)["ttft_s"] for id, model in models), default=0)
        if route.hedge_after_s is not None and models and route.hedge_after_s >= ttft_s:
            yield (
                ("routes", name, "hedge_after_s"),
                f"not before the first byte's limit ({ttft_s:g} s), so that it never comes to it; lower it",
            )


def _captures_redact_by_what_there_is(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        capture = route.capture
        if capture is None:
            continue
        for position, redactor in enumerate(capture.redact or ()):
            if redactor not in REDACTORS:
                yield ("routes", name, "capture", "redact", position), f"there is no redactor {shown(redactor)}; known: {names(REDACTORS)}"
        for id, text in capture.own.items():
            if id in REDACTORS:
                yield ("routes", name, "capture", "own", id), "is the name of a redactor that is there already; give it another"
                continue
            try:
                own(id, text)
            except ValueError as error:
                yield ("routes", name, "capture", "own", id), str(error)


def _captures_take_something(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        if route.capture and not route.capture.share:
            yield ("routes", name, "capture", "share"), "0 samples nothing; give it a part of 1, or take `capture` out"


ERRORS: tuple[Check, ...] = (
    _weights_name_targets,
    _shares_name_providers,
    _hedges_come_before_the_end,
    _caches_keep_something,
    _captures_take_something,
    _captures_redact_by_what_there_is,
)
