"""DynamoDB and EventBridge in memory, behind the same wire as the real ones: our client signs, sends, retries and reads as ever.

It knows the few expressions that we write, by the letter of the documentation, and refuses all others; `tests/edge/aws` holds it against
moto. `Pool.meddle` may lose, delay or fail a request, crash the sender, or let somebody else act first.
"""

import copy
import json
import operator
import re

from botocore.exceptions import ClientError

from signalbox.aws import http
from signalbox.aws.client import Aws
from signalbox.aws.dynamodb import to_item, to_plain, to_values

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "fake",
    "AWS_SECRET_ACCESS_KEY": "fake",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://fake",
}
COMPARISONS = {">=": operator.ge, ">": operator.gt, "<": operator.lt, "=": operator.eq}
PATH = r"#?\w+(?:\.#?\w+)*"
MISSING = object()


class Failure(Exception):
    def __init__(self, code, **more):
        super().__init__(code)
        self.body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code} | more


class FakeCloud:
    """`ignored` conditions count as true: what would happen without them. Each is a term, of whatever expression, or one expression's own:
    (place, update, condition, term).

    `seen` are the expressions with conditions that were asked for, as (place, update, condition); `heard` is called after every write.
    """

    def __init__(self, ignored=(), heard=lambda: None):
        self.heard = heard
        self.page = {}  # a query's, with so many items as a `Limit`: a page of the real table ends with a megabyte
        self.seen = set()
        self.tables = {}
        self.events = []
        self.estimated = set()  # requests that somebody else settled, at their bound
        self.told = set()  # and those whose cost came to be stored
        self.asked_ms = None  # when whoever wrote last took it to be, where it said so
        self.calls = []
        self.ignored = set(ignored)

    def items(self, table):
        return self.tables.setdefault(table, {})

    def answer(self, action, payload):
        """The status and body that AWS would answer."""
        self.calls.append(action)
        self.asked_ms = to_plain(payload.get("ExpressionAttributeValues", {}).get(":now_ms", {"NULL": True}))
        try:
            answer = getattr(self, f"_{action}")(payload)
        except Failure as failure:
            return 400, failure.body
        self.heard()
        return 200, answer

    def _PutEvents(self, payload):
        self.events += [json.loads(entry["Detail"]) for entry in payload["Entries"]]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    def _GetItem(self, payload):
        item = self._stored(payload)
        return {"Item": to_values(item)} if item else {}

    def _BatchGetItem(self, payload):
        [(table, wanted)] = payload["RequestItems"].items()
        keys = [(key["pk"]["S"], key["sk"]["S"]) for key in wanted["Keys"]]
        assert keys, "a read of nothing, which is refused"
        assert len(keys) == len(set(keys)) <= 100
        return {
            "Responses": {table: [to_values(self.items(table)[key]) for key in keys if key in self.items(table)]},
            "UnprocessedKeys": {},
        }

    def _Query(self, payload):
        expression = Expression(payload)
        found = [
            item
            for key, item in sorted(self.items(payload["TableName"]).items())
            if expression.holds(payload["KeyConditionExpression"], item, ())
        ]
        after = to_item(payload.get("ExclusiveStartKey", {}))
        page = [item for item in found if not after or item["sk"] > after["sk"]][: payload.get("Limit")]
        more = {"LastEvaluatedKey": to_values({name: page[-1][name] for name in ("pk", "sk")})} if len(page) == payload.get("Limit") else {}
        return {"Items": [to_values(item) for item in page]} | more

    def _PutItem(self, payload):
        self._check(payload)
        item = to_item(payload["Item"])
        self._store(payload, item)
        if item.get("state") == "settled":
            self.told.add(item.get("request"))
        return {}

    def _DeleteItem(self, payload):
        self._check(payload)
        self.items(payload["TableName"]).pop(_key(payload), None)
        return {}

    def _UpdateItem(self, payload):
        self._check(payload)
        new = Expression(payload).updated(self._stored(payload) or to_item(payload["Key"]))
        self._store(payload, new)
        if new.get("estimated"):
            self.estimated.add(new.get("request"))
        return {"Attributes": to_values(new)}

    def _TransactWriteItems(self, payload):
        parts = [next(iter(part.items())) for part in payload["TransactItems"]]
        places = [(part["TableName"], *_key(part)) for _, part in parts]
        assert len(places) == len(set(places)) <= 100
        beside = "level" if any("#until_ms" in part.get("UpdateExpression", "") for _, part in parts) else "create"
        reasons = []
        for _, part in parts:
            try:
                self._check(part, beside)
                reasons.append({"Code": "None"})
            except Failure as failure:
                reasons.append({"Code": "ConditionalCheckFailed"} | {k: v for k, v in failure.body.items() if k == "Item"})
        if any(reason["Code"] != "None" for reason in reasons):
            raise Failure("TransactionCanceledException", CancellationReasons=reasons)
        for kind, part in parts:
            if kind != "ConditionCheck":
                getattr(self, f"_{kind}Item")({name: value for name, value in part.items() if name != "ConditionExpression"})
        return {}

    def _stored(self, payload):
        return self.items(payload["TableName"]).get(_key(payload))

    def _store(self, payload, item):
        self.items(payload["TableName"])[_key(payload)] = item

    def _check(self, payload, beside=""):
        item = self._stored(payload)
        condition = payload.get("ConditionExpression")
        if condition is None:
            return
        expression = (place_of(payload, beside), payload.get("UpdateExpression", ""), condition)
        self.seen.add(expression)
        ignored = {each[3] if isinstance(each, tuple) else each for each in self.ignored if isinstance(each, str) or each[:3] == expression}
        if condition not in ignored and not Expression(payload).holds(condition, item or {}, ignored):
            returned = {"Item": to_values(item)} if item and payload.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}
            raise Failure("ConditionalCheckFailedException", **returned)


class Expression:
    def __init__(self, payload):
        self.names = payload.get("ExpressionAttributeNames", {})
        self.values = {name: to_plain(value) for name, value in payload.get("ExpressionAttributeValues", {}).items()}
        self.update = payload.get("UpdateExpression", "")

    def holds(self, text, item, ignored):
        return any(all(term in ignored or self._term(term, item) for term in either.split(" AND ")) for either in text.split(" OR "))

    def _term(self, term, item):
        if found := re.fullmatch(rf"attribute_(not_)?exists\(({PATH})\)", term):
            return (self._find(item, found[2]) is MISSING) == bool(found[1])
        if found := re.fullmatch(rf"begins_with\(({PATH}), (:\w+)\)", term):
            return self._find(item, found[1]).startswith(self.values[found[2]])
        if found := re.fullmatch(rf"(size\()?({PATH})\)? (>=|>|<|=) (:\w+)", term):
            value = self._find(item, found[2])
            if value is MISSING:
                return False
            return COMPARISONS[found[3]](len(value) if found[1] else value, self.values[found[4]])
        raise Failure("ValidationException", about=term)

    def updated(self, old):
        new = copy.deepcopy(old)
        for verb, clause in self._clauses():
            for action in clause.split(", "):
                if verb == "REMOVE":
                    self._place(new, action).pop(self._names(action)[-1], None)
                else:
                    path, _, value = action.partition(" = ")
                    self._place(new, path)[self._names(path)[-1]] = self._value(value, old)
        return new

    def _clauses(self):
        words = re.split(r"\b(SET|REMOVE) ", self.update)[1:]
        return [(verb, clause.strip()) for verb, clause in zip(words[::2], words[1::2], strict=True)]

    def _value(self, text, old):
        found = re.fullmatch(rf"({PATH}|:\w+)(?: ([+-]) ({PATH}|:\w+))?", text)
        if found is None:
            raise Failure("ValidationException", about=text)
        first = self._operand(found[1], old)
        if found[2] is None:
            return copy.deepcopy(first)
        second = self._operand(found[3], old)
        return first + second if found[2] == "+" else first - second

    def _operand(self, text, old):
        value = self.values[text] if text.startswith(":") else self._find(old, text)
        if value is MISSING:
            raise Failure("ValidationException", about=f"no {text} to compute with")
        return value

    def _names(self, path):
        return [self.names[name] if name.startswith("#") else name for name in path.split(".")]

    def _find(self, item, path):
        for name in self._names(path):
            if not isinstance(item, dict) or name not in item:
                return MISSING
            item = item[name]
        return item

    def _place(self, item, path):
        for name in self._names(path)[:-1]:
            if not isinstance(item.get(name), dict):
                raise Failure("ValidationException", about=f"{path} leads nowhere")
            item = item[name]
        return item


def place_of(payload, beside=""):
    """What tells expressions apart that read the same."""
    pk, _ = _key(payload)
    if pk.startswith("pending#"):
        return "pending"
    return f"control, {beside}" if payload["TableName"] == "control" else "account"


def _key(payload):
    source = payload.get("Key") or payload["Item"]
    return source["pk"]["S"], source["sk"]["S"]


class Pool:
    """Takes the place of `aws.http.Pool`. `meddle(action, payload)` comes before each request; it may raise, or return

    lost       never done, not answered
    late       done, not answered
    delayed    not answered, done when `deliver` is called
    throttled  refused
    contended  a transaction, refused because others are at it
    in the way an update, refused because a transaction is at its item
    invalid    a transaction, refused because one of its parts cannot be done to what is stored
    """

    REFUSED = {"contended": "TransactionConflict", "invalid": "ValidationError"}

    def __init__(self, cloud, meddle=lambda action, payload: None, now_ms=lambda: 0):
        self.cloud = cloud
        self.meddle = meddle
        self.now_ms = now_ms
        self.delayed = []

    def send(self, request, timeout_s):
        action = request.headers["x-amz-target"].partition(".")[2]
        payload = json.loads(request.body) | (self.cloud.page if action == "Query" else {})
        fault = self.meddle(action, payload)
        if fault == "throttled":
            return Exchange((400, Failure("ThrottlingException").body))
        if fault in self.REFUSED and action == "TransactWriteItems":
            reasons = [{"Code": self.REFUSED[fault]} for _ in payload["TransactItems"]]
            return Exchange((400, Failure("TransactionCanceledException", CancellationReasons=reasons).body))
        if fault == "in the way" and action == "UpdateItem":
            return Exchange((400, Failure("TransactionConflictException").body))
        if fault in (*self.REFUSED, "in the way"):
            fault = None
        if fault == "delayed":
            self.delayed.append((self.now_ms(), action, payload))
        answer = None if fault in ("lost", "delayed") else self.cloud.answer(action, payload)
        return Exchange(None if fault else answer)

    def deliver(self, since_ms=0):
        """Does what was delayed, but for what was sent before `since_ms`: that has died on the way."""
        for sent_ms, action, payload in self.delayed:
            if sent_ms >= since_ms:
                self.cloud.answer(action, payload)
        self.delayed.clear()

    def close(self):
        pass


class Exchange:
    """Of one request: its connection is another's once it was read."""

    def __init__(self, answer):
        self._answer = answer
        self._is_read = False

    def head(self, timeout_s):
        assert not self._is_read, "an answer is read twice"
        self._is_read = True
        if self._answer is None:
            raise http.TimedOut("nothing came")
        return self._answer[0]

    def read(self, timeout_s):
        return json.dumps(self._answer[1]).encode()


class BotoTable:
    """What `boto_budgets.revise` uses of boto3's Table, and of its client. `meddle` comes before each request."""

    def __init__(self, cloud, name, meddle=lambda: None):
        self.name = name
        self.meta = self.client = self
        self._cloud = cloud
        self._meddle = meddle

    def query(self, ExpressionAttributeValues, **_):
        self._meddle()
        pk, prefix = ExpressionAttributeValues[":pk"], ExpressionAttributeValues[":prefix"]
        items = sorted(self._cloud.items(self.name).items())
        return {"Items": [copy.deepcopy(item) for (of, sk), item in items if of == pk and sk.startswith(prefix)]}

    def get_item(self, Key, **_):
        self._meddle()
        item = self._cloud.items(self.name).get((Key["pk"], Key["sk"]))
        return {"Item": copy.deepcopy(item)} if item else {}

    def transact_write_items(self, TransactItems):
        self._meddle()
        status, _ = self._cloud.answer("TransactWriteItems", {"TransactItems": [_to_wire(part) for part in TransactItems]})
        if status != 200:
            raise ClientError({"Error": {"Code": "TransactionCanceledException"}}, "TransactWriteItems")


def _to_wire(part):
    [(kind, fields)] = part.items()
    typed = {"Key", "Item", "ExpressionAttributeValues"}
    return {kind: {name: to_values(value) if name in typed else value for name, value in fields.items()}}


def client(pool):
    return Aws(ENVIRONMENT, pool=pool, sleep=lambda _: None)
