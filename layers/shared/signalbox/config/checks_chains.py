"""Chains that go round, lead nowhere, or lead to what cannot serve."""

from collections.abc import Iterator

from ..routing.catalog import ANY, Chain, Snapshot, Target, Targets
from ..routing.chains import BY_KIND, GENERIC, expanded
from .document import Document
from .fields import names, shown
from .rows import Model
from .rules import Chain as Row
from .source import Check, Finding, Path

WHOLE = {"streaming", "embeddings"}  # what does not stream is asked for whole, and what embeds is told by itself
EACH = (GENERIC, *BY_KIND)
Edge = tuple[str, Path]  # a target that a chain names, and where


def _models_name_chains(document: Document) -> Iterator[Finding]:
    for id, model in document.models.items():
        if model.chain is not None and model.chain not in document.chains:
            yield ("models", id, "chain"), f"there is no chain {shown(model.chain)}; the chains are: {names(document.chains)}"


def _chains_name_models(document: Document) -> Iterator[Finding]:
    for name, chain in document.chains.items():
        for id, where in _edges(name, chain):
            if id.endswith(ANY):
                yield where, f"{shown(id)} is no one model; name one that it stands for"
            elif document.model(id) is None:
                yield where, f"there is no model {shown(id)}; the models are: {names(document.models, id)}"
        for kind in EACH:
            ids = getattr(chain, kind)
            for position, id in enumerate(ids):
                if id in ids[:position] or (kind == GENERIC and id == chain.terminal):
                    yield ("chains", name, kind, position), f"{shown(id)} is in this chain already; a target is tried once"


def _chains_end(document: Document) -> Iterator[Finding]:
    """Each circle once, at the name that closes it; one walk in depth, in which what has been left is not walked again."""
    left: set[str] = set()
    for start in document.models:
        path = [start]
        walks = [iter(_behind(start, document))] if start not in left else []
        while walks:
            if (edge := next(walks[-1], None)) is None:
                walks.pop()
                left.add(path.pop())
            elif edge[0] in path:
                circle = " → ".join([*path[path.index(edge[0]) :], edge[0]])
                yield edge[1], f"goes round in a circle: {circle}; let one of these chains end before it"
            elif edge[0] not in left:
                path.append(edge[0])
                walks.append(iter(_behind(edge[0], document)))


def _nothing_comes_after_a_terminal_one(document: Document) -> Iterator[Finding]:
    for name, chain in document.chains.items():
        last = document.model(chain.terminal) if chain.terminal else None
        if last and last.chain in document.chains:
            unreached = names(dict.fromkeys(id for id, _ in _behind(str(chain.terminal), document)))
            message = f"{shown(chain.terminal)} is terminal here, and its own chain {shown(last.chain)} is not reached ({unreached}); "
            yield ("chains", name, "terminal"), f"{message}name it under generic, or take its chain away"


def _longer_ones_have_larger_windows(document: Document) -> Iterator[Finding]:
    for id, model, chain in _named(document):
        for position, target in enumerate(document.chains[chain].context_too_long):
            other = document.model(target)
            if other and other.context_window <= model.context_window:
                yield (
                    ("chains", chain, "context_too_long", position),
                    f"{shown(target)} has room for {other.context_window} tokens, and is tried where the {model.context_window} of {id} are"
                    " too few; name one with a larger window",
                )


def _one_kind_of_answer(document: Document) -> Iterator[Finding]:
    for first, id, where in _groups(document):
        one, other = document.model(first), document.model(id)
        if one and other and one.embeds != other.embeds:
            does, did = ("embeds", "writes") if other.embeds else ("writes", "embeds")
            yield where, f"{shown(id)} {does} and {first} {did}: neither can serve the other's requests; take one of them out"


def _less_capable_ones_are_known(document: Document) -> Iterator[Finding]:
    for first, id, where in _groups(document):
        one, other = document.model(first), document.model(id)
        if one and other and (missing := one.capabilities - other.capabilities - WHOLE):
            yield where, f"lacks {names(missing)}, which {first} has: requests that need it pass this one over"


def _chains_are_used(document: Document) -> Iterator[Finding]:
    used = {model.chain for model in document.models.values()}
    for name in document.chains:
        if name not in used:
            yield ("chains", name), f"no model names it; write chain: {name} at one, or take it out"


def _all_can_be_reached(document: Document) -> Iterator[Finding]:
    """Where a strategy orders the route's own targets anew, each of these may be the first."""
    snapshot = _snapshot(document)
    for name, route in document.routes.items():
        order, _ = expanded(route.targets, snapshot, lambda id: True)
        late = [id for id in order[route.max_attempts :] if route.strategy == "sequential" or id not in route.targets]
        if late:
            message = f"{route.max_attempts} attempts at the most, and {len(order)} targets: {', '.join(late)} only where others are"
            yield ("routes", name, "max_attempts"), f"{message} passed over; raise it, or name fewer"


def _edges(name: str, chain: Row) -> Iterator[Edge]:
    for kind in EACH:
        yield from ((id, ("chains", name, kind, position)) for position, id in enumerate(getattr(chain, kind)))
    if chain.terminal:
        yield chain.terminal, ("chains", name, "terminal")


def _behind(id: str, document: Document) -> list[Edge]:
    model = document.model(id)
    name = model and model.chain
    return list(_edges(name, document.chains[name])) if name and name in document.chains else []


def _named(document: Document) -> Iterator[tuple[str, Model, str]]:
    for id, model in document.models.items():
        if model.chain and model.chain in document.chains:
            yield id, model, model.chain


def _groups(document: Document) -> Iterator[tuple[str, str, Path]]:
    """Who may have to serve whose requests: the route's others its first's, those of a chain the model's that names it."""
    for name, route in document.routes.items():
        for position, id in enumerate(route.targets[1:], 1):
            yield route.targets[0], id, ("routes", name, "targets", position)
    for id, _, chain in _named(document):
        yield from ((id, other, where) for other, where in _edges(chain, document.chains[chain]))


def _snapshot(document: Document) -> Snapshot:
    """As far as chains are concerned."""
    rows = document.models.items()
    targets = Targets((id, Target(id, "", id, model.context_window, 0, model.capabilities, None, chain=model.chain)) for id, model in rows)
    chains = {name: Chain(**dict(row)) for name, row in document.chains.items()}
    return Snapshot(0, "", {}, targets, {}, {}, chains=chains)


ERRORS: tuple[Check, ...] = (
    _models_name_chains,
    _chains_name_models,
    _chains_end,
    _nothing_comes_after_a_terminal_one,
    _longer_ones_have_larger_windows,
    _one_kind_of_answer,
)
WARNINGS: tuple[Check, ...] = (_less_capable_ones_are_known, _chains_are_used, _all_can_be_reached)
