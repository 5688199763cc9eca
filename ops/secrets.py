"""`signalbox secrets set PROVIDER`: the provider's key, read from stdin, so that it stands in no history and no process list."""

import argparse
import json
import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .local import emulator, instance, settings
from .trouble import Trouble


def put_provider_keys(client: Any, name: str, keys: list[str]) -> None:
    value = json.dumps({"keys": keys})
    try:
        if client.get_secret_value(SecretId=name)["SecretString"] != value:
            client.put_secret_value(SecretId=name, SecretString=value)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        client.create_secret(Name=name, SecretString=value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["set"])
    parser.add_argument("provider", help="as routing.yaml names its secret, for example openai")
    parser.add_argument("--stage", default="local", help="local (the running local stack), or a stage of your AWS account")


def run(arguments: argparse.Namespace) -> None:
    keys = sys.stdin.read().split()
    if not keys:
        raise Trouble('no key on stdin: echo "$KEY" | signalbox secrets set openai')
    put_provider_keys(_client(arguments.stage), f"signalbox/{arguments.stage}/providers/{arguments.provider}", keys)
    print(f"{arguments.provider}: {len(keys)} key(s) stored; running containers follow within minutes")


def _client(stage: str) -> Any:
    if stage != "local":
        return boto3.client("secretsmanager")
    endpoint = instance.running(settings.from_environment().home).get("aws")
    if not endpoint:
        raise Trouble("no local stack runs here: start it with `make run`, or name a --stage of your AWS account")
    return emulator.Cloud(endpoint).client("secretsmanager")
