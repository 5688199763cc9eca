"""`signalbox secrets set PROVIDER`: the provider's key, read from stdin, so that it stands in no history and no process list."""

import argparse
import json
import sys
from typing import Any

from botocore.exceptions import ClientError

from . import stages
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
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    keys = sys.stdin.read().split()
    if not keys:
        raise Trouble('no key on stdin: echo "$KEY" | signalbox secrets set openai')
    client = stages.client(arguments.stage, "secretsmanager")
    put_provider_keys(client, f"signalbox/{arguments.stage}/providers/{arguments.provider}", keys)
    print(f"{arguments.provider}: {len(keys)} key(s) stored; running containers follow within minutes")
