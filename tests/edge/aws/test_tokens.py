"""A credential becomes a token, once for as long as it lives. The exchange is a fake that holds state; its keys are real."""

import base64
import json
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from signalbox.aws.http import Unreachable
from signalbox.aws.tokens import GOOGLE_SCOPE, GOOGLE_URL, RENEW_S, SPARE_S, Tokens, entra, google
from signalbox.errors import UpstreamFailure

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
ACCOUNT = {"type": "service_account", "client_email": "box@p.iam.gserviceaccount.com", "private_key_id": "k1", "private_key": PEM}
APPLICATION = {"tenant_id": "contoso", "client_id": "app", "client_secret": "a secret & more"}


class Exchange:
    def __init__(self, status, body):
        self.status, self._body = status, body

    def head(self, timeout_s):
        return self.status

    def read(self, timeout_s):
        return self._body


class FakeIssuer:
    """Gives token-1, token-2, … for an hour each."""

    def __init__(self):
        self.requests, self.now, self.trouble = [], 1_000.0, None

    def send(self, request, timeout_s):
        self.requests.append(request)
        if isinstance(self.trouble, Exception):
            raise self.trouble
        if self.trouble:
            return Exchange(*self.trouble)
        return Exchange(200, json.dumps({"access_token": f"token-{len(self.requests)}", "expires_in": 3600}).encode())


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.fixture
def tokens(issuer):
    return Tokens(issuer, lambda: issuer.now)


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_service_account_signs_what_google_asks_for():
    request = google(ACCOUNT, 5_000)
    assert (request.method, request.url) == ("POST", GOOGLE_URL)
    (assertion,) = parse_qs(request.body.decode())["assertion"]
    header, claims, mark = assertion.split(".")
    assert decoded(header) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert decoded(claims) == {"iss": ACCOUNT["client_email"], "scope": GOOGLE_SCOPE, "aud": GOOGLE_URL, "iat": 5_000, "exp": 8_600}
    signature = base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4))
    KEY.public_key().verify(signature, f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())


def test_an_application_shows_its_secret_to_its_own_tenant():
    request = entra(APPLICATION, 0)
    assert request.url == "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    fields = {name: value for name, [value] in parse_qs(request.body.decode()).items()}
    assert fields["grant_type"] == "client_credentials"
    assert (fields["client_id"], fields["client_secret"]) == ("app", "a secret & more")


def test_a_token_is_had_once_and_again_before_it_ends(tokens, issuer):
    credential = json.dumps(APPLICATION)
    assert [tokens.bearer("entra", credential) for _ in range(3)] == ["token-1"] * 3
    issuer.now += 3600 - SPARE_S + 1
    assert tokens.bearer("entra", credential) == "token-2"
    other = json.dumps(APPLICATION | {"client_id": "other"})
    assert tokens.bearer("entra", other) == "token-3"


def test_a_token_near_its_end_is_renewed_after_an_answer(tokens, issuer):
    credential = json.dumps(APPLICATION)
    tokens.bearer("entra", credential)
    tokens.refresh()
    assert len(issuer.requests) == 1
    issuer.now += 3600 - RENEW_S + 1
    issuer.trouble = (503, b"")
    tokens.refresh()
    assert tokens.bearer("entra", credential) == "token-1"
    issuer.trouble = None
    tokens.refresh()
    assert tokens.bearer("entra", credential) == "token-3"


def test_what_is_no_credential_is_a_token_as_it_is(tokens, issuer):
    assert tokens.bearer("google", "ya29.a-token") == "ya29.a-token"
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ((401, b'{"error": "invalid_client", "error_description": "a secret & more"}'), "auth"),
        ((500, b"<html>"), "unreachable"),
        ((200, b"[]"), "auth"),
        ((200, b"[" * 100_000), "auth"),
        ((200, b'{"access_token": "a\\nb", "expires_in": 3600}'), "auth"),
        ((200, b'{"access_token": "a", "expires_in": NaN}'), "auth"),
        ((200, b'{"access_token": "a", "expires_in": Infinity}'), "auth"),
        (Unreachable("login"), "unreachable"),
    ],
)
def test_a_token_that_is_not_given_is_a_failed_attempt_without_a_word_of_the_credential(tokens, issuer, trouble, kind):
    issuer.trouble = trouble
    with pytest.raises(UpstreamFailure) as failed:
        tokens.bearer("entra", json.dumps(APPLICATION))
    assert failed.value.kind == kind
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("fields", [{}, {"client_email": "a", "private_key": "no key"}, {"client_email": "a", "private_key": 5}])
def test_a_broken_credential_is_refused_before_anybody_is_asked(tokens, issuer, fields):
    with pytest.raises(UpstreamFailure) as failed:
        tokens.bearer("google", json.dumps(fields))
    assert (failed.value.kind, issuer.requests) == ("auth", [])
    assert "no key" not in str(failed.value)
