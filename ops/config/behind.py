"""Who comes behind whom: LiteLLM's fallbacks, from a model's name to others, which may go round there and may not here."""

from collections.abc import Mapping

from .deployments import Group, strategy
from .foreign import LEFT, Foreign, shown
from .litellm_settings import Settings

KINDS = ("generic", "context_too_long", "content_filtered")


class Behind:
    """What leads nowhere, or round in a circle, is listed."""

    def __init__(self, foreign: Foreign, settings: Settings, groups: Mapping[str, Group]) -> None:
        self._foreign, self._settings, self._groups = foreign, settings, groups
        self._edges: dict[str, set[str]] = {}  # which groups' chains lead to which others'

    def groups(self, name: str, kind: str) -> list[str]:
        """The groups behind a group, by name; what leads nowhere is listed."""
        path, names = self._settings.fallbacks.get(kind, {}).get(name) or ((), ())
        if not names and kind == "generic" and self._settings.defaults:
            path, names = self._settings.defaults
            names = tuple(other for other in names if other != name)
        meant = [self._settings.aliases[other][1] if other in self._settings.aliases else other for other in names]
        found = [other for other in meant if other in self._groups and other != name]
        for other in names:
            if self._settings.aliases.get(other, ((), other))[1] not in self._groups:
                self._foreign.find(path, LEFT, f"{shown(other)}: there is no model of this name among what is carried over")
        return [other for other in found if self._groups[other][0].embeds == self._groups[name][0].embeds]

    def chain(self, name: str) -> dict[str, list[str]]:
        """What needs a chain: what is tried for one kind of failure, and what comes behind targets whose order a strategy makes."""
        kinds = {kind: self.groups(name, kind) for kind in ("context_too_long", "content_filtered")}
        if strategy(self._groups[name], self._settings.strategy) != "sequential":
            kinds["generic"] = self.groups(name, "generic")
        found: dict[str, list[str]] = {}
        for kind, others in kinds.items():
            for other in others:
                if name in self._reached(other):
                    path = (self._settings.fallbacks.get(kind, {}).get(name) or self._settings.defaults or ((), ()))[0]
                    said = f"{shown(other)} behind {shown(name)}: it goes round in a circle, and chains have to end"
                    self._foreign.find(path, LEFT, said)
                else:
                    self._edges.setdefault(name, set()).add(other)
                    found.setdefault(kind, []).append(other)
        return found

    def _reached(self, name: str) -> set[str]:
        reached, new = {name}, [name]
        while new:
            for other in self._edges.get(new.pop(), ()):
                if other not in reached:
                    reached.add(other)
                    new.append(other)
        return reached
