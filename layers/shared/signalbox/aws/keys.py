"""The keys that callers show, and the keys that providers ask for: both live in Secrets Manager and are read through one cache."""

import json

from ..admission.keys import KeyRing
from ..errors import Refusal, UpstreamFailure
from ..routing.catalog import Provider
from .client import Aws
from .secret_cache import SecretCache


class CallerKeys:
    def __init__(self, aws: Aws, secret_id: str) -> None:
        self._secret_id = secret_id
        self._cache = SecretCache(aws, KeyRing.parse)

    def ring(self) -> KeyRing:
        ring = self._cache.get(self._secret_id)
        if ring is None:
            raise Refusal("ledger_unavailable", "API keys cannot be checked right now. Try again.", retry_after_s=1)
        return ring

    def refresh(self) -> None:
        self._cache.refresh()


class ProviderKeys:
    """`prefix` comes before a secret's name: `signalbox/dev/providers/`. A secret is {"keys": ["…"]}."""

    def __init__(self, aws: Aws, prefix: str) -> None:
        self._prefix = prefix
        self._cache = SecretCache(aws, to_keys)

    def get(self, provider: Provider, anew: bool = False) -> str | None:
        """None for a provider that asks for none. UpstreamFailure (no_key) where there is none to give."""
        if provider.secret is None:
            return None
        keys = self._cache.get(self._prefix + provider.secret, anew)
        if not keys:
            raise UpstreamFailure("no_key", f"There is no key for {provider.name}. Set one: signalbox secrets set {provider.secret}.")
        return keys[0]

    def refresh(self) -> None:
        self._cache.refresh()


def to_keys(secret: str) -> list[str]:
    """The keys of {"keys": ["…"]}, fit for a header; ValueError, KeyError or TypeError for anything else, without a word of it."""
    keys = json.loads(secret)["keys"]
    if not isinstance(keys, list) or not all(isinstance(key, str) and key.isascii() and key.isprintable() for key in keys):
        raise ValueError("a list of printable keys was expected")
    return keys
