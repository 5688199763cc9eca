"""What is kept in DynamoDB, read by a container that did not write it."""

import pytest

from signalbox.aws import dynamodb
from signalbox.aws.kept import DynamoDbStore, Entry

GOOD = {"pk": "cache#a", "sk": "answer", "answer": b"1", "at_ms": 1, "expires_ms": 2}


def read(item):
    return DynamoDbStore("cache").get("a").to_answer({"Item": dynamodb.to_values(item)} if item else {})


def test_what_was_put_is_read():
    assert read(GOOD) == Entry(b"1", 1, 2)


@pytest.mark.parametrize("item", [None, {"pk": "cache#a"}, *(GOOD | {name: value} for name in Entry._fields for value in (None, "2", ()))])
def test_what_is_of_another_form_counts_as_not_kept(item):
    assert read(item) is None
