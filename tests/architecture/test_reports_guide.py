"""What docs/usage.md says of daily reports is so."""

import re
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from ops.openapi import load_control
from signalbox.reports import page, places
from signalbox.usage.rows import REPORT
from signalbox.usage.totals import DAYS_ONLY

ROOT = Path(__file__).resolve().parents[2]
[GUIDE] = re.findall(r"^## Daily reports\n(.*?)^## ", (ROOT / "docs" / "usage.md").read_text(), re.M | re.S)
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())


def test_its_times_and_limits_are_the_codes() -> None:
    schedule = TEMPLATE["Resources"]["ReportFunction"]["Properties"]["Events"]["EachNight"]["Properties"]["Schedule"]
    assert schedule == "cron(0 3 * * ? *)"
    assert "At 03:00 UTC" in GUIDE
    assert f"`ReportDays` ({TEMPLATE['Parameters']['ReportDays']['Default']})" in GUIDE
    assert f"kept for {DAYS_ONLY[REPORT]} days" in GUIDE
    assert f"show {page.MOST_ROWS} rows each" in GUIDE
    assert "ReportErrorsAlarm" in TEMPLATE["Resources"]


def test_its_keys_are_those_that_are_written() -> None:
    assert places.key("<day>", "tenant", "team", "json").replace("tenant", "<tenant>").replace("team", "<team>") in GUIDE
    assert f"`{places.ALL}`" in GUIDE
    assert all(f".{format}`" in GUIDE for format in places.FORMATS)


def test_its_queries_are_asked_by_the_names_that_there_are() -> None:
    asked = set(re.findall(r"[?&](\w+)=", GUIDE)) | set(re.findall(r"`(\w+)=", GUIDE))
    app = load_control()["handler"].app
    known = {
        parameter["name"]
        for path, item in app.get_openapi_schema(title="", version="")
        .model_dump(mode="json", by_alias=True, exclude_none=True)["paths"]
        .items()
        if path.startswith("/admin/reports")
        for parameter in item["get"]["parameters"]
    }
    assert asked == {"day", "tenant", "format", "fresh"} <= known
