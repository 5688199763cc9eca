import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.keys import Caller, KeyRing, authenticate, check_standing, digest_of, mint, record_of
from signalbox.errors import Refusal


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


RING = KeyRing(
    mac_key=b"secret",
    data_keys={digest("sk-local"): {"key_id": "local", "tenant": "home", "team": "default"}},
    admin_keys={digest("ak-local"): "operator"},
)
NAMES = st.text(min_size=1)
NOW = 1_795_287_600_000  # 2026-11-21 19:00 UTC


def code_of(call, *arguments):
    with pytest.raises(Refusal) as refusal:
        call(*arguments)
    return refusal.value.code


@given(NAMES, NAMES, NAMES, st.binary(min_size=1))
def test_a_minted_key_carries_its_caller(key_id, tenant, team, mac_key):
    key = mint(key_id, tenant, team, mac_key)
    assert key.isascii()
    assert authenticate(key, KeyRing(mac_key, {}, {})) == Caller(key_id, tenant, team, minted=True, digest=digest_of(key, mac_key))
    assert mint(key_id, tenant, team, mac_key) != key


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_what_is_stored_of_a_key_is_no_key_and_says_nothing_to_whoever_has_not_the_mac(mac_key, other):
    key = mint("k", "t", "a", mac_key)
    stored = digest_of(key, mac_key)
    assert stored not in key
    assert len(stored) == 64
    assert (digest_of(key, other) == stored) is (mac_key.rstrip(b"\0") == other.rstrip(b"\0"))  # HMAC fills a short key up with zeros
    assert code_of(authenticate, "sk-sb-" + stored, KeyRing(mac_key, {}, {})) == "invalid_key"


@given(NAMES, st.data())
def test_a_minted_key_with_one_character_changed_is_refused(key_id, data):
    key = mint(key_id, "t", "a", b"secret")
    place = data.draw(st.integers(0, len(key) - 2))  # the last character's spare bits are checked by comparing text, not bytes
    other = data.draw(st.characters().filter(lambda character: character != key[place]))
    assert code_of(authenticate, key[:place] + other + key[place + 1 :], RING) == "invalid_key"


@given(st.text())
def test_whatever_else_is_shown_is_refused(key):
    assert code_of(authenticate, key, RING) == "invalid_key"
    assert code_of(authenticate, "sk-sb-" + key, RING) == "invalid_key"


def test_a_key_minted_under_another_secret_is_refused():
    assert code_of(authenticate, mint("k", "t", "a", b"other"), RING) == "invalid_key"
    assert code_of(authenticate, None, RING) == "invalid_key"


def test_static_keys_are_known_by_their_digest():
    assert authenticate("sk-local", RING) == Caller("local", "home", "default", minted=False)
    assert code_of(authenticate, "ak-local", RING) == "invalid_key"


def test_a_static_key_grants_what_its_row_says_and_its_record_says_it_louder():
    row = {"key_id": "local", "tenant": "home", "team": "default", "agents": ["*"], "limits": {"requests_per_minute": 5}}
    caller = authenticate("sk-granted", KeyRing(b"secret", {digest("sk-granted"): row}, {}))
    assert caller == Caller("local", "home", "default", minted=False, grants={"agents": ["*"], "limits": {"requests_per_minute": 5}})
    assert record_of(caller, {}) == record_of(caller, {"key#local": {}}) == caller.grants
    assert record_of(caller, {"key#local": {"agents": ["a"]}}) == {"agents": ["a"], "limits": {"requests_per_minute": 5}}
    assert record_of(Caller("k", "t", "a", minted=True), {"key#k": {"status": "active"}}) == {"status": "active"}


@pytest.mark.parametrize("key_id", ["local", "jwt:home:ann"])
@pytest.mark.parametrize(
    ("record", "limits"),
    [
        ({}, {"requests_per_minute": 5, "tokens_per_minute": 1000}),
        ({"limits": {}}, {"requests_per_minute": 5, "tokens_per_minute": 1000}),
        ({"limits": {"concurrency": 4}}, {"requests_per_minute": 5, "tokens_per_minute": 1000, "concurrency": 4}),
        ({"limits": {"requests_per_minute": 9}}, {"requests_per_minute": 9, "tokens_per_minute": 1000}),
        ({"limits": {"tokens_per_minute": None}}, {"requests_per_minute": 5, "tokens_per_minute": None}),
    ],
)
def test_a_record_that_says_one_limit_takes_away_no_other_of_the_credentials(key_id, record, limits):
    caller = Caller(key_id, "home", "default", minted=False, grants={"limits": {"requests_per_minute": 5, "tokens_per_minute": 1000}})
    assert record_of(caller, {f"key#{key_id}": record}) == {"limits": limits}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"modells": ["chat"]}, "modells"),
        ({"models": "chat"}, "models"),
        ({"teams": "redteam"}, "teams"),  # of which "red" is a part, and so would be permitted
        ({"expires_at": "2026-11-21T00:00:00Z"}, "expires_at"),
        ({"expires_ms": "1795287600000"}, "expires_ms"),
        ({"status": "off"}, "status"),
        ({"limits": {"requests_per_second": 1}}, "limits"),
        ({"team": None}, "team"),
        ({"team": "red/blue"}, "team"),  # whose scope would be another's
        ({"tenant": "home\n"}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"key_id": "a#b"}, "key_id"),
        ({"key_id": ["local"]}, "key_id"),
    ],
)
def test_a_row_that_is_not_understood_lets_nobody_in(said, named):
    row = {"key_id": "local", "tenant": "home", "team": "default"} | said
    with pytest.raises(Refusal, match=f"not understood: {named}") as refusal:
        authenticate("sk-written", KeyRing(b"secret", {digest("sk-written"): row}, {}))
    assert refusal.value.code == "permission_denied"


@pytest.mark.parametrize("row", [None, {}, [], "local", 7, ["key_id"]])
def test_a_row_that_is_none_lets_nobody_in(row):
    ring = KeyRing(b"secret", {digest("sk-written"): row}, {})
    assert code_of(authenticate, "sk-written", ring) == ("permission_denied" if row is not None else "invalid_key")


def test_a_digest_that_is_none_shuts_nobody_else_out():
    ring = RING._replace(data_keys={"\u00e9": {}, "\ud800": {}, **RING.data_keys})
    assert authenticate("sk-local", ring).key_id == "local"
    assert code_of(authenticate, "sk-other", ring) == "invalid_key"


def test_a_row_may_say_what_a_record_may():
    row = {"expires_ms": NOW, "status": "active", "name": "first", "models": ["*"], "limits": {"concurrency": None}}
    ring = KeyRing(b"secret", {digest("sk-written"): {"key_id": "local", "tenant": "home", "team": "default"} | row}, {})
    assert authenticate("sk-written", ring).grants == row


def test_the_secret_as_the_template_makes_it_is_read():
    ring = KeyRing.parse('{"mac_key": "c2VjcmV0", "admin_keys": {}, "data_keys": {}}')
    assert ring == KeyRing(b"c2VjcmV0", {}, {})


@pytest.mark.parametrize(
    "secret",
    [
        *("[]", "null", "no JSON", "{}", '{"mac_key": null}', '{"mac_key": 5}', '{"mac_key": ""}', '{"mac_key": "\\ud800"}'),
        *(f'{{"mac_key": "m", "{rows}": {said}}}' for rows in ("data_keys", "admin_keys") for said in ("[]", "null", '"x"', "7")),
    ],
)
def test_a_secret_that_is_not_as_it_should_be_is_unreadable(secret):
    """By what its readers take for that; an empty MAC key would let everybody sign."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        KeyRing.parse(secret)


ACTIVE = {"status": "active", "secrets": [{"hash": "new"}, {"hash": "old", "until_ms": NOW + 1}, {"hash": "older", "until_ms": NOW}]}


@pytest.mark.parametrize(
    ("digest", "records", "code"),
    [
        ("", {"key#k": {}}, None),
        ("", {}, None),
        ("new", {"key#k": {}}, "invalid_key"),
        ("new", {"key#k": {"status": "active"}}, "invalid_key"),
        ("new", {"key#k": ACTIVE}, None),
        ("old", {"key#k": ACTIVE}, None),
        ("older", {"key#k": ACTIVE}, "invalid_key"),
        ("another", {"key#k": ACTIVE}, "invalid_key"),
        ("new", {"key#k": ACTIVE | {"status": "disabled"}}, "invalid_key"),
        ("", {"key#k": {"status": "disabled"}}, "invalid_key"),
        ("new", {"key#k": ACTIVE | {"expires_ms": NOW}}, "invalid_key"),
        ("new", {"key#k": ACTIVE | {"expires_ms": NOW + 1}}, None),
        ("", {"key#k": {"expires_ms": NOW}}, "invalid_key"),
        ("new", {"key#k": ACTIVE, "tenant#t": {"status": "disabled"}}, "permission_denied"),
        ("new", {"key#k": ACTIVE, "team#t/a": {"status": "disabled"}}, "permission_denied"),
        ("new", {"key#k": ACTIVE, "team#t/b": {"status": "disabled"}, "tenant#a": {"status": "disabled"}}, None),
    ],
)
def test_standing(digest, records, code):
    caller = Caller("k", "t", "a", minted=bool(digest), digest=digest)
    if code is None:
        check_standing(caller, records, NOW)
    else:
        assert code_of(check_standing, caller, records, NOW) == code


def test_who_is_refused_is_told_why():
    def said(digest, **record):
        with pytest.raises(Refusal) as refusal:
            check_standing(Caller("k", "t", "a", minted=True, digest=digest), {"key#k": record}, NOW)
        return refusal.value.message

    assert "expired on 2026-11-21 19:00 UTC" in said("new", **ACTIVE, expires_ms=NOW)
    assert "disabled" in said("new", **ACTIVE | {"status": "disabled"})
    for ended in ("older", "another"):
        assert "was rotated and has ended: use the newer secret" in said(ended, **ACTIVE)
    assert "was revoked" in said("new")  # its record is gone
    assert "was revoked" in said("new", budgets={})


def test_a_credential_may_end_by_what_it_grants():
    caller = Caller("jwt:t/ann", "t", "a", minted=False, grants={"expires_ms": NOW})
    assert code_of(check_standing, caller, {}, NOW) == "invalid_key"
    check_standing(caller, {}, NOW - 1)
