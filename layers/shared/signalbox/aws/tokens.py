"""Access tokens of providers that take no key: a credential is exchanged for one, which is kept until shortly before its end.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import base64
import json
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ..errors import UpstreamFailure
from ..wire import HttpRequest
from .http import Pool, TransportError

TIMEOUT_S = 3.0
SPARE_S = 60  # a token is not shown in its last minute
RENEW_S = 600  # after an answer a token that ends this soon is exchanged again, so that no request waits for it
LIFE_S = 3600

GOOGLE_URL = "https://oauth2.googleapis.com/token"
GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GOOGLE_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ENTRA_URL = "https://login.microsoftonline.com"
ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"


class _Token(NamedTuple):
    text: str
    until_s: float  # epoch


class Tokens:
    """One container's tokens, by credential. `wall` is epoch seconds."""

    def __init__(self, pool: Pool, wall: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._wall = wall
        self._kept: dict[tuple[str, str], _Token] = {}

    def bearer(self, scheme: str, credential: str) -> str:
        """`credential` is a service account's key file (google), {"tenant_id", "client_id", "client_secret"} (entra), or a token as it is.

        Raises UpstreamFailure: auth where the credential is refused, unreachable where nobody answers.
        """
        fields = _object(credential)
        if fields is None:
            return credential
        kept = self._kept.get((scheme, credential))
        if kept is None or kept.until_s - self._wall() < SPARE_S:
            kept = self._kept[scheme, credential] = self._exchange(scheme, fields)
        return kept.text

    def refresh(self) -> None:
        """After the answer. One that cannot be had now is asked for again when it is needed."""
        for (scheme, credential), token in list(self._kept.items()):
            if token.until_s - self._wall() < RENEW_S:
                try:
                    self._kept[scheme, credential] = self._exchange(scheme, json.loads(credential))
                except UpstreamFailure:
                    continue

    def _exchange(self, scheme: str, fields: Mapping[str, Any]) -> _Token:
        now_s = self._wall()
        try:
            request = EXCHANGES[scheme](fields, int(now_s))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UpstreamFailure("auth", f"the {scheme} credential cannot be used: {type(error).__name__}") from None
        try:
            exchange = self._pool.send(request, TIMEOUT_S)
            status, body = exchange.head(TIMEOUT_S), exchange.read(TIMEOUT_S)
        except TransportError as error:
            raise UpstreamFailure("unreachable", f"the {scheme} token could not be asked for: {type(error).__name__}") from None
        answer = _object(body) or {}
        text, life_s = answer.get("access_token"), answer.get("expires_in", LIFE_S)
        fits_a_header = isinstance(text, str) and text.isascii() and text.isprintable()
        if status != 200 or not fits_a_header or not (isinstance(life_s, int | float) and 0 <= life_s < inf):
            kind = "auth" if status < 500 else "unreachable"
            raise UpstreamFailure(kind, f"the {scheme} token was not given", status=status)
        return _Token(str(text), now_s + life_s)


def google(fields: Mapping[str, Any], now_s: int) -> HttpRequest:
    """Asks for a token by the key of a service account. KeyError, TypeError or ValueError where it is none."""
    from cryptography.hazmat.primitives import hashes, serialization  # 20 ms; only who asks Vertex pays them
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    url = fields.get("token_uri") or GOOGLE_URL
    claims = {"iss": fields["client_email"], "scope": GOOGLE_SCOPE, "aud": url, "iat": now_s, "exp": now_s + LIFE_S}
    signed = b".".join(_encoded(part) for part in ({"alg": "RS256", "typ": "JWT", "kid": fields.get("private_key_id")}, claims))
    key = serialization.load_pem_private_key(fields["private_key"].encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("an RSA key was expected")
    mark = base64.urlsafe_b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).rstrip(b"=")
    return _form(url, {"grant_type": GOOGLE_GRANT, "assertion": (signed + b"." + mark).decode()})


def entra(fields: Mapping[str, Any], now_s: int) -> HttpRequest:
    """Asks for a token by an application's secret. KeyError where a field is missing."""
    url = f"{(fields.get('authority') or ENTRA_URL).rstrip('/')}/{fields['tenant_id']}/oauth2/v2.0/token"
    who = {"client_id": fields["client_id"], "client_secret": fields["client_secret"]}
    return _form(url, {"grant_type": "client_credentials", "scope": ENTRA_SCOPE, **who})


EXCHANGES: Mapping[str, Callable[[Mapping[str, Any], int], HttpRequest]] = {"google": google, "entra": entra}


def _form(url: str, fields: Mapping[str, str]) -> HttpRequest:
    return HttpRequest("POST", url, {"content-type": "application/x-www-form-urlencoded"}, urlencode(fields).encode())


def _encoded(part: Mapping[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).rstrip(b"=")


def _object(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
