"""What a new stage needs before its first request: keys that may ask, keys of the providers, and a configuration."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from signalbox.aws import boto_fields
from signalbox.aws.boto_ceilings import CeilingConflict
from signalbox.aws.boto_versions import CeilingsNotKept, Versions
from signalbox.config.defaults import resolved
from signalbox.config.document import parse
from signalbox.config.overrides import from_environment
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import Provider

from ..secrets import put_provider_keys
from ..simulators.providers import PROVIDERS as SIMULATED
from ..simulators.providers.google_identity import service_account
from ..trouble import Trouble
from .deploy import PARAMETERS
from .emulator import Cloud
from .settings import ADMIN_KEY, DATA_KEY, DATA_ROW, ROOT

SIMULATOR_KEY = "sk-simulated"
AUTHOR = "make run"
OURS = ("__BASE_URL", "__AUTH", "__SECRET")  # the overrides that are made anew with each start


class Upstream(NamedTuple):
    """Where a provider is asked, and with which key. `overrides` are fields of its row; `why` is said where it is the real one."""

    overrides: Mapping[str, str] = {}
    key: str | None = None
    why: str = ""


def seed(cloud: Cloud, outputs: Mapping[str, str], environment: Mapping[str, str], sim_url: str, say: Callable[[str], None]) -> None:
    _keys(cloud, outputs["KeySecretArn"])
    versions = _versions(cloud, outputs)
    live = versions.live()
    # Whoever published something else keeps it; ours follows the file.
    ours = live.get("author", AUTHOR) == AUTHOR
    text = (ROOT / "routing.yaml").read_text() if ours else versions.document(live)
    overrides = {name: value for name, value in live.get("overrides", {}).items() if not name.endswith(OURS)}
    try:
        keys: dict[str, list[str]] = {}
        for provider in (resolved(name, row) for name, row in parse(text)[0].providers.items()):
            upstream = upstream_of(provider, environment, sim_url)
            overrides |= overrides_of(provider, upstream)
            keys |= keys_of(provider, upstream, outputs["ProviderSecrets"])
            if upstream.why:
                say(f"  {provider.name}: the real one, by {upstream.why}")
        put_provider_keys(cloud.client("secretsmanager"), keys)
        overrides |= from_environment(environment)
        author = AUTHOR if ours else live["author"]
        try:
            versions.publish(text, author=author, message="seed", overrides=overrides)
        except CeilingConflict as conflict:  # which can be mended only once the stage runs
            say(f"  daily ceilings are left as they are: {conflict}")
            _versions(cloud, outputs, keeps_ceilings=False).publish(text, author=author, message="seed", overrides=overrides)
    except (InvalidDocument, CeilingsNotKept) as error:
        raise Trouble(f"routing.yaml: {error}") from error


def upstream_of(provider: Provider, environment: Mapping[str, str], sim_url: str) -> Upstream:
    """The real one where the environment has its key, or where it asks for none its address; else the simulated one, if there is one."""
    key_name, url_name = f"{_upper(provider.name)}_API_KEY", f"{_upper(provider.name)}_BASE_URL"
    key, url = environment.get(key_name), environment.get(url_name)
    if key:
        asks_for_none = {} if provider.secret else {"AUTH": "bearer", "SECRET": provider.name}
        return Upstream(asks_for_none | ({"BASE_URL": url} if url else {}), key, key_name)
    if url and not provider.secret:
        return Upstream({"BASE_URL": url}, None, url_name)
    simulated = next((name for name in (provider.name, provider.kind) if name in SIMULATED), None)
    if simulated is None:
        return Upstream()
    # The simulated LiteLLM has a master key, as most real ones do.
    keyed = {"AUTH": "bearer", "SECRET": provider.name} if simulated == "litellm" and not provider.secret else {}
    return Upstream({"BASE_URL": f"{sim_url}/{simulated}{urlsplit(provider.base_url).path}"} | keyed, _opening(provider, sim_url))


def overrides_of(provider: Provider, upstream: Upstream) -> dict[str, str]:
    return {f"{prefix_of(provider.name)}{field}": value for field, value in upstream.overrides.items()}


def keys_of(provider: Provider, upstream: Upstream, prefix: str) -> dict[str, list[str]]:
    """By the name of the secret."""
    secret = upstream.overrides.get("SECRET", provider.secret)
    return {prefix + secret: [upstream.key]} if upstream.key and secret else {}


def prefix_of(provider: str) -> str:
    """What every override of it begins with."""
    return f"SIGNALBOX_PROVIDERS__{_upper(provider)}__"


def _opening(provider: Provider, sim_url: str) -> str:
    """What a simulated provider is opened with."""
    if provider.auth == "google":
        return json.dumps(service_account(f"{sim_url}/google_token/token"))
    if provider.auth == "entra":
        own = {"tenant_id": "simulated", "client_id": "simulated", "client_secret": SIMULATOR_KEY}
        return json.dumps(own | {"authority": f"{sim_url}/entra_token"})
    return SIMULATOR_KEY


def _keys(cloud: Cloud, arn: str) -> None:
    """The generated mac_key stays."""
    client = cloud.client("secretsmanager")
    before = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    after = {"mac_key": base64.b64encode(secrets.token_bytes(48)).decode(), "admin_keys": {}, "data_keys": {}} | before
    after["admin_keys"] = {_digest(ADMIN_KEY): "local"} | after["admin_keys"]
    known = after["data_keys"].get(_digest(DATA_KEY), {})
    after["data_keys"] = after["data_keys"] | {_digest(DATA_KEY): DATA_ROW | known}
    if after != before:
        client.put_secret_value(SecretId=arn, SecretString=json.dumps(after))


def _versions(cloud: Cloud, outputs: Mapping[str, str], keeps_ceilings: bool = True) -> Versions:
    def announce(detail_type: str, detail: dict[str, Any]) -> None:
        entry = {"Source": "signalbox", "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": outputs["BusName"]}
        cloud.client("events").put_events(Entries=[entry])

    tables = cloud.session.resource("dynamodb", endpoint_url=cloud.endpoint).Table
    ledger = tables(outputs["LedgerTableName"]) if keeps_ceilings else None
    fields = boto_fields.Sealed(outputs["KeyArn"], PARAMETERS["Stage"], cloud.client("kms"))
    return Versions(
        tables(outputs["ControlTableName"]), cloud.client("s3"), outputs["ConfigBucketName"], announce, ledger=ledger, fields=fields
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _upper(name: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in name).upper()
