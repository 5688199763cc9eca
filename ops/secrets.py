"""`signalbox secrets`: the providers' keys, read from stdin, so that they stand in no history and no process list, and never shown."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from . import own_keys, stages
from .trouble import Trouble

AT_ONCE = 20  # secrets that one BatchGetSecretValue reads
MOST_CHARS = 65_536  # of a secret
NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}"  # as routing.yaml names a secret
QUOTES = "\"'`"
TENANT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # as keys are minted for


def put_provider_keys(client: Any, secrets: Mapping[str, list[str]], stage: str = stages.LOCAL, *, anew: bool = False) -> None:
    """By the secrets' names, under the stage's own KMS key. What is there already is not written again, unless `anew`."""
    there = dict(_read(client, list(secrets)))
    for name, keys in secrets.items():
        row = {"SecretString": _to_secret(keys), "KmsKeyId": key_of(stage)}
        if name not in there:
            client.create_secret(Name=name, **row)
        elif anew or there[name] != row["SecretString"]:
            client.update_secret(SecretId=name, **row)  # which moves it there from whatever key it was under


def key_of(stage: str) -> str:
    """The KMS key that the stage's stack makes, by its alias."""
    return f"alias/signalbox-{stage}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    put = actions.add_parser("set", help="store a provider's keys, read from stdin, one a line; several are used in turn")
    put.add_argument("--tenant", help="keys of this tenant's own: its requests are served with them from now on, and with no others")
    take = actions.add_parser("unset", help="delete a provider's keys for good")
    take.add_argument("--tenant", help="this tenant's own: its requests are served with the stage's keys again")
    for parser_ in (put, take):
        parser_.add_argument("provider", help="as routing.yaml names its secret, for example openai")
        stages.add_argument(parser_)
    stages.add_argument(actions.add_parser("list", help="show which secrets there are, and how many keys each holds"))


def run(arguments: argparse.Namespace) -> None:
    ACTIONS[arguments.action](arguments, f"signalbox/{arguments.stage}/providers/")


def _set(arguments: argparse.Namespace, prefix: str) -> None:
    """The keys first: a tenant is never told to have keys that are not there."""
    name = _name(arguments.provider, arguments.tenant)
    keys = to_keys(sys.stdin.read())
    client = stages.client(arguments.stage, "secretsmanager")
    told = f"{name}: {_counted(len(keys))} stored; running containers follow within minutes"
    if arguments.tenant is None:
        put_provider_keys(client, {prefix + name: keys}, arguments.stage, anew=True)
        print(told)
        if doubt := own_keys.doubt(arguments.stage, name):
            print(f"warning: {doubt}", file=sys.stderr)
        return
    own = own_keys.read(arguments.stage, arguments.tenant)
    providers = own.reading(arguments.provider)
    put_provider_keys(client, {prefix + name: keys}, arguments.stage, anew=True)
    own.set(sorted({*own.providers, *providers}))
    print(f"{told}; {arguments.tenant} is served with these alone by {', '.join(providers)}")


def _unset(arguments: argparse.Namespace, prefix: str) -> None:
    """The keys last, for the same reason."""
    name = _name(arguments.provider, arguments.tenant)
    client = stages.client(arguments.stage, "secretsmanager")
    there = dict(_read(client, [prefix + name]))
    own = own_keys.read(arguments.stage, arguments.tenant) if arguments.tenant else None
    if not there and (own is None or own.taken_from(arguments.provider) == own.providers):
        raise Trouble(f"there are no keys {name}: signalbox secrets list")
    if own:
        own.set(own.taken_from(arguments.provider))
    if there:  # for good, as whoever keeps a key can set it again, and a name that waits for its end takes no new one
        client.delete_secret(SecretId=prefix + name, ForceDeleteWithoutRecovery=True)
    print(f"{name}: deleted; running containers follow within minutes")


def to_keys(text: str) -> list[str]:
    """A key a line, or one JSON object over several (a service account). Trouble names the line, and nothing of what stands there."""
    whole = _object(text)
    lines = [whole] if whole else text.splitlines()
    keys = [_key(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not keys:
        raise Trouble('no key on stdin: echo "$KEY" | signalbox secrets set openai')
    if len(set(keys)) < len(keys):
        raise Trouble("a key stands there twice; give each once")
    if len(_to_secret(keys)) > MOST_CHARS:
        raise Trouble(f"more than one secret holds, which is {MOST_CHARS} characters; give fewer keys")
    return keys


def _name(provider: str, tenant: str | None) -> str:
    if not re.fullmatch(NAME, provider):
        raise Trouble("a provider's secret has a name of up to 64 letters, digits, `.`, `-` and `_`, as routing.yaml has it")
    if tenant is not None and not re.fullmatch(TENANT, tenant):
        raise Trouble("a tenant is up to 64 letters, digits, `.`, `-` and `_`, as its keys were minted")
    return provider if tenant is None else f"{tenant}/{provider}"


def _key(number: int, line: str) -> str:
    if line.startswith("{"):
        found = _object(line)
        if not found:
            raise Trouble(f"line {number}: neither a key nor JSON")
        if "keys" in json.loads(found):
            raise Trouble(f"line {number}: this is a secret as it is stored; give the keys themselves, one a line")
        return found
    if not line.isascii() or not line.isprintable() or " " in line:
        raise Trouble(f"line {number}: no key: one has no blanks and none but ASCII signs; give one a line")
    if re.match(r"(export|[A-Z][A-Z0-9_]*=)", line) or line[0] in QUOTES or line[-1] in QUOTES:
        raise Trouble(f"line {number}: give the key alone, without a name or quotes")
    return line


def _object(text: str) -> str | None:
    """The same in one line, where it is a JSON object."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return json.dumps(found, separators=(",", ":")) if isinstance(found, dict) else None


def _to_secret(keys: list[str]) -> str:
    return json.dumps({"keys": keys})


def _list(arguments: argparse.Namespace, prefix: str) -> None:
    client = stages.client(arguments.stage, "secretsmanager")
    pages = client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [prefix]}])
    names = sorted(row["Name"] for page in pages for row in page["SecretList"] if row["Name"].startswith(prefix))
    if not names:
        print("no provider has a key here: signalbox secrets set PROVIDER")
    for name, value in sorted(_read(client, names)):
        print(f"{name.removeprefix(prefix)}: {_count(value)}")


ACTIONS = {"set": _set, "unset": _unset, "list": _list}


def _count(secret: str) -> str:
    try:
        return _counted(len(json.loads(secret)["keys"]))
    except (ValueError, LookupError, TypeError):
        return "cannot be read as keys; set them anew"


def _counted(keys: int) -> str:
    return f"{keys} key{'' if keys == 1 else 's'}"


def _read(client: Any, names: list[str]) -> Iterator[tuple[str, str]]:
    """Those that are there, as (name, value)."""
    for start in range(0, len(names), AT_ONCE):
        answer = client.batch_get_secret_value(SecretIdList=names[start : start + AT_ONCE])
        for row in answer["SecretValues"]:
            yield row["Name"], row["SecretString"]
        for error in answer.get("Errors", []):
            if error["ErrorCode"] not in ("ResourceNotFoundException", "ResourceNotFound"):
                raise Trouble(f"{error['SecretId']} cannot be read: {error['ErrorCode']}")
