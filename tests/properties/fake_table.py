"""A DynamoDB table in memory, as boto3 shows it: the few expressions that usage is written with, and what DynamoDB refuses of their size.

`before` is called before each call and may raise, or let somebody else act; `after` may raise too: then the answer is lost.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import operator
import re
from collections import Counter
from concurrent.futures import Future
from contextlib import contextmanager
from types import SimpleNamespace

from botocore.exceptions import ClientError

from .item_size import item_size, write_units

COMPARISONS = {"<": operator.lt, "=": operator.eq}
MOST_BYTES = 400 * 1024
Key = tuple[str, str]


class Serial:
    """A pool of threads with none: what a test draws it draws in one order."""

    def __init__(self, workers):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def map(self, work, rows):
        return [work(row) for row in rows]

    def submit(self, work, *given):
        future = Future()
        future.set_result(work(*given))
        return future


class FakeTable:
    name = "usage"

    def __init__(self, before=lambda: None, after=lambda: None, page=2):
        self.items: dict[Key, dict] = {}
        self.before, self.after = before, after
        self.page = page
        self.units = Counter()  # of writes, by the partition's kind
        self.meta = SimpleNamespace(client=self)

    def get_item(self, Key, ConsistentRead, TableName=name):
        self.before()
        found = self.items.get((Key["pk"], Key["sk"]))
        return {"Item": dict(found)} if found else {}

    def update_item(self, TableName=name, **update):
        self.before()
        self._commit([self._updated(update)], 1)
        self.after()

    def transact_write_items(self, TransactItems):
        self.before()
        assert len(TransactItems) <= 100
        outcomes = []
        for write in TransactItems:
            [(kind, row)] = write.items()
            try:
                outcomes.append(self._updated(row) if kind == "Update" else self._put(row))
            except ClientError as error:
                outcomes.append(error)
        failed = [outcome for outcome in outcomes if isinstance(outcome, ClientError)]
        if failed:
            codes = [_codes(outcome) for outcome in outcomes]
            raise ClientError(
                {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": codes},
                "TransactWriteItems",
            )
        self._commit(outcomes, 2)
        self.after()

    @contextmanager
    def batch_writer(self):
        yield self

    def put_item(self, Item):
        self.before()
        self._commit([((Item["pk"], Item["sk"]), Item)], 1)
        self.after()

    def delete_item(self, Key):
        self.before()
        gone = self.items.pop((Key["pk"], Key["sk"]), {})
        self.units[_kind(Key["pk"])] += write_units(gone)
        self.after()

    def get_paginator(self, operation):
        assert operation == "query"
        return self

    def paginate(self, TableName, KeyConditionExpression, ExpressionAttributeValues, ConsistentRead):
        assert KeyConditionExpression == "pk = :pk AND sk BETWEEN :first AND :last"
        assert ConsistentRead
        pk, first, last = (ExpressionAttributeValues[name] for name in (":pk", ":first", ":last"))
        while True:  # few a page: what happens between two pages is seen, as it may be
            self.before()
            found = [self.items[key] for key in sorted(key for key in self.items if key[0] == pk and first <= key[1] <= last)]
            yield {"Items": [dict(item) for item in found[: self.page]]}
            if len(found) <= self.page:
                return
            first = found[self.page - 1]["sk"] + "\0"

    def _put(self, row):
        key = row["Item"]["pk"], row["Item"]["sk"]
        if row.get("ConditionExpression") == "attribute_not_exists(pk)" and key in self.items:
            raise _refused("ConditionalCheckFailedException")
        return key, row["Item"]

    def _updated(self, row):
        key = row["Key"]["pk"], row["Key"]["sk"]
        old = self.items.get(key, {})
        names, values = row.get("ExpressionAttributeNames", {}), row["ExpressionAttributeValues"]
        if len(row["UpdateExpression"].encode()) > 4096 or len(values) > 300 or len(key[0].encode()) > 2048 or len(key[1].encode()) > 1024:
            raise _refused("ValidationException")
        if not _holds(row["ConditionExpression"], old, names, values):
            raise _refused("ConditionalCheckFailedException")
        new = old | row["Key"]
        used = set()
        for verb, clause in re.findall(r"(SET|ADD) (.*?)(?= ADD |$)", row["UpdateExpression"]):
            for action in clause.split(", "):
                name, value = action.replace(" = ", " ").split(" ")
                name = names.get(name, name)
                assert name not in used
                used.add(name)
                new[name] = values[value] + (new.get(name, 0) if verb == "ADD" else 0)
        return key, new

    def _commit(self, written, factor):
        assert len(dict(written)) == len(written)
        for _, item in written:
            if item_size(item) > MOST_BYTES:
                raise _refused("ValidationException")
        for key, item in written:
            self.units[_kind(key[0])] += factor * max(write_units(item), write_units(self.items.get(key, {})))
        self.items |= dict(written)


def _kind(pk):
    return pk.partition("#")[0]


def _holds(condition, item, names, values):
    return any(all(_term(term, item, names, values) for term in terms.split(" AND ")) for terms in condition.split(" OR "))


def _term(term, item, names, values):
    if found := re.fullmatch(r"attribute_not_exists\((\w+)\)", term):
        return found[1] not in item
    name, comparison, value = term.split(" ")
    name = names.get(name, name)
    return name in item and COMPARISONS[comparison](item[name], values[value])


def _refused(code):
    return ClientError({"Error": {"Code": code, "Message": "?"}}, "?")


def _codes(outcome):
    code = outcome.response["Error"]["Code"] if isinstance(outcome, ClientError) else "None"
    return {"Code": {"ConditionalCheckFailedException": "ConditionalCheckFailed", "ValidationException": "ValidationError"}.get(code, code)}
