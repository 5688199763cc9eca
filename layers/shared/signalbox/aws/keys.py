"""The keys that callers show, and the keys that providers ask for: both live in Secrets Manager and are read through one cache."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..admission.keys import Caller, KeyRing, authenticate
from ..errors import Refusal, UpstreamFailure
from ..providers.auth import with_key
from ..routing.catalog import Provider
from ..wire import HttpRequest
from .client import Aws
from .http import Pool
from .secret_cache import SecretCache

if TYPE_CHECKING:
    from .issuer import Issuer
    from .tokens import Tokens


class CallerKeys:
    """`issuer` is whoever issues the tokens that are taken instead of keys."""

    def __init__(self, aws: Aws, secret_id: str, issuer: "Issuer | None" = None) -> None:
        self._secret_id = secret_id
        self._issuer = issuer
        self._cache = SecretCache(aws, KeyRing.parse)

    def caller(self, bearer: str | None) -> Caller:
        """Raises Refusal: invalid_key, permission_denied for a token that says too little, ledger_unavailable."""
        return self._token_caller(bearer) or authenticate(bearer, self.ring())

    def ring(self) -> KeyRing:
        ring = self._cache.get(self._secret_id)
        if ring is None:
            raise Refusal("ledger_unavailable", "API keys cannot be checked right now. Try again.", retry_after_s=1)
        return ring

    def refresh(self) -> None:
        self._cache.refresh()
        if self._issuer:
            self._issuer.refresh()

    def _token_caller(self, bearer: str | None) -> Caller | None:
        """None where it is no token, or none is taken."""
        if self._issuer is None:
            return None
        from ..admission.claims import caller_of, is_token

        return caller_of(self._issuer.claims(bearer), self._issuer.names) if bearer and is_token(bearer) else None


def issuer_of(environ: Mapping[str, str], pool: Pool) -> "Issuer | None":
    """Of the tokens that callers may send; where the stage takes none, nothing of theirs is loaded."""
    if not environ.get("SIGNALBOX_JWT_TENANT_CLAIM"):
        return None
    from .issuer import Issuer

    return Issuer.of_callers(environ, pool)


class ProviderKeys:
    """`prefix` comes before a secret's name: `signalbox/dev/providers/`, and before a tenant's own `signalbox/dev/providers/<tenant>/`.

    A secret is {"keys": ["…"]}. Keys are kept in the order in which they are to be tried: one that was refused goes to the end.
    """

    def __init__(self, aws: Aws, prefix: str, pool: Pool) -> None:
        self._prefix = prefix
        self._cache = SecretCache(aws, to_keys)
        self._aws, self._pool = aws, pool
        self._tokens: Tokens | None = None

    def of(self, provider: Provider, owner: str, anew: bool = False) -> tuple[str | None, ...]:
        """(None,) for a provider that asks for none. UpstreamFailure (no_key) where there is none to give."""
        if provider.secret is None:
            return (None,)
        name = self._name(provider, owner)
        keys = self._cache.get(name, anew)
        if not keys and self._cache.unread(name):
            message = f"The key for {provider.name} cannot be read right now, for a reason that is logged. Try again."
            raise UpstreamFailure("no_key", message, retry_after_s=1)
        if not keys:
            command = f"signalbox secrets set {provider.secret}" + (f" --tenant {owner}" if owner else "")
            raise UpstreamFailure("no_key", f"There is no key for {provider.name}. Set one: {command}.")
        return tuple(keys)

    def refused(self, provider: Provider, owner: str, key: str | None) -> None:
        keys = self._cache.get(self._name(provider, owner)) if provider.secret else None
        if keys and key in keys:
            keys[:] = [*(other for other in keys if other != key), key]  # at once: another thread may be looking

    def shown(self, request: HttpRequest, provider: Provider, key: str | None) -> HttpRequest:
        """Signed, or with its key or token in a header."""
        if provider.auth == "sigv4" and key is None:
            return self._aws.sign(request, provider.options.get("region"), "bedrock")
        if provider.auth in ("google", "entra") and key is not None:
            key = self._exchange().bearer(provider.auth, key)
        return with_key(request, provider.auth, key)

    def refresh(self) -> None:
        self._cache.refresh()
        if self._tokens:
            self._tokens.refresh()

    def _name(self, provider: Provider, owner: str) -> str:
        return f"{self._prefix}{owner}/{provider.secret}" if owner else f"{self._prefix}{provider.secret}"

    def _exchange(self) -> "Tokens":
        if self._tokens is None:
            from .tokens import Tokens  # few providers ask for tokens

            self._tokens = Tokens(self._pool)
        return self._tokens


def to_keys(secret: str) -> list[str]:
    """The keys of {"keys": ["…"]}, fit for a header; ValueError, KeyError or TypeError for anything else, without a word of it."""
    keys = json.loads(secret)["keys"]
    if not isinstance(keys, list) or not all(isinstance(key, str) and key.isascii() and key.isprintable() for key in keys):
        raise ValueError("a list of printable keys was expected")
    return keys
