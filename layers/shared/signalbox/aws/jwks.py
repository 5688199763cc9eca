"""The keys that an issuer signs with, as it publishes them: fetched when one is needed, kept, and fetched again as they grow old.

https://datatracker.ietf.org/doc/html/rfc7517
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import Refusal
from ..wire import HttpRequest
from . import telemetry
from .http import Pool, TransportError

TIMEOUT_S = 2.0  # for all of it
RENEW_S = 300  # after an answer older ones are fetched again
FRESH_S = 600  # older ones are fetched again before they are used, if they can be
STALE_S = 6 * 3600  # older ones are used no more: what the issuer has withdrawn must end some time
TRY_AGAIN_S = 5  # where they could not be had
REREAD_AFTER_S = 30  # however many tokens name a key that nobody knows
MOST_BYTES = 262_144
LEAST_RSA_BITS = 2048

Keys = Mapping[tuple[str, str], Any]  # by key id and algorithm


class Unreadable(Exception):
    """`code` says why, for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Jwks:
    """One container's. `wall` is epoch seconds, which go on while a container is frozen."""

    def __init__(self, url: str, pool: Pool, wall: Callable[[], float] = time.time) -> None:
        self._url = url
        self._pool = pool
        self._wall = wall
        self._keys: Keys = {}
        self._read_s = self._tried_s = float("-inf")

    def key(self, id: str, algorithm: str) -> Any:
        """None where the issuer has no such key. Refusal ledger_unavailable where that cannot be known."""
        unknown = (id, algorithm) not in self._keys
        wait_s = REREAD_AFTER_S if unknown and self._age_s() <= FRESH_S else TRY_AGAIN_S
        if (unknown or self._age_s() > FRESH_S) and self._wall() - self._tried_s > wait_s:
            self._read()
        found = self._keys.get((id, algorithm))
        if self._age_s() > STALE_S or (found is None and self._read_s < self._tried_s):
            raise unavailable()
        return found

    def refresh(self) -> None:
        """After the answer, where they were needed at all."""
        if self._keys and self._age_s() > RENEW_S and self._wall() - self._tried_s > TRY_AGAIN_S:
            self._read()

    def _age_s(self) -> float:
        return self._wall() - self._read_s

    def _read(self) -> None:
        """What was there stays where nothing better can be had."""
        self._tried_s = now_s = self._wall()
        try:
            self._keys = to_keys(self._fetched())
            self._read_s = now_s
        except (TransportError, Unreadable) as error:
            telemetry.error("the keys of the issuer of tokens could not be had", error)

    def _fetched(self) -> bytes:
        until_s = time.monotonic() + TIMEOUT_S
        exchange = self._pool.send(HttpRequest("GET", self._url, {"accept": "application/json"}, b""), TIMEOUT_S)
        status, body = exchange.head(until_s - time.monotonic()), b""
        for piece in exchange.pieces(lambda: until_s - time.monotonic()):
            body += piece
            if len(body) > MOST_BYTES:
                exchange.close()
                raise Unreadable("too long")
        if status != 200:
            raise Unreadable(f"status {status}")
        return body


def to_keys(body: bytes) -> Keys:
    """Those of the set that sign by RS256 or ES256. A row that cannot be used is passed over: a set may hold others' too."""
    try:
        rows = json.loads(body)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from None
    found = {(id, algorithm): key for id, algorithm, key in _signing(rows if isinstance(rows, list) else [])}
    if not found:
        raise Unreadable("no key that can be used")
    return found


def _signing(rows: list[Any]) -> Iterator[tuple[str, str, Any]]:
    import jwt
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    kinds: Mapping[str, tuple[str, Any]] = {"RSA": ("RS256", RSAAlgorithm), "EC": ("ES256", ECAlgorithm)}
    for row in rows:
        try:
            algorithm, reader = kinds[row["kty"]]
            if row.get("use", "sig") != "sig" or row.get("alg", algorithm) != algorithm:
                continue
            key = reader.from_jwk(row)
            if algorithm_of(key) == algorithm:
                yield str(row["kid"]), algorithm, key
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError):
            continue


def algorithm_of(key: Any) -> str | None:
    """The one that this public key may sign by: it is never the token that says. None for a key that is too short, or of another kind."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return "RS256" if key.key_size >= LEAST_RSA_BITS else None
    return "ES256" if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def unavailable() -> Refusal:
    return Refusal("ledger_unavailable", "Tokens cannot be checked right now. Try again.", retry_after_s=TRY_AGAIN_S)
