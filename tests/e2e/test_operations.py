"""What happens behind the answer: budgets that hold, circuits that open, and a rollback that is undone."""

import concurrent.futures
import json

import openai
import pytest

from . import published
from .waiting import eventually

ASK = [{"role": "user", "content": "words=60"}]


def events_of(bus_events, name, **fields):
    return [event for event in bus_events() if event["detail-type"] == name and all(event["detail"].get(k) == v for k, v in fields.items())]


def test_a_budget_holds_and_says_when_it_is_used_up(stack, new_key, bus_events, alerts):
    key = new_key()
    scope = f"key#{key['id']}"
    stack.admin("POST", "/admin/budgets", {"scope": "key", "id": key["id"], "period": "total", "limit_usd": 0.03, "hard": True})
    client = stack.client(key["secret"])
    served, refused = 0, None
    while refused is None and served < 500:
        try:
            client.chat.completions.create(model="smart", messages=ASK)
            served += 1
        except openai.RateLimitError as error:
            if "is held by others" not in error.message:  # by one whose settling is not over: then it is not used up yet
                refused = error
    assert served > 3
    assert refused.code == "budget_exceeded"
    assert int(refused.response.headers["retry-after"]) > 0
    exhausted = eventually(lambda: events_of(bus_events, "BudgetExhausted", scope=scope))
    assert exhausted[0]["detail"]["limit_nanousd"] == 30_000_000
    assert eventually(lambda: [alert for alert in alerts() if key["id"] in alert["Message"] and "xhausted" in alert["Subject"]])
    thresholds = eventually(lambda: events_of(bus_events, "BudgetThresholdCrossed", scope=scope), lambda found: len(found) >= 1)
    assert {event["detail"]["percent"] for event in thresholds} <= {50, 80, 100}
    # Once: who dies as it tells one is followed by another, with the same id.
    assert len({event["detail"]["id"] for event in events_of(bus_events, "BudgetExhausted", scope=scope)}) == 1


def test_a_budget_holds_under_concurrency(stack, new_key, upstream_ledger):
    key = new_key()
    stack.admin("POST", "/admin/budgets", {"scope": "key", "id": key["id"], "period": "total", "limit_usd": 0.02, "hard": True})
    client = stack.client(key["secret"])

    def ask(_):
        try:
            client.chat.completions.create(model="smart", messages=ASK, max_tokens=400)
        except openai.RateLimitError:
            return 0
        return 1

    with concurrent.futures.ThreadPoolExecutor(6) as many:
        served = sum(many.map(ask, range(60)))
    assert 0 < served < 60
    assert sum(call["cost_nanousd"] for call in upstream_ledger()) <= 20_000_000


def test_an_answer_is_clamped_to_what_the_budget_affords(stack, new_key):
    key = new_key()
    stack.admin("POST", "/admin/budgets", {"scope": "key", "id": key["id"], "period": "total", "limit_usd": 0.01, "hard": True})
    raw = stack.client(key["secret"]).chat.completions.with_raw_response.create(model="smart", messages=ASK)
    assert raw.headers["x-signalbox-clamped"] == "max_tokens"


def test_a_circuit_opens_and_traffic_goes_to_the_second_target(stack, client, faults, bus_events):
    faults("openai", status=500)
    target = "openai/gpt-5-mini"  # behind which no chain stands

    def ask(model):
        return client.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": "say: hi"}])

    def is_open():
        with pytest.raises(openai.APIStatusError):
            ask(target)
        return stack.admin("GET", "/admin/circuits").json()

    eventually(is_open, lambda circuits: any(row["target"] == target and row["state"] == "open" for row in circuits["circuits"]))
    assert eventually(lambda: events_of(bus_events, "CircuitOpened", target=target))

    def via_chat():
        return ask("chat").headers

    first_open = eventually(via_chat, lambda headers: headers["x-signalbox-attempts"] == "1")
    assert first_open["x-signalbox-target"] == "mistral/mistral-small-latest"


def test_a_rollback_disables_llm_traffic_and_is_undone(stack, client, bus_events):
    ask = [{"role": "user", "content": "say: hi"}]
    started = stack.admin("POST", "/admin/rollbacks", {"action": "disable_llm", "reason": "a drill"}).json()
    done = eventually(lambda: stack.admin("GET", f"/admin/rollbacks/{started['id']}").json(), lambda row: row.get("status") == "succeeded")
    assert done["action"] == "disable_llm"

    def answered():
        try:
            client.chat.completions.create(model="chat", messages=ask)
        except openai.APIStatusError as error:
            return error.code
        return "served"

    eventually(answered, lambda code: code == "llm_disabled")
    undo = stack.admin("POST", f"/admin/rollbacks/{started['id']}/undo").json()
    eventually(lambda: stack.admin("GET", f"/admin/rollbacks/{undo['id']}").json(), lambda row: row.get("status") == "succeeded")
    published.followed(stack)
    for id in (started["id"], undo["id"]):
        assert eventually(lambda id=id: events_of(bus_events, "RollbackSucceeded", rollback_id=id))


def test_a_rollback_asked_for_by_an_event_goes_by_the_events_id(stack):
    request = {"action": "disable_llm", "reason": "a drill", "requested_by": "e2e"}
    entry = {"EventBusName": stack.outputs["BusName"], "Source": "signalbox", "DetailType": "RollbackRequested"}
    [put] = stack.aws("events").put_events(Entries=[entry | {"Detail": json.dumps(request)}])["Entries"]

    def status(id):
        return {row["id"]: row["status"] for row in stack.admin("GET", "/admin/rollbacks").json()["rollbacks"]}.get(id)

    eventually(lambda: status(put["EventId"]), lambda found: found == "succeeded")
    undo = stack.admin("POST", f"/admin/rollbacks/{put['EventId']}/undo").json()
    eventually(lambda: status(undo["id"]), lambda found: found == "succeeded")
    published.followed(stack)
