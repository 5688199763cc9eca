"""What a token's claims make of whoever sends it. That the token is good is not asked here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.budgets import scopes_of
from signalbox.admission.claims import ClaimNames, caller_of, is_token, operator_of, tenant_of
from signalbox.admission.grants import GRANTS, LIMITS
from signalbox.admission.keys import Caller, mint, record_of
from signalbox.admission.operators import PERMISSIONS, USAGE, Operator
from signalbox.errors import Refusal

NAMES = ClaimNames(tenant="tenant", team="team", grants="signalbox")
CLAIMS = {"sub": "ann", "tenant": "acme"}
GRANTED = {
    "models": ["gpt-4.1-mini"],
    "routes": ["chat"],
    "agents": ["*"],
    "teams": ["search"],
    "tags": ["beta"],
    "fallbacks": True,
    "limits": {"requests_per_minute": 5, "requests_per_hour": None, "tokens_per_minute": 0, "concurrency": 1},
}


def denied(claims, names=NAMES):
    with pytest.raises(Refusal) as refusal:
        caller_of(claims, names)
    assert refusal.value.code == "permission_denied"
    return refusal.value.message


def test_a_tenant_is_enough_to_be_a_caller():
    assert caller_of(CLAIMS, NAMES) == Caller("jwt:acme:ann", "acme", "default", minted=False)
    assert caller_of(CLAIMS | {"team": "search"}, NAMES) == Caller("jwt:acme:ann", "acme", "search", minted=False)
    assert caller_of(CLAIMS | {"team": "search"}, ClaimNames(tenant="tenant")).team == "default"
    assert caller_of({"sub": "ann", "https://acme.example/org": "acme"}, ClaimNames(tenant="https://acme.example/org")).tenant == "acme"


def test_what_it_grants_counts_as_a_keys_record_does():
    assert set(GRANTED) == set(GRANTS)
    assert set(GRANTED["limits"]) == set(LIMITS)
    caller = caller_of(CLAIMS | {"signalbox": GRANTED}, NAMES)
    assert record_of(caller, {}) == GRANTED
    assert caller_of(CLAIMS | {"signalbox": GRANTED}, ClaimNames(tenant="tenant")).grants == {}


WRONG = [
    *("all", ["models"], 7),
    *({"modells": ["chat"]}, {"budgets": {}}, {"status": "active"}, {"secrets": []}, {"expires_ms": 1}),
    *({"models": "chat"}, {"models": ["chat", 7]}, {"models": [""]}, {"models": None}, {"fallbacks": "yes"}, {"limits": [5]}),
    *({"tags": [f"group-{number}" for number in range(17)]}, {"tags": ["x" * 65]}, {"tags": ["a\nb"]}, {"tags": [""]}, {"tags": "beta"}),
    *({"limits": {"requests": 5}}, {"limits": {"concurrency": -1}}, {"limits": {"concurrency": True}}, {"limits": {"concurrency": 1.5}}),
]


@pytest.mark.parametrize("said", WRONG, ids=range(len(WRONG)))
def test_grants_that_are_not_understood_are_refused_and_not_passed_over(said):
    assert "its claim signalbox m" in denied(CLAIMS | {"signalbox": said})


@given(st.text(), st.text(), st.text())
def test_whoever_is_let_in_counts_in_no_scope_but_their_own(sub, tenant, team):
    try:
        caller = caller_of({"sub": sub, "tenant": tenant, "team": team}, NAMES)
    except Refusal:
        return
    key, of_team, of_tenant, _ = scopes_of(caller)
    assert [key.count("#"), of_team.count("#"), of_tenant.count("#")] == [1, 1, 1]
    assert [key.count("/"), of_team.count("/"), of_tenant.count("/")] == [0, 1, 0]
    assert (key, of_team, of_tenant) == (f"key#jwt:{tenant}:{sub}", f"team#{tenant}/{team}", f"tenant#{tenant}")


@given(
    st.tuples(st.text("ab:.", max_size=4), st.text("ab:.", max_size=4)), st.tuples(st.text("ab:.", max_size=4), st.text("ab:.", max_size=4))
)
def test_one_subject_of_two_tenants_is_two_keys(one, other):
    try:
        keys = [caller_of({"tenant": tenant, "sub": sub}, NAMES).key_id for tenant, sub in (one, other)]
    except Refusal:
        return
    assert (keys[0] == keys[1]) is (one == other)


@given(st.sampled_from("#/ \t\n\x00\x1f\x7f\x85\u2028\u200b"), st.text(max_size=5), st.text(max_size=5))
def test_what_parts_names_or_is_not_seen_is_in_no_subject(sign, before, after):
    assert "its claim sub" in denied(CLAIMS | {"sub": before + sign + after})


@pytest.mark.parametrize("claim", ["tenant", "team"])
@pytest.mark.parametrize("value", ["", "a/b", "a#b", "-a", "a\n", "a b", "x" * 65, "ä", 7, ["acme"], {"id": "acme"}])
def test_a_tenant_and_a_team_are_named_as_everywhere(claim, value):
    assert f"its claim {claim} must be a name" in denied(CLAIMS | {claim: value})


def test_a_token_without_a_tenant_is_nobodys():
    assert "it lacks the claim tenant" in denied({"sub": "ann"})
    assert "it lacks the claim tenant" in denied({"sub": "ann", "tenant": None})
    assert "it lacks the claim " in denied(CLAIMS, ClaimNames())


def test_an_operator_has_what_the_claim_says():
    assert operator_of({"sub": "ann", "permissions": [USAGE, "else"]}, NAMES) == Operator("jwt:ann", frozenset({USAGE}))
    assert operator_of({"sub": "ann", "scope": " ".join(PERMISSIONS)}, ClaimNames("scope")).permissions == set(PERMISSIONS)
    assert operator_of({"sub": "ann", "scope": USAGE}, NAMES).permissions == frozenset()


@given(st.text("ab:.|#/ ", max_size=6), st.text("ab:.", max_size=4))
def test_a_callers_key_tells_its_tenant(sub, tenant):
    try:
        caller = caller_of({"sub": sub, "tenant": tenant}, NAMES)
    except Refusal:
        assert tenant_of(f"jwt:{tenant}:{sub}") is None or ":" in tenant
    else:
        assert tenant_of(caller.key_id) == tenant


@given(st.text(), st.text(), st.text())
def test_no_key_of_ours_is_taken_for_a_token(key_id, tenant, team):
    assert not is_token(mint(key_id, tenant, team, b"m"))
    assert not any(map(is_token, (None, "", "sk-local", "ak-local", "ey", "ey.a", "ey.a.b.c")))
    assert is_token("eyJ.e30.x")
