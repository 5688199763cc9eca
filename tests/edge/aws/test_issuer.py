"""Tokens of an issuer that is really asked for its keys, and whatever is sent instead of one."""

import json

import pytest

from signalbox.admission.claims import ClaimNames, is_token
from signalbox.aws.http import Pool
from signalbox.aws.issuer import MOST_CHARS, Issuer, Settings
from signalbox.aws.jwks import FRESH_S, MOST_BYTES, RENEW_S, REREAD_AFTER_S, STALE_S, TRY_AGAIN_S, Jwks
from signalbox.errors import Refusal
from tests.identity import AUDIENCE, BAD, ISSUER, Identity, jwk, pem, token

NAMES = ClaimNames(tenant="tenant")


@pytest.fixture
def identity():
    with Identity() as identity:
        yield identity


@pytest.fixture
def pool():
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def issuer(identity, pool):
    return Issuer(Settings(ISSUER, AUDIENCE, identity.url, "", NAMES), pool)


@pytest.fixture
def at():
    """The time, as a list of one."""
    return [1_000_000.0]


@pytest.fixture
def jwks(identity, pool, at):
    return Jwks(identity.url, pool, lambda: at[0])


def refused(call, *arguments) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        call(*arguments)
    return refusal.value


@pytest.mark.parametrize("of", ["rsa", "ec"])
def test_a_good_token_says_who_it_is_of(issuer, identity, of):
    assert issuer.claims(token(of, tenant="acme"))["tenant"] == "acme"
    assert issuer.claims(token(of, aud=["another", AUDIENCE], sub="bob"))["sub"] == "bob"
    assert identity.asked == 1


@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_one_is_refused_and_not_repeated(issuer, wrong):
    bad = BAD[wrong](tenant="acme")
    assert is_token(bad)
    refusal = refused(issuer.claims, bad)
    assert (refusal.code, refusal.status) == ("invalid_key", 401)
    assert refusal.message.startswith("This token is not valid: ")
    assert not any(part in refusal.message for part in bad.split(".") if len(part) > 3)


SAID = {
    "expired": "it has expired; get a new one",
    "not valid yet": "its time has not come yet",
    "for ever": "it lacks the claim exp",
    "for another audience": "it is meant for another audience",
    "of another issuer": "another issuer made it",
    "signed by another": "its signature is not its issuer's",
    "unsigned": "it must be signed by RS256 or ES256",
    "HS256 by the public key": "it must be signed by RS256 or ES256",
    "of an unknown key": "its issuer has no such key",
    "of no key": "its header names no key: it lacks kid",
    "too long": f"it is longer than {MOST_CHARS:,} characters",
    "nested without end": "it cannot be read",
}


@pytest.mark.parametrize("wrong", SAID)
def test_it_is_told_what_is_wrong_with_it(issuer, wrong):
    assert refused(issuer.claims, BAD[wrong]()).message == f"This token is not valid: {SAID[wrong]}."


def test_clocks_may_differ_a_little(issuer):
    assert issuer.claims(token(life_s=-10))["sub"] == "ann"


def one_line(text):
    return text.strip().replace("\n", "\\n")


@pytest.mark.parametrize("form", [str, one_line, lambda text: "".join(text.splitlines()), lambda text: "".join(text.splitlines()[1:-1])])
@pytest.mark.parametrize(("of", "other"), [("rsa", "ec"), ("ec", "rsa")])
def test_a_key_that_was_configured_needs_no_address_and_no_id(pool, form, of, other):
    issuer = Issuer(Settings(ISSUER, AUDIENCE, "", form(pem(of)), NAMES), pool)
    assert issuer.claims(token(of))["sub"] == "ann"
    assert issuer.claims(token(of, header={"kid": "whatever"}))["sub"] == "ann"
    assert "must be signed by" in refused(issuer.claims, token(other)).message
    assert refused(issuer.claims, token(f"{of}-other")).code == "invalid_key"
    for wrong, bad in BAD.items():
        if "with the id of" not in wrong:  # which does not count
            assert refused(issuer.claims, bad()).code == "invalid_key", wrong


def test_a_key_that_is_none_lets_nobody_in(pool, capsys):
    for text in ("nonsense", pem("rsa").replace("PUBLIC", "PRIVATE"), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        issuer = Issuer(Settings(ISSUER, AUDIENCE, "", text, NAMES), pool)
        assert refused(issuer.claims, token()).code == "ledger_unavailable"
        assert "JwtPublicKey is no public key in PEM" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["issuer", "audience"])
def test_without_an_issuer_or_an_audience_nobody_is_let_in(identity, pool, missing):
    settings = Settings(ISSUER, AUDIENCE, identity.url, "", NAMES)._replace(**{missing: ""})
    assert refused(Issuer(settings, pool).claims, token()).code == "ledger_unavailable"


def test_settings_come_from_the_environment_and_are_off_without_a_key():
    environment = {"SIGNALBOX_JWT_ISSUER": ISSUER, "SIGNALBOX_JWT_AUDIENCE": AUDIENCE, "SIGNALBOX_JWT_JWKS_URL": ""}
    assert Settings.from_env(environment) is None
    assert Settings.from_env(environment | {"SIGNALBOX_JWT_JWKS_URL": "u", "SIGNALBOX_JWT_PERMISSIONS_CLAIM": ""}) == Settings(
        ISSUER, AUDIENCE, "u", "", ClaimNames("permissions")
    )
    assert Settings.from_env(environment | {"SIGNALBOX_JWT_PUBLIC_KEY": "k", "SIGNALBOX_JWT_TENANT_CLAIM": "t"}) == Settings(
        ISSUER, AUDIENCE, "", "k", ClaimNames(tenant="t")
    )
    assert Issuer.of_callers(environment | {"SIGNALBOX_JWT_JWKS_URL": "u"}, Pool()) is None
    assert Issuer.of_callers(environment | {"SIGNALBOX_JWT_JWKS_URL": "u", "SIGNALBOX_JWT_TENANT_CLAIM": "t"}, Pool()) is not None


def test_a_rotated_key_is_found_by_asking_once_more(jwks, identity, at):
    assert jwks.key("rsa", "RS256")
    identity.keys = ["rsa-next"]
    at[0] += REREAD_AFTER_S + 1
    assert jwks.key("rsa-next", "RS256")
    assert jwks.key("rsa", "RS256") is None  # what was withdrawn is gone


def test_however_many_name_unknown_keys_the_issuer_is_asked_once_in_a_while(jwks, identity, at):
    for _ in range(3):
        for number in range(50):
            assert jwks.key(f"k{number}", "RS256") is None
        at[0] += REREAD_AFTER_S + 1
    assert identity.asked == 3


def test_the_name_of_a_key_is_not_enough_where_its_kind_is_another(jwks):
    assert jwks.key("rsa", "ES256") is None


def test_keys_that_grow_old_are_asked_for_again_after_an_answer(jwks, identity, at):
    jwks.refresh()
    assert identity.asked == 0  # nobody has sent a token yet
    jwks.key("rsa", "RS256")
    jwks.refresh()
    assert identity.asked == 1
    at[0] += RENEW_S + 1
    jwks.refresh()
    assert identity.asked == 2
    assert jwks.key("rsa", "RS256")
    assert identity.asked == 2


def test_old_keys_serve_while_the_issuer_is_away_and_not_for_ever(jwks, identity, at, capsys):
    assert jwks.key("rsa", "RS256")
    identity.status = 503
    at[0] += FRESH_S + 1
    assert jwks.key("rsa", "RS256")
    assert jwks.key("rsa", "RS256")
    assert identity.asked == 2  # not for each token
    assert refused(jwks.key, "other", "RS256").code == "ledger_unavailable"  # it may be a new one
    at[0] += STALE_S
    assert refused(jwks.key, "rsa", "RS256").code == "ledger_unavailable"
    identity.status = 200
    at[0] += TRY_AGAIN_S + 1
    assert jwks.key("rsa", "RS256")
    assert "could not be had" in capsys.readouterr().err


ROWS = [
    b"",
    b"[]",
    b'{"keys": 7}',
    b'{"keys": []}',
    b'{"keys": [7, null, {}]}',
    b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "rsa"}]}',
    b"[" * 100_000,
]
CHANGES = [
    {"use": "enc"},
    {"alg": "RS512"},
    {"n": "AQAB"},
    {"d": "AQAB"},
    {"kty": "EC"},
    {"crv": "P-521", "kty": "EC"},
    {"x": "x" * MOST_BYTES},
]


@pytest.mark.parametrize("body", ROWS, ids=range(len(ROWS)))
def test_a_set_without_a_key_that_signs_lets_nobody_in(jwks, identity, body, capsys):
    identity.body = body or b" "
    assert refused(jwks.key, "rsa", "RS256").code == "ledger_unavailable"
    assert "could not be had" in capsys.readouterr().err


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_nor_does_one_that_is_for_something_else_or_too_weak(jwks, identity, change):
    identity.body = json.dumps({"keys": [jwk("rsa") | change]}).encode()
    assert refused(jwks.key, "rsa", "RS256").code == "ledger_unavailable"


def test_nor_does_a_short_key_or_one_that_should_have_stayed_secret(jwks, identity):
    identity.body = json.dumps({"keys": [jwk("rsa-short"), jwk("rsa", private=True)]}).encode()
    for name in ("rsa-short", "rsa"):
        assert refused(jwks.key, name, "RS256").code == "ledger_unavailable"


def test_one_row_that_cannot_be_used_spoils_no_other(jwks, identity):
    identity.body = json.dumps({"keys": [{"kty": "RSA", "kid": "x"}, None, jwk("ec")]}).encode()
    assert jwks.key("ec", "ES256")


def test_an_issuer_that_is_not_there_lets_nobody_in(pool, at, nobody, capsys):
    jwks = Jwks(f"{nobody}/jwks.json", pool, lambda: at[0])
    assert refused(jwks.key, "rsa", "RS256").code == "ledger_unavailable"
    assert "Unreachable" in capsys.readouterr().err
