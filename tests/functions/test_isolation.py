"""Whatever keys and tokens of several tenants ask for, in whatever order: none is answered by, served with or told of what is another's."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ops.simulators.faults import to_fault
from signalbox.admission.keys import digest_of, mint
from signalbox.admission.shards import to_sight
from tests.identity import Identity, token

from .routes import MINI, Routed
from .test_complete_keys import keys as provider_keys
from .test_complete_permits import MAC_KEY
from .world import sample

TENANTS = ("alpha", "beta", "gamma")  # the last one has no keys of its own at the providers
OWN = {"alpha": "sk-alpha", "beta": "sk-beta"}
TEAMS = ("red", "blue")  # by the same names everywhere
NUMBERS, SUBJECTS = ("1", "2"), ("ann", "bob")  # bob's team is called as another tenant is
CALLERS = (*NUMBERS, *SUBJECTS)
# Whose it is, by the name of the scope that an item is of; what else there is belongs to nobody: routes, providers, targets, hashes.
OWNERS = (r"key#k-(\w+)-\w+", r"key#jwt:(\w+):\w+", r"team#(\w+)/", r"tenant#(\w+)", r"agent#(\w+)/")
# What is asked for again, and tells whether it was there: (header that says so, what says so in it, whose it may have been).
REPEATED = (
    ("x-signalbox-cache", "hit", lambda asked: (asked.tenant, asked.prompt)),
    ("idempotent-replayed", "true", lambda asked: (asked.tenant, asked.caller, asked.once)),
)


def key_of(tenant: str, caller: str) -> str:
    """Numbers are minted keys; names are subjects of tokens, who are called the same in every tenant."""
    return f"k-{tenant}-{caller}" if caller in NUMBERS else f"jwt:{tenant}:{caller}"


def neighbour(tenant: str) -> str:
    return TENANTS[TENANTS.index(tenant) - 1]


GRANTED = {"agents": ["*"], "teams": ["*"]}


class Ask(NamedTuple):
    tenant: str
    caller: str  # of the tenant's
    prompt: str
    once: str
    team: str
    agent: str

    @property
    def key_id(self) -> str:
        return key_of(self.tenant, self.caller)


ASKS = st.builds(
    Ask,
    st.sampled_from(TENANTS),
    st.sampled_from(CALLERS),
    st.sampled_from(("one", "two")),
    st.sampled_from(("", "", "first", "second")),
    st.sampled_from(("", "blue", "alpha/red", "beta/red", "*", "../beta")),
    st.sampled_from(("", "robot", "alpha/robot", "beta/robot")),
)


def put(routed: Routed, scope: str, **record: Any) -> None:
    budgets = {"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}}
    routed.world.table("control").put_item(Item={"pk": scope, "sk": "scope", "budgets": budgets} | record)


@pytest.fixture(scope="module")
def identity() -> Iterator[Identity]:
    with Identity() as identity:
        yield identity


@pytest.fixture(autouse=True)
def issued(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the world is there, which reads it."""
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def secrets(routed: Routed, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """By key. Every scope has a budget, and every tenant but one its own key at the provider; chat answers from the cache."""
    routes = routed.document()["routes"]
    routes["chat"] = {"targets": [MINI], "cache": {"ttl_s": 600}}
    routed.publish(routes=routes)
    minted = {}
    for tenant in TENANTS:
        put(routed, f"tenant#{tenant}", **({"own_keys": ["openai"]} if tenant in OWN else {}))
        if tenant in OWN:
            provider_keys(routed.world, f"{tenant}/openai", OWN[tenant])
        teams = (*TEAMS, neighbour(tenant))
        for scope in (*(f"team#{tenant}/{team}" for team in teams), *(f"agent#{tenant}/{name}" for name in ("robot", "beta/robot"))):
            put(routed, scope)
        for caller, may in zip(NUMBERS, (GRANTED, {}), strict=True):
            key = key_of(tenant, caller)
            minted[key] = mint(key, tenant, "red", MAC_KEY)
            put(routed, f"key#{key}", status="active", secrets=[{"hash": digest_of(minted[key], MAC_KEY)}], **may)
        said: tuple[dict[str, Any], ...] = ({"team": "red"}, {"team": neighbour(tenant), "signalbox": GRANTED})
        for caller, claims in zip(SUBJECTS, said, strict=True):
            put(routed, f"key#{key_of(tenant, caller)}")
            minted[key_of(tenant, caller)] = token(tenant=tenant, sub=caller, life_s=3_600, **claims)
    return minted


def items(routed: Routed) -> dict[Any, Any]:
    tables = ("control", "ledger", "cache")
    return {(name, item["pk"], item["sk"]): item for name in tables for item in routed.world.table(name).scan()["Items"]}


def went_home(before: Any, after: Any) -> bool:
    """A slice that grew old did, along with whatever its container asks next: of its budget nothing is spent, and nothing else is held."""
    if not before.get("leases") or "leases" not in after:
        return False
    old, new = to_sight(before), to_sight(after)
    whole = [(sight.limit, sight.settled, sight.remaining + sum(lease.held for lease in sight.leases.values())) for sight in (old, new)]
    return whole[0] == whole[1] and new.leases.items() < old.leases.items()


def owner(pk: str) -> str | None:
    return next((found[1] for form in OWNERS if (found := re.search(form, pk))), None)


# What fails is not made smaller: it is short, and each request of it takes its time.
@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(ASKS, min_size=4, max_size=10))
def test_what_one_tenant_asks_touches_nothing_of_anothers(routed: Routed, secrets: dict[str, str], asks: list[Ask]) -> None:
    told: set[str] = set()
    there: set[Any] = set()  # what was answered, to whom, in the world as this example finds it
    for table in ("cache",):
        for item in routed.world.table(table).scan()["Items"]:
            routed.world.table(table).delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    for asked in asks:
        routed.world.upstreams.faults.tell("openai", to_fault({"bad_keys": wrong_keys(asked.tenant)}))
        before = items(routed)
        headers = {"authorization": f"Bearer {secrets[asked.key_id]}", "x-signalbox-team": asked.team, "x-signalbox-agent": asked.agent}
        headers |= {"idempotency-key": asked.once} if asked.once else {}
        said = [{"role": "user", "content": f"say: {asked.prompt}"}]
        response = routed.ask("chat", headers=headers, messages=said, temperature=0)

        assert response.status in (200, 409), response.body  # 409: the same name for another request of its own
        for header, repeated, whose in REPEATED:
            if response.headers.get(header) == repeated:
                assert (header, whose(asked)) in there
            if response.status == 200:
                there.add((header, whose(asked)))
        if response.status == 409:
            assert ("idempotent-replayed", (asked.tenant, asked.caller, asked.once)) in there
        else:
            assert json.loads(response.body)["choices"][0]["message"]["content"] == asked.prompt
        after = items(routed)
        changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        changed = [key for key in changed if not went_home(before.get(key, {}), after.get(key, {}))]
        assert {owner(pk) for _, pk, _ in changed} <= {asked.tenant, None}
        [usage] = {event["id"]: event for event in routed.usage if event["id"] not in told}.values()  # each may come twice
        told.add(usage["id"])
        assert (usage["tenant"], usage["key"]) == (asked.tenant, asked.key_id)
        assert usage["team"] in (*TEAMS, neighbour(asked.tenant))


def wrong_keys(tenant: str) -> list[str]:
    """At the provider: the other tenants' own, and the stage's for one that has its own."""
    return [key for key in ("sk-sim", *OWN.values()) if key != OWN.get(tenant, "sk-sim")]


def test_what_a_tenant_asked_before_is_there_for_its_own(routed: Routed, secrets: dict[str, str]) -> None:
    """So that the property above is one of something."""

    def ask(key: str, **headers: str) -> Any:
        tenant = re.split("[-:]", key)[1]
        routed.world.upstreams.faults.tell("openai", to_fault({"bad_keys": wrong_keys(tenant)}))
        return routed.ask("chat", headers={"authorization": f"Bearer {secrets[key]}"} | headers, temperature=0).headers

    keys = ("k-alpha-1", "k-alpha-2", "jwt:alpha:ann", "jwt:beta:ann", "k-beta-1", "jwt:gamma:ann")
    assert [ask(key)["x-signalbox-cache"] for key in keys] == ["miss", "hit", "hit", "miss", "hit", "miss"]
    once = {"idempotency-key": "n"}
    repeated = ("k-alpha-1", "k-alpha-1", "k-alpha-2", "k-beta-1", "jwt:alpha:ann", "jwt:beta:ann", "jwt:alpha:bob", "jwt:alpha:ann")
    assert [at for at, key in enumerate(repeated) if "idempotent-replayed" in ask(key, **once)] == [1, 7]


NOTHING_LEFT = {
    "key#k-alpha-1": {"k-alpha-1"},
    "key#jwt:alpha:ann": {"jwt:alpha:ann"},
    "team#alpha/red": {"k-alpha-1", "k-alpha-2", "jwt:alpha:ann"},
    "team#alpha/gamma": {"jwt:alpha:bob"},
    "tenant#alpha": {key_of("alpha", caller) for caller in CALLERS},
}


@pytest.mark.parametrize("scope", NOTHING_LEFT)
def test_a_tenant_that_has_nothing_left_stops_nobody_else(routed: Routed, secrets: dict[str, str], scope: str) -> None:
    put(
        routed,
        scope,
        **routed.world.table("control").get_item(Key={"pk": scope, "sk": "scope"})["Item"]
        | {"budgets": {"total": {"limit_nanousd": 0, "hard": True, "version": 2}}},
    )
    told = {}
    for key, secret in secrets.items():
        routed.world.upstreams.faults.tell("openai", to_fault({"bad_keys": wrong_keys(re.split("[-:]", key)[1])}))
        told[key] = routed.ask("chat", headers={"authorization": f"Bearer {secret}"}).status
    assert told == {key: 429 if key in NOTHING_LEFT[scope] else 200 for key in secrets}


@pytest.mark.parametrize("restricted", ["k-alpha-1", "jwt:alpha:ann"])
def test_what_may_be_named_is_each_keys_own(routed: Routed, secrets: dict[str, str], restricted: str) -> None:
    record = routed.world.table("control").get_item(Key={"pk": f"key#{restricted}", "sk": "scope"})["Item"]
    put(routed, f"key#{restricted}", **record | {"models": [MINI]})
    listed = {}
    for key, secret in secrets.items():
        event = sample("complete_chat") | {"httpMethod": "GET", "path": "/v1/models", "body": None}
        event["headers"] |= {"authorization": f"Bearer {secret}"}
        listed[key] = len(json.loads(routed.world.ask(event).body)["data"])
    assert listed.pop(restricted) == 1
    assert len({*listed.values()} - {1}) == 1


@pytest.mark.parametrize("claims", [{"tenant": "alpha/red"}, {"tenant": "alpha", "team": "../beta"}, {"tenant": ["alpha", "beta"]}, {}])
def test_a_token_whose_tenant_or_team_is_anothers_scope_counts_in_none(routed: Routed, secrets: dict[str, str], claims: Any) -> None:
    before = items(routed)
    response = routed.ask("chat", headers={"authorization": f"Bearer {token(sub='ann', **claims)}"})
    assert (response.status, routed.usage, items(routed)) == (403, [], before)
