"""Whatever was used by whom: a key or a token reads its own use, and requests of its own tenant, and of others not even that they are."""

import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.record_usage.handler import handler as record_usage
from tests.functions.messages import batch, details
from tests.identity import token

from .client import ADMIN, Api, code_of, refused

TENANTS = ("alpha", "beta")
USES = st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(0, 2), st.integers(1, 1_000_000)), min_size=1, max_size=6)


@pytest.mark.usefixtures("still")
@settings(max_examples=6, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(uses=USES, agent=st.sampled_from(("", "robot")))
def test_a_key_reads_its_own_and_its_tenants_alone(
    issued: Api, sample: Callable[[str], Any], context: Any, uses: list[tuple[str, int, int]], agent: str
) -> None:
    api, event = issued, sample("record_usage_sqs")
    keys = {
        (tenant, number): api("POST", "/admin/keys", {"name": "k", "tenant": tenant, "team": "red"})[1]
        for tenant in TENANTS
        for number in (0, 1)
    }
    sub = f"ann-{token_hex(4)}"  # the same subject in both
    for tenant in TENANTS:
        keys[tenant, 2] = {"id": f"jwt:{tenant}:{sub}", "secret": token(tenant=tenant, team="red", sub=sub, life_s=3_600)}
    spent, sent = dict.fromkeys(keys, 0), []
    for turn, (tenant, number, cost) in enumerate(uses):
        key = keys[tenant, number]["id"]
        who = {"tenant": tenant, "team": "red", "key": key, "agent": agent}
        sent.append(details(event)[0] | who | {"id": f"req_{key}_{turn}", "cost_nanousd": cost, "at_ms": int(time.time() * 1000)})
        spent[tenant, number] += cost
    assert record_usage(batch(event, *sent), context) == {"batchItemFailures": []}
    for (tenant, number), key in keys.items():
        status, used = api("GET", "/v1/usage", key=key["secret"])
        assert (status, used["id"], used["month"]["cost_nanousd"]) == (200, key["id"], spent[tenant, number])
        for detail in sent:
            status, answer = api("GET", f"/v1/requests/{detail['id']}", key=key["secret"])
            if detail["tenant"] == tenant:
                assert (status, answer["cost_nanousd"]) == (200, detail["cost_nanousd"])
            else:
                unknown = api("GET", "/v1/requests/req_0", key=key["secret"])[1]["error"]["message"]
                assert (status, code_of(answer)) == (404, "not_found")
                assert answer["error"]["message"].replace(detail["id"], "req_0") == unknown
        for path in ("/admin/usage?tenant=beta", "/admin/keys", "/admin/tenants", "/admin/budgets"):
            assert api("GET", path.partition("?")[0], key=key["secret"])[0] == 403
    if agent:
        for tenant in TENANTS:
            totals = api("GET", "/admin/usage", key=ADMIN, query={"agent": f"{tenant}/robot"})[1]["month"]
            assert totals["cost_nanousd"] >= sum(cost for whose, _, cost in uses if whose == tenant)
        assert "?tenant=" in refused(api("GET", "/admin/usage", key=ADMIN, query={"agent": "robot"}), "invalid_request")
