"""Budgets over the real stack: the daily alert of a fresh one, raises and their end, and what people are told."""

from datetime import UTC, datetime, timedelta

import openai
import pytest

from .waiting import eventually

ASK = [{"role": "user", "content": "words=60"}]


@pytest.fixture
def minute(stack):
    """What happens each minute, at once."""

    def pass_():
        answer = stack.aws("lambda").invoke(FunctionName=stack.outputs["SettleExpiredFunctionName"], Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()

    return pass_


def budgets(stack, scope, id=""):
    return stack.admin("GET", f"/admin/budgets?scope={scope}&id={id}").json()["budgets"]


def test_a_fresh_stack_alerts_at_100_dollars_a_day_and_refuses_nothing_for_it(stack, minute):
    minute()
    [budget] = [row for row in budgets(stack, "global") if row["period"] == "day"]
    assert (budget["limit_usd"], budget["hard"], budget["set_by"], budget["thresholds"]) == ("100.00", False, "stack", [50, 80, 100])


def test_what_all_spend_together_counts_in_it(stack, minute, client):
    minute()
    [before] = budgets(stack, "global")

    def spent():
        client.chat.completions.create(model="smart", messages=ASK)
        return budgets(stack, "global")[0]["current"]["settled_nanousd"]

    eventually(spent, lambda settled: settled > before["current"]["settled_nanousd"])


def test_a_raise_lets_a_key_go_on_and_ends_by_itself(stack, new_key, minute):
    key = new_key()
    where = {"scope": "key", "id": key["id"], "period": "total"}  # which no midnight begins anew
    stack.admin("POST", "/admin/budgets", where | {"limit_usd": 0})
    client = stack.client(key["secret"])
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="smart", messages=ASK)

    def served():
        try:
            client.chat.completions.create(model="smart", messages=ASK)
        except openai.RateLimitError:
            return False
        return True

    def served_while_raised():
        """When that ends; None where a busy machine has taken all of it for one answer."""
        until = datetime.now(UTC) + timedelta(seconds=20)
        raised = stack.admin("POST", "/admin/budgets/raises", where | {"by_usd": 1, "until": until.isoformat()}).json()
        assert raised["current"]["limit_usd"] == "1.00"
        while not (done := served()) and datetime.now(UTC) < until:  # containers know of it within seconds
            pass
        if not done:
            minute()
        return until if done else None

    until = eventually(served_while_raised)
    eventually(lambda: datetime.now(UTC), lambda now: now >= until)
    minute()
    [budget] = budgets(stack, "key", key["id"])
    assert (budget["raises"], budget["current"]["limit_usd"]) == ([], "0.00")
    assert budget["current"]["settled_nanousd"] > 0
    assert eventually(lambda: not served())
    own = stack.usage(key["secret"])["budgets"]
    assert [(row["scope"], row["limit_usd"], row["hard"]) for row in own] == [("key", "0.00", True)]
    assert own[0]["remaining_usd"].startswith("-")


def test_people_are_told_at_the_thresholds_that_they_chose_by_the_calendar_that_they_live_in(stack, new_key, bus_events, alerts):
    key = new_key()
    new = {
        "scope": "key",
        "id": key["id"],
        "period": "day",
        "limit_usd": 0.01,
        "hard": False,
        "time_zone": "Asia/Tokyo",
        "thresholds": [30, 200],
    }
    stack.admin("POST", "/admin/budgets", new)
    client = stack.client(key["secret"])

    def told():
        client.chat.completions.create(model="smart", messages=ASK)
        return {
            (event["detail"]["percent"], event["detail"]["period"].partition("@")[2])
            for event in bus_events()
            if event["detail-type"] == "BudgetThresholdCrossed" and event["detail"]["scope"] == f"key#{key['id']}"
        }

    eventually(told, lambda found: found == {(30, "Asia/Tokyo"), (200, "Asia/Tokyo")})
    mails = eventually(lambda: [mail for mail in alerts() if key["id"] in mail["Message"]], lambda found: len(found) >= 2)
    assert all(f"signalbox budgets raise key {key['id']} --period day" in mail["Message"] for mail in mails)
    assert all("No request is refused" in mail["Message"] for mail in mails)


def test_an_alert_names_who_spent_the_most(stack, new_key, bus_events, alerts):
    tenant = "spenders"
    large, small = new_key(tenant=tenant, team="red"), new_key(tenant=tenant, team="blue")
    for key, words in ((large, 60), (small, 5)):
        stack.client(key["secret"]).chat.completions.create(model="smart", messages=[{"role": "user", "content": f"words={words}"}])
    eventually(lambda: stack.used(tenant=tenant)["requests"], lambda requests: requests == 2)
    # Of no day, so that all of it counts; and with a threshold for each of many requests, since an alert does not wait long for its names.
    budget = {"scope": "tenant", "id": tenant, "period": "total", "limit_usd": 0.01, "hard": False, "thresholds": list(range(20, 220, 20))}
    stack.admin("POST", "/admin/budgets", budget)

    def told():
        stack.client(large["secret"]).chat.completions.create(model="smart", messages=ASK)
        details = [event["detail"] for event in bus_events() if event["detail"].get("scope") == f"tenant#{tenant}"]
        return [detail for detail in details if detail.get("spenders")]

    [alert, *_] = eventually(told)
    spenders = [row["scope"] for row in alert["spenders"]]
    assert spenders == [f"team#{tenant}/red", f"team#{tenant}/blue", f"key#{large['id']}", f"key#{small['id']}"]
    mails = eventually(lambda: [mail["Message"] for mail in alerts() if f"Budget   tenant {tenant}" in mail["Message"]])
    assert any(f"  team {tenant}/red" in mail for mail in mails)
