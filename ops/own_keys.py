"""A tenant's own keys, beside their secret: that the tenant brings them is said through the control API, provider by provider."""

from difflib import get_close_matches
from typing import NamedTuple

from signalbox.config.defaults import resolved
from signalbox.config.document import parse
from signalbox.config.source import InvalidDocument

from . import control_api
from .trouble import Trouble


class OwnKeys(NamedTuple):
    """What a stage's control API says of a tenant. `secrets` is, for each provider that asks for a key, the name of its secret."""

    stage: str
    tenant: str
    providers: list[str]
    secrets: dict[str, str]

    def reading(self, secret: str) -> list[str]:
        """The providers that this secret is for; Trouble where there is none."""
        found = [name for name, read in self.secrets.items() if read == secret]
        if not found:
            known = ", ".join(sorted(set(self.secrets.values()))) or "none"
            raise Trouble(f"no provider of the live configuration reads a secret named {secret}; those they read: {known}")
        return found

    def taken_from(self, secret: str) -> list[str]:
        """The tenant's providers without those that this secret is for, whether the live configuration still names them or not."""
        return [name for name in self.providers if self.secrets.get(name, name) != secret]

    def set(self, providers: list[str]) -> None:
        """Trouble where somebody else changed them since they were read."""
        if sorted(providers) != self.providers:
            control_api.call(self.stage, "PUT", _path(self.tenant), {"own_keys": providers, "expected": self.providers})


def doubt(stage: str, secret: str) -> str | None:
    """Of a secret for the stage itself, which may be there before the document that names it: that none does yet, with the nearest name.

    None also where nobody can say: nothing is published, or whoever sets keys may not read what is.
    """
    try:
        rows = parse(control_api.call(stage, "GET", "/admin/config")["document"])[0].providers
    except (Trouble, InvalidDocument):
        return None
    known = sorted({read for name, row in rows.items() if (read := resolved(name, row).secret)})
    if secret in known:
        return None
    nearest = get_close_matches(secret, known, 1)
    meant = f"did you mean {nearest[0]}?" if nearest else f"those they read: {', '.join(known) or 'none'}."
    return f"no provider of the live configuration reads a secret named {secret}; {meant} `signalbox secrets unset {secret}` takes it back"


def read(stage: str, tenant: str) -> OwnKeys:
    found = control_api.call(stage, "GET", _path(tenant))
    return OwnKeys(stage, tenant, found["own_keys"], found["secrets"])


def _path(tenant: str) -> str:
    return f"/admin/tenants/{tenant}/own_keys"
