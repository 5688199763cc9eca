"""Google's exchange of a signed claim for a token for access, which Vertex then takes.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import base64
import json
import re
import time
from typing import Any
from urllib.parse import parse_qs

from ..exchange import Answer, Ask, Rejected, Stamp
from ..http import Request
from .access_token import LASTS_S, issued
from .google_identity import EMAIL, is_signed
from .provider import Operation, Provider
from .wire import JSON_TYPE, dumped

GOOGLE = "google"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ENDPOINT = "https://oauth2.googleapis.com/token"
OURS = re.compile(r"http://[^/]+/google_token/token")
SKEW_S = 300
SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/cloud-platform.read-only")


def read(request: Request) -> Ask:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise _refused("invalid_request", "Could not parse the request body as application/x-www-form-urlencoded.")
    form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
    if form.get("grant_type") != GRANT:
        raise _refused("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
    if "assertion" not in form:
        raise _refused("invalid_request", "Missing required parameter: assertion")
    _check(form["assertion"])
    return Ask("", "", (), writes=False)


def _check(assertion: str) -> None:
    signed, _, signature = assertion.rpartition(".")
    try:
        head, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        good = is_signed(signed.encode(), _decoded(signature))
    except ValueError:
        raise _refused("invalid_grant", "Invalid JWT: Failed to parse.") from None
    if head.get("alg") != "RS256":
        raise _refused("invalid_grant", "Invalid JWT: Unsupported algorithm.")
    if claims.get("iss") != EMAIL:
        raise _refused("invalid_grant", "Invalid grant: account not found")
    if not good:
        raise _refused("invalid_grant", "Invalid JWT Signature.")
    if claims.get("aud") != ENDPOINT and not OURS.fullmatch(str(claims.get("aud"))):
        raise _refused("invalid_grant", f"Invalid JWT: Failed audience check. The right audience is {ENDPOINT}")
    if not _is_timely(claims):
        told = (
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in "
        )
        raise _refused("invalid_grant", f"{told}the JWT claim.")
    if not set(str(claims.get("scope", "")).split()) & set(SCOPES):
        raise _refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")


def _is_timely(claims: dict[str, Any]) -> bool:
    begins, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(begins, int | float) or not isinstance(ends, int | float):
        return False
    return begins - SKEW_S <= time.time() < ends + SKEW_S and 0 < ends - begins <= LASTS_S


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refused(name: str, message: str) -> Rejected:
    return Rejected(400, dumped({"error": name, "error_description": message}))


def grant(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    lasts = LASTS_S - 1
    return dumped({"access_token": issued(GOOGLE, lasts), "expires_in": lasts, "token_type": "Bearer"})


def error(status: int) -> tuple[str, bytes]:
    return JSON_TYPE, dumped({"error": "internal_failure" if status >= 500 else "invalid_grant", "error_description": "Try again later."})


def not_found(request: Request) -> bytes:
    return dumped({"error": "not_found", "error_description": "The requested URL was not found on this server."})


GOOGLE_TOKEN = Provider("google_token", (Operation("token", re.compile(r"/token"), read, grant, error),), not_found)
