"""What stands behind the targets of a route: those that their chains name, and those of the chains behind these, each once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from .catalog import Chain, Snapshot

Behind = dict[str, dict[str, tuple[str, ...]]]

GENERIC = "generic"
BY_KIND = ("context_too_long", "content_filtered")  # the failures that a chain may answer in another way
NO_CHAIN = Chain()
NOBODY: Mapping[str, str] = MappingProxyType({})


def expanded(
    targets: Sequence[str], snapshot: Snapshot, usable: Callable[[str], bool], passed: Mapping[str, str] = NOBODY
) -> tuple[tuple[str, ...], Behind]:
    """The targets and what their chains add to them, in the order to try; and what is tried first where one fails in a kind of its own.

    The targets keep their order; then come those of the first one's chain, of the second one's, and of the chains of these, as far as they
    are `usable`; the chain of one that is not is followed all the same. So are those of `passed`: targets that stand back for this request,
    and the kind in which they would have failed. Terminal ones come last, save one that is the first of all; where several chains name one,
    that of the first chain is the very last. Behind a target that only a kind leads to, `generic` is the rest of its chain.
    """
    if not any(snapshot.targets[id].chain for id in (*targets, *passed)):
        return tuple(targets), {}
    order = _order(targets, snapshot, usable, passed)
    return order, _behind(order, snapshot, usable)


def _order(targets: Sequence[str], snapshot: Snapshot, usable: Callable[[str], bool], passed: Mapping[str, str]) -> tuple[str, ...]:
    order = dict.fromkeys(targets)
    terminals: dict[str, None] = {}
    followed = list(dict.fromkeys([*targets, *passed]))
    seen = set(followed)
    for id in followed:  # grows while it is walked, and never by the same one twice: a circle ends where it began
        chain = _chain(id, snapshot)
        kind = passed.get(id, GENERIC)
        for next_id in (*(getattr(chain, kind) if kind in BY_KIND else ()), *chain.generic):
            if next_id not in seen:
                seen.add(next_id)
                followed.append(next_id)
                if usable(next_id):
                    order[next_id] = None
        if chain.terminal and (chain.terminal in order or usable(chain.terminal)):
            terminals[chain.terminal] = None
    first = next(iter(order), None)
    last = [id for id in terminals if id != first]
    return (*(id for id in order if id not in last), *last[1:], *last[:1])


def _behind(order: tuple[str, ...], snapshot: Snapshot, usable: Callable[[str], bool]) -> Behind:
    behind: Behind = {}
    followed = list(order)
    for id in followed:
        chain = _chain(id, snapshot)
        lists = {kind: getattr(chain, kind) for kind in BY_KIND}
        if id not in order:
            lists[GENERIC] = (*chain.generic, *([chain.terminal] if chain.terminal else ()))
        row = {kind: found for kind, ids in lists.items() if (found := tuple(_reached(ids, kind, snapshot, usable, {id})))}
        if row:
            behind[id] = row
        followed += dict.fromkeys(next_id for found in row.values() for next_id in found if next_id not in followed)
    return behind


def _reached(ids: Iterable[str], kind: str, snapshot: Snapshot, usable: Callable[[str], bool], seen: set[str]) -> Iterator[str]:
    """Those of the list; in the place of one that is not usable, those that its own chain has for the kind."""
    for id in ids:
        if id in seen:
            continue
        seen.add(id)
        if usable(id):
            yield id
        else:
            yield from _reached(getattr(_chain(id, snapshot), kind), kind, snapshot, usable, seen)


def _chain(id: str, snapshot: Snapshot) -> Chain:
    return snapshot.chains.get(snapshot.targets[id].chain or "", NO_CHAIN)
