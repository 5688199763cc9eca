"""docs/access.md names the permissions, parameters and grants that there are, and what each is for."""

import re
from pathlib import Path

from ops.local.template import read
from ops.openapi import load_control
from signalbox.admission.grants import GRANTS
from signalbox.admission.operators import PERMISSIONS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "access.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of its rows."""
    rows = GUIDE.split(f"| {heading} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_each_permission_opens_what_it_says() -> None:
    said = {re.sub("`", "", name): re.findall(r"`([\w*/]+)`", paths) for name, paths in table("permission")}
    rows = load_control()["access"].ROWS
    assert said == {name: [row.path.removeprefix("/admin/") for row in rows if row.who == name] for name in PERMISSIONS}


def test_each_parameter_is_there_with_its_variable() -> None:
    said = {re.sub("`", "", name): re.sub("`", "", variable) for name, variable, _ in table("parameter")}
    template = read(ROOT / "template.yaml")
    variables = template["Resources"]["ControlFunction"]["Properties"]["Environment"]["Variables"]
    assert said == {value["Ref"]: name for name, value in variables.items() if name.startswith("SIGNALBOX_JWT_")}
    assert set(said) == {name for name in template["Parameters"] if name.startswith("Jwt")}


def test_each_grant_is_named() -> None:
    [named] = re.findall(r"is an object with (.*?), each", GUIDE)
    assert re.findall(r"`(\w+)`", named) == list(GRANTS)
