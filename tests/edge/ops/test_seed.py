"""Which upstream a provider has on this machine: the simulated one, or the real one where the environment says so."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from moto.server import ThreadedMotoServer

from ops.local.emulator import Cloud
from ops.local.seed import SIMULATOR_KEY, Upstream, seed, upstream_of
from ops.simulators.providers import PROVIDERS as SIMULATED
from signalbox.aws import boto_budgets
from signalbox.config.compiler import compile_text
from signalbox.config.defaults import resolved
from signalbox.config.document import parse
from signalbox.config.rows import Provider

SIM = "http://127.0.0.1:4010"
TEXT = Path(__file__, "../../../../routing.yaml").resolve().read_text()


def upstream(name, environment=None, **row):
    return upstream_of(resolved(name, Provider(**row)), environment or {}, SIM)


@pytest.mark.parametrize(
    ("name", "row", "path"),
    [
        ("openai", {}, "/openai/v1"),
        ("groq", {}, "/groq/openai/v1"),
        ("cohere", {}, "/cohere/compatibility/v1"),
        ("anthropic", {}, "/anthropic"),
        ("bedrock", {"options": {"region": "eu-west-1"}}, "/bedrock"),
        ("ollama", {}, "/ollama"),
        ("vllm", {}, "/vllm/v1"),
        ("openai", {"base_url": "https://gateway.example.com/llm/v1"}, "/openai/llm/v1"),
        ("groq-eu", {"kind": "groq"}, "/groq/openai/v1"),
    ],
)
def test_a_simulated_provider_keeps_the_path_of_its_own_address(name, row, path):
    assert upstream(name, **row) == Upstream({"BASE_URL": SIM + path}, SIMULATOR_KEY)


@pytest.mark.parametrize(
    ("name", "row", "shown"),
    [
        ("vertex", {"options": {"project": "p", "location": "l"}}, {"token_uri": f"{SIM}/google_token/token"}),
        ("azure", {"auth": "entra", "options": {"resource": "r"}}, {"authority": f"{SIM}/entra_token"}),
    ],
)
def test_who_gives_tokens_is_simulated_too(name, row, shown):
    assert shown.items() <= json.loads(upstream(name, **row).key).items()


def test_a_simulated_proxy_is_shown_a_key():
    found = upstream("litellm", base_url="http://127.0.0.1:4040/v1")
    assert found == Upstream({"BASE_URL": f"{SIM}/litellm/v1", "AUTH": "bearer", "SECRET": "litellm"}, SIMULATOR_KEY)


def test_what_nobody_simulates_stays_where_it_is():
    assert upstream("mine", base_url="https://llm.example.com/v1") == Upstream()


@pytest.mark.parametrize(
    ("name", "row", "environment", "expected"),
    [
        ("openai", {}, {"OPENAI_API_KEY": "sk"}, Upstream({}, "sk", "OPENAI_API_KEY")),
        # A key for a gateway goes to the gateway, and nowhere else.
        (
            "openai",
            {},
            {"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": "https://gw.example.com/v1"},
            Upstream({"BASE_URL": "https://gw.example.com/v1"}, "sk", "OPENAI_API_KEY"),
        ),
        ("my.own-2", {"base_url": "https://m.example"}, {"MY_OWN_2_API_KEY": "sk"}, Upstream({}, "sk", "MY_OWN_2_API_KEY")),
        (
            "ollama",
            {},
            {"OLLAMA_BASE_URL": "http://127.0.0.1:11434"},
            Upstream({"BASE_URL": "http://127.0.0.1:11434"}, None, "OLLAMA_BASE_URL"),
        ),
        (
            "bedrock",
            {"options": {"region": "us-east-1"}},
            {"BEDROCK_API_KEY": "bk"},
            Upstream({"AUTH": "bearer", "SECRET": "bedrock"}, "bk", "BEDROCK_API_KEY"),
        ),
        # Many a shell has one for other programs; without a key there is nothing to ask with.
        ("openai", {}, {"OPENAI_BASE_URL": "https://gw.example.com/v1"}, Upstream({"BASE_URL": f"{SIM}/openai/v1"}, SIMULATOR_KEY)),
        ("openai", {}, {"OPENAI_API_KEY": ""}, Upstream({"BASE_URL": f"{SIM}/openai/v1"}, SIMULATOR_KEY)),
    ],
)
def test_the_environment_leads_to_the_real_one(name, row, environment, expected):
    assert upstream(name, environment, **row) == expected


def test_the_shipped_document_holds_with_every_upstream_simulated():
    providers = [resolved(name, row) for name, row in parse(TEXT)[0].providers.items()]
    overrides = {}
    for provider in providers:
        found = upstream_of(provider, {}, SIM)
        overrides |= {f"SIGNALBOX_PROVIDERS__{provider.name.upper()}__{field}": value for field, value in found.overrides.items()}
    compiled = compile_text(TEXT, overrides)
    assert compiled.warnings == compile_text(TEXT).warnings
    for provider in providers:
        if provider.name in SIMULATED:
            url = f"{SIM}/{provider.name}{urlsplit(provider.base_url).path}"
            assert f'"base_url":"{url}"'.encode() in compiled.json


@pytest.fixture
def cloud():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    try:
        httpx.post(f"{endpoint}/moto-api/reset", timeout=60).raise_for_status()  # what it holds is the process's
        yield Cloud(endpoint)
    finally:
        server.stop()


def deployed(cloud):
    """What the seed needs of a stack, by the names of its outputs."""
    key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    typed = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    for name in ("control", "ledger"):
        cloud.client("dynamodb").create_table(TableName=name, KeySchema=key, AttributeDefinitions=typed, BillingMode="PAY_PER_REQUEST")
    cloud.client("s3").create_bucket(Bucket="config")
    cloud.client("events").create_event_bus(Name="bus")
    arn = cloud.client("secretsmanager").create_secret(Name="keys", SecretString="{}")["ARN"]
    named = {"ControlTableName": "control", "LedgerTableName": "ledger", "ConfigBucketName": "config", "BusName": "bus"}
    key_arn = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    return named | {"KeySecretArn": arn, "ProviderSecrets": "providers/", "KeyArn": key_arn}


def test_a_new_stage_has_the_daily_ceilings_that_the_document_declares(cloud):
    seed(cloud, deployed(cloud), {}, SIM, lambda line: None)
    declared = {
        f"route#{name}": int(route.max_cost_a_day_usd * 1_000_000_000)
        for name, route in parse(TEXT)[0].routes.items()
        if route.max_cost_a_day_usd is not None
    }
    assert {scope: day_budget(cloud, scope) for scope in declared} == {scope: (limit, True) for scope, limit in declared.items()}
    assert declared == {"route#mixed": 20_000_000_000}


def test_an_operators_looser_budget_stays_and_keeps_nothing_from_starting(cloud):
    outputs, said = deployed(cloud), []
    control, ledger = (cloud.session.resource("dynamodb", endpoint_url=cloud.endpoint).Table(name) for name in ("control", "ledger"))
    boto_budgets.change(control, ledger, "route#mixed", "day", 90_000_000_000, False, 1_795_230_000_000)
    seed(cloud, outputs, {}, SIM, said.append)
    assert day_budget(cloud, "route#mixed") == (90_000_000_000, False)
    assert [line for line in said if "routes.mixed.max_cost_a_day_usd" in line]
    live = control.get_item(Key={"pk": "config", "sk": "live"})["Item"]
    assert (live["version"], live["author"]) == (1, "make run")


def day_budget(cloud, scope):
    table = cloud.session.resource("dynamodb", endpoint_url=cloud.endpoint).Table("control")
    budget = table.get_item(Key={"pk": scope, "sk": "scope"})["Item"]["budgets"]["day"]
    return int(budget["limit_nanousd"]), budget["hard"]
