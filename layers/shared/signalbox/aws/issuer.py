"""Whoever issues the tokens that a stage takes, and whether a token is theirs and good.

https://datatracker.ietf.org/doc/html/rfc8725 says what has gone wrong with that elsewhere: here the key decides by which algorithm
a token is read, the token's own word is only held against it, and nothing of a token is repeated.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..admission.claims import ClaimNames, Claims
from ..errors import Refusal
from . import telemetry
from .http import Pool

if TYPE_CHECKING:
    from .jwks import Jwks

ALGORITHMS = ("RS256", "ES256")
LEEWAY_S = 30  # clocks differ
MOST_CHARS = 8192
NEEDED = ["exp", "iss", "aud", "sub"]


class Settings(NamedTuple):
    """`public_key` is PEM, also in one line; where it is given, nobody is asked for keys."""

    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    public_key: str = ""
    names: ClaimNames = ClaimNames()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings | None":
        """None where no tokens are taken."""
        said = {name: value for name in FIELDS if (value := environ.get(f"SIGNALBOX_JWT_{name.upper()}"))}
        names = {name: said.pop(f"{name}_claim") for name in ClaimNames._fields if f"{name}_claim" in said}
        return cls(**said, names=ClaimNames(**names)) if "jwks_url" in said or "public_key" in said else None


FIELDS = ("issuer", "audience", "jwks_url", "public_key", *(f"{name}_claim" for name in ClaimNames._fields))


class Issuer:
    def __init__(self, settings: Settings, pool: Pool) -> None:
        self.names = settings.names
        self._settings = settings
        self._pool = pool
        self._jwks: Jwks | None = None
        self._own: tuple[str | None, Any] | None = None

    @classmethod
    def of_callers(cls, environ: Mapping[str, str], pool: Pool) -> "Issuer | None":
        """None where the data API takes no tokens: without the name of a tenant's claim none says whose requests they are."""
        settings = Settings.from_env(environ)
        return cls(settings, pool) if settings and settings.names.tenant else None

    def claims(self, token: str) -> Claims:
        """Refusal invalid_key for a token that is not good, ledger_unavailable where that cannot be known."""
        settings = self._settings
        if not (settings.issuer and settings.audience):
            raise Refusal("ledger_unavailable", "No token can be checked: this stage is deployed without JwtIssuer or JwtAudience.")
        if len(token) > MOST_CHARS:
            raise _invalid(f"it is longer than {MOST_CHARS:,} characters")
        import jwt  # 75 ms with cryptography; only a container that is sent a token pays them

        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in ALGORITHMS:
                raise _invalid("it must be signed by RS256 or ES256")
            key = self._key(header.get("kid"), algorithm)
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=LEEWAY_S,
                options={"require": NEEDED},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _invalid(_why(error)) from None

    def refresh(self) -> None:
        """After the answer."""
        if self._jwks:
            self._jwks.refresh()

    def _key(self, id: Any, algorithm: str) -> Any:
        if self._settings.public_key:
            own, key = self._configured()
            if own != algorithm:
                raise _invalid(f"it must be signed by {own}, as the key of its issuer is")
            return key
        if not isinstance(id, str):
            raise _invalid("its header names no key: it lacks kid")
        if self._jwks is None:
            from .jwks import Jwks

            self._jwks = Jwks(self._settings.jwks_url, self._pool)
        key = self._jwks.key(id, algorithm)
        if key is None:
            raise _invalid("its issuer has no such key")
        return key

    def _configured(self) -> tuple[str, Any]:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        from .jwks import algorithm_of, unavailable

        if self._own is None:
            key: Any = None
            try:
                key = load_pem_public_key(to_pem(self._settings.public_key))
            except (ValueError, UnsupportedAlgorithm) as error:
                telemetry.error("JwtPublicKey is no public key in PEM", error)
            self._own = algorithm_of(key), key
        algorithm, known = self._own
        if algorithm is None:
            raise unavailable()
        return algorithm, known


def to_pem(text: str) -> bytes:
    """A key whose lines became one, as in `.env` or on a command line, is itself again."""
    kind = re.search(r"-----BEGIN ([A-Z ]+)-----", text)
    label = kind[1] if kind else "PUBLIC KEY"
    inner = re.sub(r"-----[A-Z ]+-----|\\n|\s", "", text)
    lines = [inner[at : at + 64] for at in range(0, len(inner), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _why(error: Exception) -> str:
    import jwt

    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"it lacks the claim {error.claim}"
    whys: tuple[tuple[type[Exception], str], ...] = (
        (jwt.ExpiredSignatureError, "it has expired; get a new one"),
        (jwt.ImmatureSignatureError, "its time has not come yet"),
        (jwt.InvalidAudienceError, "it is meant for another audience"),
        (jwt.InvalidIssuerError, "another issuer made it"),
        (jwt.InvalidSignatureError, "its signature is not its issuer's"),
    )
    return next((why for kind, why in whys if isinstance(error, kind)), "it cannot be read")


def _invalid(why: str) -> Refusal:
    return Refusal("invalid_key", f"This token is not valid: {why}.")
