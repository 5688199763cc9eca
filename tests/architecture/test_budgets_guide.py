"""docs/budgets.md beside the command and the API that it describes: what it says to type is taken."""

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest

from ops import budgets
from signalbox.admission.forecasts import HOUR_MS, MINUTE_MS, WATCHED_MS
from signalbox.usage.alerts import THRESHOLDS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "budgets.md").read_text()
COMMANDS = re.findall(r"signalbox budgets ([^`\n]+)", GUIDE)
BODIES = re.findall(r"curl \$URL(\S+) .* -d '(.*)'", GUIDE)
API = json.loads((ROOT / "docs" / "openapi.json").read_text())


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_one(words):
    parser = argparse.ArgumentParser()
    budgets.add_arguments(parser)
    if words not in ("set", "list", "raise", "remove"):  # named, not typed
        parser.parse_args(shlex.split(words))


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_a_body_has_the_apis_fields(path, body):
    schema = API["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = API["components"]["schemas"][schema]
    assert set(fields["required"]) <= set(json.loads(body)) <= set(fields["properties"])


def test_there_are_some_of_both():
    assert len(COMMANDS) > 6
    assert len(BODIES) == 2


def test_figures_are_the_codes():
    assert "50, 80 and 100 %" in GUIDE and THRESHOLDS == (50, 80, 100)  # noqa: PT018
    assert "15 minutes of a day, an hour of a week, six hours of a month" in GUIDE
    assert (WATCHED_MS["day"], WATCHED_MS["week"], WATCHED_MS["month"]) == (15 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS)
