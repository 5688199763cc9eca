"""Signature Version 4, as AWS checks it: the form, the date, the service, and the signature itself where the secret is known here.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from ..http import Request

ALGORITHM = "AWS4-HMAC-SHA256"
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[\w]+)/(?P<day>\d{{8}})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
SECRETS = {"AKIASIMULATED": "simulated-secret-access-key", "test": "test"}  # of these access keys the signature is checked
LATEST_S = 300
BAD_KEY = "AKIABAD"


class Refused(NamedTuple):
    kind: str
    message: str


def access_key(request: Request) -> str:
    found = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    return found["key"] if found else ""


def refusal(request: Request, service: str, secrets: Mapping[str, str] = SECRETS) -> Refused | None:
    """None where it may pass. All of them are answered 403."""
    header = request.headers.get("authorization", "")
    if not header:
        return Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = AUTHORIZATION.fullmatch(header)
    if found is None:
        return Refused("IncompleteSignatureException", "Authorization header requires Credential, SignedHeaders and Signature parameters.")
    signed = found["headers"].split(";")
    if not {"host", "x-amz-date"} <= set(signed) or not set(signed) <= request.headers.keys():
        told = "'Host' and 'X-Amz-Date' must be 'SignedHeaders' in the AWS Authorization, and all of them must be sent."
        return Refused("InvalidSignatureException", told)
    if found["service"] != service:
        return Refused("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
    if found["key"].startswith(BAD_KEY):
        return Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    date = request.headers["x-amz-date"]
    signed_at = _at(date)
    if signed_at is None or not date.startswith(found["day"]):
        return Refused(
            "InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
        )
    if abs(time.time() - signed_at) > LATEST_S:
        return Refused("InvalidSignatureException", f"Signature expired: {date} is not within 5 minutes of now.")
    secret = secrets.get(found["key"])
    if secret is not None and not hmac.compare_digest(signature(request, found.groupdict(), secret), found["signature"]):
        told = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
        return Refused("InvalidSignatureException", f"{told}and signing method. Consult the service documentation for details.")
    return None


def signature(request: Request, parts: Mapping[str, str], secret: str) -> str:
    """Of the request as it was sent: its path is encoded once more, as for every service but S3."""
    path, _, query = request.target.partition("?")
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, keep_blank_values=True))
    names = parts["headers"].split(";")
    canonical = [
        request.method,
        quote(path, safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
        "",
        parts["headers"],
        request.headers.get("x-amz-content-sha256") or sha256(request.body).hexdigest(),
    ]
    scope = f"{parts['day']}/{parts['region']}/{parts['service']}/aws4_request"
    digest = sha256("\n".join(canonical).encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, request.headers["x-amz-date"], scope, digest))
    key = f"AWS4{secret}".encode()
    for part in (parts["day"], parts["region"], parts["service"], "aws4_request", to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _at(date: str) -> float | None:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
