import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.keys import Caller, KeyRing, authenticate, authenticate_admin, check_standing, mint, record_of
from signalbox.errors import Refusal


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


RING = KeyRing(
    mac_key=b"secret",
    data_keys={digest("sk-local"): {"key_id": "local", "tenant": "home", "team": "default"}},
    admin_keys={digest("ak-local"): "operator"},
)
NAMES = st.text(min_size=1)


def code_of(call, *arguments):
    with pytest.raises(Refusal) as refusal:
        call(*arguments)
    return refusal.value.code


@given(NAMES, NAMES, NAMES, st.binary(min_size=1))
def test_a_minted_key_carries_its_caller(key_id, tenant, team, mac_key):
    key = mint(key_id, tenant, team, mac_key)
    assert key.isascii()
    assert authenticate(key, KeyRing(mac_key, {}, {})) == Caller(key_id, tenant, team, minted=True)


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
    assert code_of(authenticate_admin, key, RING) == "invalid_key"


def test_a_key_minted_under_another_secret_is_refused():
    assert code_of(authenticate, mint("k", "t", "a", b"other"), RING) == "invalid_key"
    assert code_of(authenticate, None, RING) == "invalid_key"


def test_static_keys_are_known_by_their_digest():
    assert authenticate("sk-local", RING) == Caller("local", "home", "default", minted=False)
    assert authenticate_admin("ak-local", RING) == "operator"
    assert code_of(authenticate, "ak-local", RING) == "invalid_key"
    assert code_of(authenticate_admin, "sk-local", RING) == "invalid_key"


def test_a_static_key_grants_what_its_row_says_and_its_record_says_it_louder():
    row = {"key_id": "local", "tenant": "home", "team": "default", "agents": ["*"], "limits": {"requests_per_minute": 5}}
    caller = authenticate("sk-granted", KeyRing(b"secret", {digest("sk-granted"): row}, {}))
    assert caller == Caller("local", "home", "default", minted=False, grants={"agents": ["*"], "limits": {"requests_per_minute": 5}})
    assert record_of(caller, {}) == record_of(caller, {"key#local": {}}) == caller.grants
    assert record_of(caller, {"key#local": {"agents": ["a"]}}) == {"agents": ["a"], "limits": {"requests_per_minute": 5}}
    assert record_of(Caller("k", "t", "a", minted=True), {"key#k": {"status": "active"}}) == {"status": "active"}


def test_the_secret_as_the_template_makes_it_is_read():
    ring = KeyRing.parse('{"mac_key": "c2VjcmV0", "admin_keys": {}, "data_keys": {}}')
    assert ring == KeyRing(b"c2VjcmV0", {}, {})


@pytest.mark.parametrize(
    ("minted", "records", "code"),
    [
        (False, {"key#k": {}}, None),
        (True, {"key#k": {}}, "invalid_key"),
        (True, {"key#k": {"status": "active"}}, None),
        (True, {"key#k": {"status": "disabled"}}, "invalid_key"),
        (False, {"key#k": {"status": "disabled"}}, "invalid_key"),
        (False, {"key#k": {}, "tenant#t": {"status": "disabled"}}, "permission_denied"),
        (False, {"key#k": {}, "team#t/a": {"status": "disabled"}}, "permission_denied"),
    ],
)
def test_standing(minted, records, code):
    caller = Caller("k", "t", "a", minted)
    if code is None:
        check_standing(caller, records)
    else:
        assert code_of(check_standing, caller, records) == code
