"""The sample schedule event, after containers have crashed at their worst moments."""

import pytest
from moto.server import ThreadedMotoServer

from functions.settle_expired.handler import handler
from signalbox.admission.budgets import GLOBAL
from signalbox.admission.leases import Part
from signalbox.aws import boto_budgets, boto_daily_alert, boto_raises, boto_tables, outbox

ACCOUNT = ("key#local", "month#2026-11")
DETAIL = {"version": 1, "outcome": "ok", "cost_nanousd": 70, "estimated": False}


@pytest.fixture
def stage(stage, monkeypatch):
    """The stage also over HTTP, for the client that is not boto3."""
    stage.heard()  # boto3's clients are made before the endpoint is set, and so stay in the process
    boto_tables.table("control"), boto_tables.table("ledger")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("SIGNALBOX_AWS_TIMEOUT_S", "30")
    try:
        yield stage
    finally:
        server.stop()


@pytest.fixture
def now_ms(still):
    return int(still * 1000)


def keep(stage, number, id, *, ends_ms, settled=None, charged=False):
    """A pending item whose request has held 100 by the lease a0-1."""
    part = Part(ACCOUNT, "a0-1", number)
    stage.ledger.put_item(
        Item=outbox.to_item(
            "a0",
            number,
            request=id,
            target="openai/small",
            bound=100,
            deadline_ms=ends_ms,
            parts=[part],
            detail=DETAIL | {"id": id},
            settled=settled,
            charged=charged,
        )
    )


def lease(stage, *, held, expires_ms, seq=1):
    row = {"held": held, "seq": seq, "expires_ms": expires_ms}
    amounts = {"limit": 1_000, "remaining": 1_000 - held, "settled": 0, "budget_version": 1, "leases": {"a0-1": row}}
    stage.ledger.put_item(Item={"pk": ACCOUNT[0], "sk": f"{ACCOUNT[1]}#00"} | amounts)


def account(stage):
    return boto_tables.get(stage.ledger, ACCOUNT[0], f"{ACCOUNT[1]}#00")


def left(stage):
    return [item["sk"] for item in boto_tables.query(stage.ledger, "pending#a", "a0#")]


def test_what_crashed_is_settled_in_full_what_waits_is_published_and_the_lease_goes_back(stage, context, sample, now_ms):
    lease(stage, held=300, expires_ms=now_ms - 10_000)
    keep(stage, 2, "crashed", ends_ms=now_ms - 61_000)
    keep(stage, 3, "unpublished", ends_ms=now_ms - 90_000, settled=(70, now_ms - 61_000))
    assert handler(sample("settle_expired_schedule"), context) == {"estimated": 1, "published": 2, "failed": 0, "lowered": 0}
    item = account(stage)
    assert (item["settled"], item["remaining"], item["leases"]) == (170, 830, {})
    assert left(stage) == []
    told = {detail["id"]: detail for _, detail in stage.heard()}
    assert told["unpublished"] == DETAIL | {"id": "unpublished"}
    assert told["crashed"] == DETAIL | {"id": "crashed", "outcome": "crashed", "estimated": True, "cost_nanousd": 100}


def test_what_may_still_be_under_way_is_left_alone(stage, context, sample, now_ms):
    lease(stage, held=300, expires_ms=now_ms - 10_000)
    keep(stage, 2, "running", ends_ms=now_ms - 50_000)
    keep(stage, 3, "just answered", ends_ms=now_ms, settled=(70, now_ms - 1_000))
    before = account(stage)
    assert handler(sample("settle_expired_schedule"), context) == {"estimated": 0, "published": 0, "failed": 0, "lowered": 0}
    assert account(stage) == before
    assert len(left(stage)) == 2
    assert stage.heard() == []


def test_what_budgets_wait_for_holds_up_no_sweep_and_raises_an_alarm(stage, context, sample, now_ms, monkeypatch):
    def down(*_):
        raise ConnectionError("down")

    keep(stage, 3, "unpublished", ends_ms=now_ms - 90_000, settled=(70, now_ms - 61_000), charged=True)
    monkeypatch.setattr(boto_daily_alert, "keep", down)
    with pytest.raises(RuntimeError, match="1 of what budgets wait for"):
        handler(sample("settle_expired_schedule"), context)
    assert [detail["id"] for _, detail in stage.heard()] == ["unpublished"]


def test_a_list_of_raises_that_cannot_be_read_holds_up_no_daily_alert(stage, context, sample, now_ms, monkeypatch):
    def down(*_):
        raise ConnectionError("down")

    monkeypatch.setenv("SIGNALBOX_DAILY_ALERT_USD", "7")
    monkeypatch.setattr(boto_raises, "end_due", down)
    with pytest.raises(RuntimeError, match="1 of what budgets wait for"):
        handler(sample("settle_expired_schedule"), context)
    [alert] = boto_budgets.of_scope(stage.control, GLOBAL)
    assert alert.limit_nanousd == 7 * 10**9


def test_what_was_charged_is_only_published(stage, context, sample, now_ms):
    lease(stage, held=300, expires_ms=now_ms + 60_000)
    keep(stage, 2, "charged", ends_ms=now_ms - 90_000, settled=(70, now_ms - 61_000), charged=True)
    assert handler(sample("settle_expired_schedule"), context)["published"] == 1
    assert account(stage)["settled"] == 0
    assert [detail["id"] for _, detail in stage.heard()] == ["charged"]


def test_a_second_run_finds_nothing_to_do(stage, context, sample, now_ms):
    lease(stage, held=300, expires_ms=now_ms - 10_000)
    keep(stage, 2, "crashed", ends_ms=now_ms - 61_000)
    handler(sample("settle_expired_schedule"), context)
    before = account(stage)
    assert handler(sample("settle_expired_schedule"), context) == {"estimated": 0, "published": 0, "failed": 0, "lowered": 0}
    assert account(stage) == before


def test_it_stops_before_its_time_is_up(stage, context, sample, now_ms):
    keep(stage, 2, "crashed", ends_ms=now_ms - 61_000)
    context.get_remaining_time_in_millis = lambda: 4_999
    assert handler(sample("settle_expired_schedule"), context) == {"estimated": 0, "published": 0, "failed": 0, "lowered": 0}
    assert len(left(stage)) == 1
