"""Who runs a stage, and what they may do there. Which endpoint needs which permission is the control API's table."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..errors import Refusal
from .keys import KeyRing, matched, not_understood

ROUTING = "routing:manage"
TENANTS = "tenants:manage"
USAGE = "usage:read"
OPERATIONS = "operations:manage"
PERMISSIONS = (ROUTING, TENANTS, USAGE, OPERATIONS)


class Operator(NamedTuple):
    name: str
    permissions: frozenset[str]


def authenticate_admin(bearer: str | None, ring: KeyRing) -> Operator:
    """The operator behind an admin key. Refusal invalid_key for everything else."""
    row = matched(bearer, ring.admin_keys) if bearer else None
    if row is None:
        raise Refusal("invalid_key", "This needs an admin key: send it as `Authorization: Bearer <key>`.")
    return to_operator(row)


def to_operator(row: Any) -> Operator:
    """Of an admin key's row in the key secret: a name, which may do everything, or {"name": …, "permissions": […]}.

    What else a row says, a mistyped `permissions` say, was to say less than everything: it gives nothing. Refusal for one without a name.
    """
    said = {"name": row} if isinstance(row, str) else row if isinstance(row, dict) else {}
    name, understood = said.get("name"), said.keys() <= {"name", "permissions"}
    if not (isinstance(name, str) and name):
        raise not_understood("name")
    return Operator(name, known(said.get("permissions", PERMISSIONS)) if understood else frozenset())


def known(said: Any) -> frozenset[str]:
    """Those that there are, of a list or of words with spaces between; of anything else none."""
    names: Iterable[Any] = said.split() if isinstance(said, str) else said if isinstance(said, list | tuple) else ()
    return frozenset(PERMISSIONS).intersection(name for name in names if isinstance(name, str))
