"""Brings the project's own template.yaml into the embedded AWS: created, updated, or left alone where nothing changed."""

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ..trouble import Trouble
from . import template as templates
from .artefacts import BUCKET, Artefacts, digest
from .emulator import Cloud
from .settings import ROOT

STACK = "signalbox"
PARAMETERS = {"Stage": "local"}
# What the environment or `.env` may say beside; and the functions get back by the same names.
JWT = ("Issuer", "Audience", "JwksUrl", "PublicKey", "PermissionsClaim", "TenantClaim", "TeamClaim", "GrantsClaim")
LIMIT_S = 120
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def parameters(environment: Mapping[str, str]) -> dict[str, str]:
    names = {f"Jwt{name}": "SIGNALBOX_JWT" + re.sub(r"[A-Z]", lambda found: f"_{found[0]}", name).upper() for name in JWT}
    return PARAMETERS | {name: environment[variable] for name, variable in names.items() if environment.get(variable)}


def deploy(cloud: Cloud, scratch: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    artefacts = Artefacts(cloud.client("s3"), scratch)
    template, left_out = templates.adapt(templates.read(ROOT / "template.yaml"))
    template = templates.package(template, ROOT, artefacts.upload)
    for line in left_out:
        say(f"  left out of the embedded AWS: {line}")
    given = parameters(environment)
    # Or no changed parameter would reach `complete`, whose alias is at a version. The emulator's SAM reads a parameter's default only.
    template["Parameters"]["ReleaseDigest"]["Default"] = digest([template, given])
    mark = digest([template, given])
    before = _stack(cloud)
    if before and before["StackStatus"].endswith("_COMPLETE") and _mark(before) == mark:
        return
    key = artefacts.put(json.dumps(template).encode(), ".json")
    request = {
        "StackName": STACK,
        "TemplateURL": f"{cloud.endpoint}/{BUCKET}/{key}",
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        "Capabilities": CAPABILITIES,
        "Tags": [{"Key": "signalbox:digest", "Value": mark}],
    }
    cloudformation = cloud.client("cloudformation")
    try:
        (cloudformation.update_stack if before else cloudformation.create_stack)(**request)
    except ClientError as error:
        raise Trouble(f"template.yaml was refused: {error.response['Error']['Message']}") from error
    _wait(cloud, before is not None)


def functions(cloud: Cloud) -> dict[str, str]:
    """Logical id → physical id of the stack's functions and their aliases."""
    rows = cloud.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    kinds = ("AWS::Lambda::Function", "AWS::Lambda::Alias")
    return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows if row["ResourceType"] in kinds}


def transformed(cloud: Cloud) -> dict[str, Any]:
    body = cloud.client("cloudformation").get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    return json.loads(body) if isinstance(body, str) else body


def outputs(cloud: Cloud) -> dict[str, str]:
    stack = _stack(cloud)
    assert stack
    return {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", ())}


def _stack(cloud: Cloud) -> dict[str, Any] | None:
    try:
        return cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError:
        return None


def _mark(stack: dict[str, Any]) -> str:
    return next((tag["Value"] for tag in stack.get("Tags", ()) if tag["Key"] == "signalbox:digest"), "")


def _wait(cloud: Cloud, updating: bool) -> None:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        stack = _stack(cloud)
        status = stack["StackStatus"] if stack else "gone"
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("IN_PROGRESS"):
            advice = "; to start afresh, stop and remove .signalbox" if updating else ""
            raise Trouble(f"template.yaml could not be deployed ({status}): {_reason(cloud)}{advice}")
        time.sleep(0.05)
    raise Trouble(f"template.yaml was not deployed within {LIMIT_S} s: {_reason(cloud)}")


def _reason(cloud: Cloud) -> str:
    events = cloud.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")]
    return f"{failed[-1]['LogicalResourceId']}: {failed[-1]['ResourceStatusReason']}" if failed else "no reason given"
