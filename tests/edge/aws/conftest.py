"""An embedded AWS on loopback, spoken to through our own client; boto3 only sets the scene.

Where SIGNALBOX_DYNAMODB_LOCAL names an endpoint, as `make test-ledger` does, the tables are in Amazon's own engine there.
"""

import functools
import os

import boto3
import pytest
from moto.server import ThreadedMotoServer

from signalbox.aws import capacity, jwks, ledger, rates, secrets, snapshots
from signalbox.aws.client import Aws
from signalbox.aws.http import Pool
from signalbox.aws.tables import Tables
from tests.valkey import held_port

# A call that is not answered in time is sent again, and then finds what it did itself: moto shares its processor with every other test.
PATIENT = {"SIGNALBOX_AWS_TIMEOUT_S": "30"}
WAITS = [(module, "TIMEOUT_S") for module in (capacity, jwks, secrets, snapshots)] + [(module, "RELEASE_S") for module in (ledger, rates)]
ENVIRONMENT = PATIENT | {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-central-1"}
KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


class Doors(Pool):
    """Tables have a door of their own, all else goes where it is addressed to."""

    def __init__(self, tables):
        super().__init__()
        self.tables = tables

    def send(self, request, timeout_s):
        is_table = request.headers.get("x-amz-target", "").startswith("DynamoDB")
        return super().send(request._replace(url=self.tables) if is_table else request, timeout_s)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """As above, of what has a bound of its own: nobody here is late, but the machine may be."""
    for module, name in WAITS:
        monkeypatch.setattr(module, name, 30)


@pytest.fixture(scope="session")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def endpoint(moto):
    """Of the tables."""
    return os.environ.get("SIGNALBOX_DYNAMODB_LOCAL") or moto


@pytest.fixture(scope="session")
def boto(moto, endpoint):
    """boto3's client of a service: one for all, since to read what botocore knows of a service takes longer than most tests."""
    session = boto3.session.Session("testing", "testing", region_name="eu-central-1")
    return functools.cache(lambda service: session.client(service, endpoint_url=endpoint if service == "dynamodb" else moto))


@pytest.fixture
def nobody():
    """Where nobody listens, and nobody else begins to."""
    holder, port = held_port()
    with holder:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def aws(moto, endpoint):
    aws = Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": moto}, pool=Doors(endpoint), sleep=lambda _: None)
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
