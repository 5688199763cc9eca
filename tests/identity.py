"""Whoever issues tokens, as tests need one: its keys over HTTP on this machine, and tokens of every kind, the forged ones too."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER, AUDIENCE = "https://identity.example/", "signalbox"
PLAIN = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann"}


_drawing = threading.Lock()


def key(name: str) -> Any:
    """The private one: an RSA key, unless its name says otherwise. The same for all, also for those who ask at the same time."""
    with _drawing:
        return _drawn(name)


@cache
def _drawn(name: str) -> Any:
    if name.startswith("ec"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if name == "rsa-short" else 2048)


def pem(name: str) -> str:
    return key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(name: str, *, private: bool = False) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name("ES256" if name.startswith("ec") else "RS256")
    return algorithm.to_jwk(key(name) if private else key(name).public_key(), as_dict=True) | {"kid": name, "use": "sig"}


def token(of: str = "rsa", *, header: dict[str, Any] | None = None, signed_by: str = "", life_s: int = 600, **claims: Any) -> str:
    """A claim that is None is left out."""
    said = PLAIN | {"exp": int(time.time()) + life_s} | claims
    said = {name: value for name, value in said.items() if value is not None}
    algorithm = "ES256" if (signed_by or of).startswith("ec") else "RS256"
    return jwt.encode(said, key(signed_by or of), algorithm=algorithm, headers={"kid": of} | (header or {}))


def by_hand(header: Any, mark: bytes = b"", secret: bytes = b"", **claims: Any) -> str:
    """What no library would sign."""
    said = PLAIN | {"exp": int(time.time()) + 600} | claims
    parts = ".".join(encoded(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, said))
    return f"{parts}.{encoded(hmac.digest(secret, parts.encode(), hashlib.sha256) if secret else mark)}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def tampered(**claims: Any) -> str:
    """With the signature of another."""
    head, _, mark = token(sub="somebody").split(".")
    return ".".join([head, by_hand({}, **claims).split(".")[1], mark])


# Each says what is wrong with it, and is made when it is needed: keys take their time.
BAD: dict[str, Callable[..., str]] = {
    "expired": lambda **claims: token(life_s=-60, **claims),
    "not valid yet": lambda **claims: token(nbf=int(time.time()) + 120, **claims),
    "issued in the future": lambda **claims: token(iat=int(time.time()) + 120, **claims),
    "for ever": lambda **claims: token(exp=None, **claims),
    "until infinity": lambda **claims: token(exp=float("inf"), **claims),
    "for another audience": lambda **claims: token(aud="another", **claims),
    "for no audience": lambda **claims: token(aud=None, **claims),
    "of another issuer": lambda **claims: token(iss="https://identity.example.evil/", **claims),
    "of no issuer": lambda **claims: token(iss=None, **claims),
    "of nobody": lambda **claims: token(**claims | {"sub": None}),
    "of a number": lambda **claims: by_hand({"alg": "RS256", "kid": "rsa"}, **claims | {"sub": 7}),
    "signed by another": lambda **claims: token(signed_by="rsa-other", **claims),
    "tampered with": lambda **claims: tampered(**claims),
    "unsigned": lambda **claims: by_hand({"alg": "none", "kid": "rsa"}, **claims),
    "unsigned, in capitals": lambda **claims: by_hand({"alg": "NONE", "kid": "rsa"}, **claims),
    "without an algorithm": lambda **claims: by_hand({"kid": "rsa"}, **claims),
    "HS256 by the public key": lambda **claims: by_hand({"alg": "HS256", "kid": "rsa"}, secret=pem("rsa").encode(), **claims),
    "HS256 by nothing": lambda **claims: by_hand({"alg": "HS256", "kid": "rsa"}, secret=b"\0", **claims),
    "RS256 by a secret": lambda **claims: by_hand({"alg": "RS256", "kid": "rsa"}, secret=pem("rsa").encode(), **claims),
    "RS256 with the id of an ES256 key": lambda **claims: token(header={"kid": "ec"}, **claims),
    "ES256 with the id of an RS256 key": lambda **claims: token("ec", header={"kid": "rsa"}, **claims),
    "signature of zeros": lambda **claims: by_hand({"alg": "ES256", "kid": "ec"}, bytes(64), **claims),
    "of an unknown key": lambda **claims: token("rsa-other", **claims),
    "of a key that it brings": lambda **claims: token(
        "rsa-other", header={"jwk": jwk("rsa-other"), "jku": "http://127.0.0.1:9/"}, **claims
    ),
    "of no key": lambda **claims: by_hand({"alg": "RS256"}, **claims),
    "of a key that is no name": lambda **claims: by_hand({"alg": "RS256", "kid": ["rsa"]}, **claims),
    "with what must be understood": lambda **claims: token(header={"crit": ["x"], "x": 1}, **claims),
    "too long": lambda **claims: token(padding="x" * 8_192, **claims),
    "nested without end": lambda **claims: encoded(b'{"kid":' + b"[" * 5_000) + ".e30.e30",
    "no JSON": lambda **claims: "eyJhbGciOiJSUzI1NiJ.bm90IGpzb24.AAAA",
    "no base64": lambda **claims: "ey!!.??.**",
    "three dots of nothing": lambda **claims: "ey..",
}


class Identity:
    """Publishes what `keys` names, as long as `status` is 200; `asked` counts how often."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.status, self.asked, self.body = list(keys or ("rsa", "ec")), 200, 0, b""
        for name in self.keys:
            key(name)  # before anybody waits for it
        identity = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                identity.asked += 1
                body = identity.body or json.dumps({"keys": [jwk(name) for name in identity.keys]}).encode()
                self.send_response(identity.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SIGNALBOX_JWT_ISSUER": ISSUER,
            "SIGNALBOX_JWT_AUDIENCE": AUDIENCE,
            "SIGNALBOX_JWT_JWKS_URL": self.url,
            "SIGNALBOX_JWT_TENANT_CLAIM": "tenant",
            "SIGNALBOX_JWT_TEAM_CLAIM": "team",
            "SIGNALBOX_JWT_GRANTS_CLAIM": "signalbox",
        }

    def __enter__(self) -> "Identity":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
