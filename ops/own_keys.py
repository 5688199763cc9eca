"""A tenant's own keys, beside their secret: that the tenant brings them is said through the control API, provider by provider."""

from typing import NamedTuple

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


def read(stage: str, tenant: str) -> OwnKeys:
    found = control_api.call(stage, "GET", _path(tenant))
    return OwnKeys(stage, tenant, found["own_keys"], found["secrets"])


def _path(tenant: str) -> str:
    return f"/admin/tenants/{tenant}/own_keys"
