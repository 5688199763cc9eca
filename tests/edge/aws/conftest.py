"""An embedded AWS on loopback, spoken to through our own client; boto3 only sets the scene."""

import functools

import boto3
import pytest
from moto.server import ThreadedMotoServer

from signalbox.aws.client import Aws
from signalbox.aws.tables import Tables

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-central-1"}
KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


@pytest.fixture(scope="session")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def boto(endpoint):
    """boto3's client of a service: one for all, since to read what botocore knows of a service takes longer than most tests."""
    session = boto3.session.Session("testing", "testing", region_name="eu-central-1")
    return functools.cache(functools.partial(session.client, endpoint_url=endpoint))


@pytest.fixture
def aws(endpoint):
    aws = Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}, sleep=lambda _: None)
    yield aws
    aws.close()


@pytest.fixture
def tables(boto):
    dynamodb, bus = boto("dynamodb"), boto("events")
    names = Tables("control", "ledger", "signalbox")
    for name in (names.control, names.ledger):
        dynamodb.create_table(
            TableName=name,
            KeySchema=KEYS,
            AttributeDefinitions=[{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in KEYS],
            BillingMode="PAY_PER_REQUEST",
        )
    bus.create_event_bus(Name=names.bus)
    yield names
    for name in (names.control, names.ledger):
        dynamodb.delete_table(TableName=name)
    bus.delete_event_bus(Name=names.bus)
