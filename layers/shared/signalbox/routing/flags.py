"""Which flags are on for a request: the same for the same caller, tenant or request, wherever and whenever it is asked."""

from collections.abc import Callable, Mapping
from hashlib import blake2b

from .catalog import Flag
from .inputs import Features

BUILT_IN = ("cost_optimization", "fallback", "intelligent_routing", "monitoring", "routing_policies")  # on where nobody says otherwise
MOST_DECLARED = 95  # in a document: with the built-in ones a hundred, all of which a request's event and its counters hold
BUCKETS = 10_000  # a hundredth of a percent each

BY: Mapping[str, Callable[[Features], str]] = {
    "caller": lambda features: features.key,
    "tenant": lambda features: features.tenant,
    "request": lambda features: features.request,
}


def on(features: Features, flags: Mapping[str, Flag], segments: frozenset[str]) -> tuple[str, ...]:
    """The names of those that are on, sorted. `segments` are those of the request's tenant."""
    names = [name for name, flag in flags.items() if is_on(flag, features, segments)]
    return tuple(sorted([*names, *[name for name in BUILT_IN if name not in flags]]))


def is_on(flag: Flag, features: Features, segments: frozenset[str]) -> bool:
    """A higher percentage keeps all that a lower one had: whoever is in stays in the same bucket."""
    if not flag.enabled or (flag.segments and segments.isdisjoint(flag.segments)):
        return False
    return flag.percent >= 100 or bucket(flag.name, BY[flag.by](features)) < flag.percent * (BUCKETS / 100)


def bucket(flag: str, id: str) -> int:
    """0 to 9,999, each as likely, and of one flag without regard to another."""
    return int.from_bytes(blake2b(f"{flag}\0{id}".encode(), digest_size=8).digest()) % BUCKETS
