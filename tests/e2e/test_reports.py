"""Daily reports over the real stack: made by the function that the schedule starts, and read by API and command."""

import csv
import io
import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .stack import ROOT
from .waiting import eventually

SIGNALBOX = Path(sys.executable).parent / "signalbox"
NIGHT = json.loads((ROOT / "events" / "report_schedule.json").read_text())


@pytest.fixture
def reports(stack):
    """`signalbox usage report` with these words: what it prints."""

    def run(*words):
        done = subprocess.run(
            [SIGNALBOX, "usage", "report", *words], cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def night(stack):
    """03:00 of that day."""

    def pass_(day):
        event = NIGHT | {"time": f"{day}T03:00:00Z"}
        answer = stack.aws("lambda").invoke(FunctionName=stack.outputs["ReportFunctionName"], Payload=json.dumps(event).encode())
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return said

    return pass_


def test_what_was_used_on_a_day_is_reported_the_night_after_and_again_where_some_of_it_came_late(
    stack, new_key, bus_events, reports, night, tmp_path
):
    today = datetime.now(UTC).date()
    day = str(today - timedelta(days=1))
    noon_ms = int(datetime.fromisoformat(f"{day}T12:00+00:00").timestamp() * 1000)
    tenant = f"reported-{uuid.uuid4().hex[:8]}"
    client = stack.client(new_key(tenant=tenant, team="search")["secret"])
    for words in (20, 40, 60):
        client.chat.completions.create(model="smart", messages=[{"role": "user", "content": f"words={words}"}])

    def used():
        return [
            event["detail"] for event in bus_events() if event["detail-type"] == "UsageRecorded" and event["detail"]["tenant"] == tenant
        ]

    details = eventually(used, lambda found: len(found) == 3)
    # Today's requests are told once more, as of yesterday: nobody can ask for anything then.
    then = [detail | {"id": f"then-{detail['id']}", "at_ms": noon_ms} for detail in details]

    def told(requests):
        put(stack, then[:requests])
        path = f"/admin/reports/{day}?tenant={tenant}&fresh=true"
        return eventually(
            lambda: stack.get(path, stack.admin_key), lambda found: found.is_success and found.json()["total"]["requests"] == requests
        )

    assert told(2).json()["finished"] is True
    assert f"{tenant}  " in (listed := reports("--day", day))
    assert "not made yet" in listed
    assert night(today)["reports"] >= 2

    def published():
        details = [event["detail"] for event in bus_events() if event["detail-type"] == "ReportPublished"]
        return {detail["team"]: detail for detail in details if detail["tenant"] == tenant}

    by_team = eventually(published, lambda found: len(found) == 2)
    whole, team = by_team[""], by_team["search"]
    assert whole["requests"] == 2
    assert whole["cost_nanousd"] == sum(detail["cost_nanousd"] for detail in then[:2]) > 0
    for key in [*whole["keys"], *team["keys"]]:
        assert stack.aws("s3").get_object(Bucket=whole["bucket"], Key=key)["Body"].read()

    stored = stack.admin("GET", f"/admin/reports/{day}?tenant={tenant}&team=search").json()
    assert (stored["total"]["requests"], stored["total"]["cost_nanousd"]) == (2, whole["cost_nanousd"])
    assert "stored" in reports("--day", day)
    line = next(csv.DictReader(io.StringIO(reports("--day", day, "--tenant", tenant, "--format", "csv"))))
    assert (line["tenant"], line["requests"], int(line["cost_nanousd"])) == (tenant, "2", whole["cost_nanousd"])
    page = tmp_path / "report.html"
    assert str(page) in reports("--day", day, "--tenant", tenant, "--team", "search", "--out", str(page))
    assert page.read_text().startswith("<!doctype html>")

    told(3)
    assert stack.admin("GET", f"/admin/reports/{day}?tenant={tenant}").json()["total"]["requests"] == 2
    assert json.loads(reports("--day", day, "--tenant", tenant, "--anew", "--format", "json"))["total"]["requests"] == 3
    assert stack.admin("GET", f"/admin/reports/{day}?tenant={tenant}").json()["total"]["requests"] == 3
    asked_on = datetime.fromtimestamp(details[0]["at_ms"] / 1000, UTC).date()
    assert "so far" in reports("--day", str(asked_on), "--tenant", tenant) or datetime.now(UTC).date() > asked_on


def put(stack, details):
    entries = [
        {"EventBusName": stack.outputs["BusName"], "Source": "signalbox", "DetailType": "UsageRecorded", "Detail": json.dumps(detail)}
        for detail in details
    ]
    assert stack.aws("events").put_events(Entries=entries)["FailedEntryCount"] == 0
