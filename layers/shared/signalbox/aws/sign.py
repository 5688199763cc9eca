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
    url, stamp = urlsplit(request.url), datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")
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
    credential_scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, credential_scope, sha256(canonical.encode()).hexdigest()))
    key = _signing_key(credentials.secret_key, stamp[:8], region, service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{credential_scope}, SignedHeaders={names}, Signature={signature}"
    )
    return request._replace(headers=headers)


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
