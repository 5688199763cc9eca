"""A stage as the commands find it: the local stack that runs here, or a stack of the AWS account that the environment names."""

import argparse
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .local import emulator, instance, settings
from .trouble import Trouble

LOCAL = "local"
ADMIN_KEY, DATA_KEY = "SIGNALBOX_ADMIN_KEY", "SIGNALBOX_API_KEY"  # the variables
OWN = {ADMIN_KEY: settings.ADMIN_KEY, DATA_KEY: settings.DATA_KEY}


def add_argument(parser: argparse.ArgumentParser, *, below: bool = False) -> None:
    """`below` another that has it too: what is said here counts before what is said there."""
    default = argparse.SUPPRESS if below else LOCAL
    parser.add_argument("--stage", default=default, help="local (the running local stack), or a stage of your AWS account")


def client(stage: str, service: str) -> Any:
    return emulator.Cloud(_running("aws")).client(service) if stage == LOCAL else boto3.client(service)


def outputs(stage: str) -> dict[str, str]:
    """Of its stack."""
    name = "signalbox" if stage == LOCAL else f"signalbox-{stage}"
    try:
        stack = client(stage, "cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise Trouble(f"there is no stack {name} in this account and region: `make deploy ENV={stage}` makes it") from error
    return {row["OutputKey"]: row["OutputValue"] for row in stack["Outputs"]}


def url(stage: str) -> str:
    """Of its API."""
    return _running("url") if stage == LOCAL else outputs(stage)["ApiUrl"]


def key(stage: str, variable: str, remedy: str) -> str:
    """What the environment or `.env` says by this name, where it can be one that is sent; without it the local stack's own."""
    found = settings.from_environment().environment.get(variable) or (OWN[variable] if stage == LOCAL else "")
    if not found:
        raise Trouble(f"no {variable} in the environment: {remedy}")
    if not found.isascii() or not found.isprintable():
        raise Trouble(f"{variable} holds what no key does: {remedy}")
    return found


def _running(fact: str) -> str:
    facts = instance.running(settings.from_environment().home)
    if not facts.get(fact):
        raise Trouble("no local stack runs here: start it with `make run`, or name a --stage of your AWS account")
    if not instance.lives(facts):
        raise Trouble("the local stack that ran here was killed: start it again with `make run`, or name a --stage of your AWS account")
    return facts[fact]
