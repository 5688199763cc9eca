"""What a new stage needs before its first request: keys that may ask, keys of the providers, and a configuration."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from signalbox.aws.boto_versions import Versions
from signalbox.config.overrides import from_environment
from signalbox.config.source import InvalidDocument

from ..secrets import put_provider_keys
from ..simulators.providers import PROVIDERS as SIMULATED
from ..trouble import Trouble
from .emulator import Cloud
from .settings import ADMIN_KEY, DATA_KEY, ROOT

SIMULATOR_KEY = "sk-simulated"
AUTHOR = "make run"


def seed(cloud: Cloud, outputs: Mapping[str, str], environment: Mapping[str, str], sim_url: str, say: Callable[[str], None]) -> None:
    _keys(cloud, outputs["KeySecretArn"])
    versions = _versions(cloud, outputs)
    live = versions.live()
    # Whoever published something else keeps it; ours follows the file.
    ours = live.get("author", AUTHOR) == AUTHOR
    text = (ROOT / "routing.yaml").read_text() if ours else versions.document(live["digest"])
    overrides = {name: value for name, value in live.get("overrides", {}).items() if not name.endswith("__BASE_URL")}
    for provider, row in yaml.safe_load(text)["providers"].items():
        key = environment.get(f"{_upper(provider)}_API_KEY")
        if key:
            say(f"  {provider}: the real one, by {_upper(provider)}_API_KEY")
        elif provider in SIMULATED:
            overrides[f"SIGNALBOX_PROVIDERS__{_upper(provider)}__BASE_URL"] = f"{sim_url}/{provider}/v1"
        if row.get("secret") and (key or provider in SIMULATED):
            put_provider_keys(cloud.client("secretsmanager"), outputs["ProviderSecrets"] + row["secret"], [key or SIMULATOR_KEY])
    overrides |= from_environment(environment)
    try:
        versions.publish(text, author=AUTHOR if ours else live["author"], message="seed", overrides=overrides)
    except InvalidDocument as error:
        raise Trouble(f"routing.yaml: {error}") from error


def _keys(cloud: Cloud, arn: str) -> None:
    """The generated mac_key stays."""
    client = cloud.client("secretsmanager")
    before = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    after = {"mac_key": base64.b64encode(secrets.token_bytes(48)).decode(), "admin_keys": {}, "data_keys": {}} | before
    after["admin_keys"] = {_digest(ADMIN_KEY): "local"} | after["admin_keys"]
    after["data_keys"] = {_digest(DATA_KEY): {"key_id": "local", "tenant": "local", "team": "default"}} | after["data_keys"]
    if after != before:
        client.put_secret_value(SecretId=arn, SecretString=json.dumps(after))


def _versions(cloud: Cloud, outputs: Mapping[str, str]) -> Versions:
    def announce(detail_type: str, detail: dict[str, Any]) -> None:
        entry = {"Source": "signalbox", "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": outputs["BusName"]}
        cloud.client("events").put_events(Entries=[entry])

    table = cloud.session.resource("dynamodb", endpoint_url=cloud.endpoint).Table(outputs["ControlTableName"])
    return Versions(table, cloud.client("s3"), outputs["ConfigBucketName"], announce)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _upper(name: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in name).upper()
