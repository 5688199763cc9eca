"""Signature Version 4. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from ..wire import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Credentials":
        return cls(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN"))


def signed(request: HttpRequest, credentials: Credentials, region: str, service: str, at_s: float) -> HttpRequest:
    """The request with its signature. Every header it has is signed, so none may be changed on the way. `at_s` is epoch seconds."""
    url, stamp = urlsplit(request.url), _stamp(at_s)
    digest = sha256(request.body).hexdigest()
    headers = {name.lower(): value.strip() for name, value in request.headers.items()} | {"host": url.netloc, "x-amz-date": stamp}
    if service == "s3":
        headers["x-amz-content-sha256"] = digest
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    path = url.path or "/"
    canonical = "\n".join(
        (
            request.method,
            path if service == "s3" else quote(path, safe="/-_.~"),  # all but S3 encode what is already encoded
            "&".join("=".join(pair) for pair in sorted(_pairs(url.query))),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            digest,
        )
    )
    scope, signature = _scope(stamp, region, service), _signature(canonical, credentials, stamp, region, service)
    headers["authorization"] = f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return request._replace(headers=headers)


def presigned(url: str, credentials: Credentials, region: str, service: str, at_s: float, expires_s: int) -> str:
    """The address of a GET with its signature in it, good for so long."""
    parts, stamp = urlsplit(url), _stamp(at_s)
    proof = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{_scope(stamp, region, service)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token:
        proof["X-Amz-Security-Token"] = credentials.token
    encoded = [(name, _encoded(value)) for name, value in proof.items()]
    proven = "&".join("=".join(pair) for pair in sorted((*_pairs(parts.query), *encoded)))
    canonical = "\n".join(("GET", parts.path or "/", proven, f"host:{parts.netloc}", "", "host", sha256(b"").hexdigest()))
    signature = _signature(canonical, credentials, stamp, region, service)
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}?{proven}&X-Amz-Signature={signature}"


def _signature(canonical: str, credentials: Credentials, stamp: str, region: str, service: str) -> str:
    to_sign = "\n".join((ALGORITHM, stamp, _scope(stamp, region, service), sha256(canonical.encode()).hexdigest()))
    return hmac.digest(_signing_key(credentials.secret_key, stamp[:8], region, service), to_sign.encode(), "sha256").hex()


def _stamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def _scope(stamp: str, region: str, service: str) -> str:
    return f"{stamp[:8]}/{region}/{service}/aws4_request"


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(_encoded(name), _encoded(value)) for name, value in parse_qsl(query, keep_blank_values=True)]


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
