"""`signalbox admin-key NAME`: a key for the control API, drawn here, shown once, and kept as its digest alone."""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from secrets import token_urlsafe
from typing import Any

from signalbox.admission.keys import KeyRing
from signalbox.admission.operators import PERMISSIONS, to_operator
from signalbox.errors import Refusal

from . import stages
from .trouble import Trouble


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="of the operator, as the record of changes shall show it")
    parser.add_argument(
        "--permission", action="append", choices=PERMISSIONS, help="what it may do, once for each permission; without any, everything"
    )
    parser.add_argument("--replace", action="store_true", help="draw a new one for a name that has a key; the old one ends")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    if not re.fullmatch(r"[\w.@-]{1,64}", arguments.name):
        raise Trouble("a name is up to 64 letters, digits and . _ @ -")
    secret = stages.outputs(arguments.stage)["KeySecretArn"]
    permissions = sorted(set(arguments.permission or ()))
    key = draw(stages.client(arguments.stage, "secretsmanager"), secret, arguments.name, permissions, replace=arguments.replace)
    may = ", ".join(permissions) or "everything"
    print(f"{arguments.name}: {may}; shown this once, and good within a minute", file=sys.stderr)
    print(key)  # alone on stdout, for SIGNALBOX_ADMIN_KEY=$(signalbox admin-key …)


def draw(client: Any, secret: str, name: str, permissions: Sequence[str] = (), *, replace: bool) -> str:
    """Without permissions, one that may do everything."""
    fields = _understood(client.get_secret_value(SecretId=secret).get("SecretString", ""), secret)
    before = fields.get("admin_keys", {})
    others = {digest: row for digest, row in before.items() if _name(row) != name}
    if others != before and not replace:
        raise Trouble(f"{name} has an admin key: --replace ends it and draws another")
    key = f"ak-{token_urlsafe(32)}"
    row = {"name": name, "permissions": list(permissions)} if permissions else name
    fields["admin_keys"] = others | {hashlib.sha256(key.encode()).hexdigest(): row}
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(fields))
    return key


def _understood(text: str, secret: str) -> dict[str, Any]:
    try:
        KeyRing.parse(text)
    except (ValueError, KeyError, TypeError, AttributeError):  # its words may be the secret's own
        expected = '{"mac_key": "…", "admin_keys": {}, "data_keys": {}}'
        raise Trouble(f"the key secret {secret} is not as it should be, and lets nobody in: mend it first, as {expected}") from None
    fields: dict[str, Any] = json.loads(text)
    return fields


def _name(row: Any) -> str | None:
    """None of a row that is not understood: it is nobody's, and stays for whoever wrote it."""
    try:
        return to_operator(row).name
    except Refusal:
        return None
