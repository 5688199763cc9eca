"""What the parts of a document have to say to each other. A check is one row: it yields (path, message) per fault."""

import re
from collections.abc import Iterator

from ..guardrails.patterns import Refused
from ..guardrails.registry import maker
from ..routing.catalog import ANY
from . import checks_cache, checks_chains, checks_idle, checks_policies, checks_routes, timeouts
from .defaults import resolved, wire_of
from .document import Document
from .fields import checked_url, names, shown
from .rows import BatchPrices, LongPrices, Prices
from .source import Check, Finding, Path


def _providers_have_an_address(document: Document) -> Iterator[Finding]:
    for name, provider in document.providers.items():
        base_url = resolved(name, provider).base_url
        if not base_url:
            yield ("providers", name, "base_url"), "missing, and nobody but you knows it; write it: base_url: https://host/v1"
        elif missing := re.findall(r"{(\w*)}", base_url):
            options = ", ".join(f"{option}: …" for option in dict.fromkeys(missing))
            yield ("providers", name, "options"), f"its address is {base_url}; write options: {{{options}}}, or a base_url of your own"
        else:
            try:
                checked_url(base_url)
            except ValueError as error:
                yield ("providers", name, "base_url"), f"{base_url}: {error}"


def _models_name_providers(document: Document) -> Iterator[Finding]:
    for id in document.models:
        provider = id.partition("/")[0]
        if provider not in document.providers:
            yield ("models", id), f"there is no provider {shown(provider)}; the providers are: {names(document.providers)}"


def _output_fits_context(document: Document) -> Iterator[Finding]:
    for id, model in document.models.items():
        if model.max_output_tokens and model.max_output_tokens > model.context_window:
            yield (
                ("models", id, "max_output_tokens"),
                f"{model.max_output_tokens} tokens do not fit into the context window of {model.context_window}",
            )


def _only_embeddings_have_no_output(document: Document) -> Iterator[Finding]:
    for id, model in document.models.items():
        if model.embeds:
            if others := model.capabilities - {"embeddings"}:
                yield ("models", id, "capabilities"), f"embeddings and {names(others)} are asked for in two formats; make two models of it"
            continue
        if model.max_output_tokens is None:
            yield ("models", id, "max_output_tokens"), "missing; every model needs it but those with the capability embeddings"
        for path, prices in _price_rows(model.prices):
            if prices.output is None:
                yield ("models", id, *path, "output"), "missing; every model needs it but those with the capability embeddings"


def _embeddings_have_a_format(document: Document) -> Iterator[Finding]:
    for id, model in document.models.items():
        provider = id.partition("/")[0]
        if model.embeds and provider in document.providers and wire_of(model, document, provider) is None:
            yield ("models", id), f"{shown(provider)} is not known to have embeddings; name the format they are asked for in: wire: …"


def _a_star_stands_for_the_name(document: Document) -> Iterator[Finding]:
    for id, model in document.models.items():
        if id.endswith(ANY) and model.id:
            yield ("models", id, "id"), "a * stands for whatever model is asked for, so that it has no name of its own; take this line out"


def _routes_name_targets(document: Document) -> Iterator[Finding]:
    for name, route in document.routes.items():
        for position, target in enumerate(route.targets):
            where = ("routes", name, "targets", position)
            if target.endswith(ANY):
                yield where, f"{shown(target)} is no one model; name one that it stands for"
            elif document.model(target) is None:
                yield where, f"there is no model {shown(target)}; the models are: {names(document.models, target)}"
            elif target in route.targets[:position]:
                yield where, f"{shown(target)} is in this route already; a target is tried once"


def _aliases_lead_somewhere(document: Document) -> Iterator[Finding]:
    for alias, meaning in document.aliases.items():
        if alias in document.routes or alias in document.models:
            kind = "route" if alias in document.routes else "model"
            yield ("aliases", alias), f"{shown(alias)} is already a {kind}, which this alias would hide; give it another name"
            continue
        seen = [alias]
        while meaning in document.aliases and meaning not in seen:
            seen.append(meaning)
            meaning = document.aliases[meaning]
        if meaning in seen:
            yield ("aliases", alias), f"goes round in a circle: {' → '.join([*seen, meaning])}; let one of them name a route or a model"
        elif meaning.endswith(ANY):
            yield ("aliases", alias), f"{shown(meaning)} is no one model; name one that it stands for"
        elif meaning not in document.routes and document.model(meaning) is None:
            yield (
                ("aliases", alias),
                f"there is no route, model or alias {shown(meaning)}; the routes are: {names(document.routes, meaning)}",
            )


def _guardrails_can_be_made(document: Document) -> Iterator[Finding]:
    for name, guardrail in document.guardrails.items():
        try:
            maker(guardrail.use or name)(guardrail.options)
        except LookupError as error:
            yield ("guardrails", name, "use"), str(error)
        except Refused as error:
            yield ("guardrails", name, "options", "custom", error.name), str(error)
        except ValueError as error:
            yield ("guardrails", name, "options"), str(error)


def _guardrails_name_routes(document: Document) -> Iterator[Finding]:
    for name, guardrail in document.guardrails.items():
        for position, route in enumerate(guardrail.routes or ()):
            if route not in document.routes and (route.endswith(ANY) or document.model(route) is None):
                where = ("guardrails", name, "routes", position)
                yield where, f"there is no route {shown(route)}, and no model; the routes are: {names(document.routes, route)}"


def _a_circuits_waits_grow(document: Document) -> Iterator[Finding]:
    if document.circuits.open_max_s < document.circuits.open_s:
        yield (
            ("circuits", "open_max_s"),
            f"shorter than open_s ({document.circuits.open_s} s), which each opening doubles up to this; raise it",
        )


def _models_are_priced(document: Document) -> Iterator[Finding]:
    for id, model in document.models.items():
        if model.prices is None:
            yield ("models", id), "has no prices: it is counted as free, and refused to whoever has a hard budget"


def _price_rows(prices: Prices | None) -> Iterator[tuple[Path, Prices | LongPrices | BatchPrices]]:
    if prices:
        yield ("prices",), prices
        if prices.long:
            yield ("prices", "long"), prices.long
        if prices.batch:
            yield ("prices", "batch"), prices.batch


ERRORS: tuple[Check, ...] = (
    _providers_have_an_address,
    _models_name_providers,
    _only_embeddings_have_no_output,
    _embeddings_have_a_format,
    _a_star_stands_for_the_name,
    _output_fits_context,
    _routes_name_targets,
    _aliases_lead_somewhere,
    *timeouts.ERRORS,
    _a_circuits_waits_grow,
    _guardrails_can_be_made,
    _guardrails_name_routes,
    *checks_chains.ERRORS,
    *checks_routes.ERRORS,
    *checks_cache.ERRORS,
    *checks_policies.ERRORS,
)
WARNINGS: tuple[Check, ...] = (_models_are_priced, *timeouts.WARNINGS, *checks_chains.WARNINGS, *checks_idle.WARNINGS)
