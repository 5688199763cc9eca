"""track_circuits and probe_health: a failing target's circuit opens, is probed, and closes."""

import gzip
import json
import time
from dataclasses import replace

import httpx
import pytest

from functions.probe_health import handler as prober
from functions.track_circuits.handler import handler
from signalbox.aws import boto_bus, boto_circuits, boto_tables
from signalbox.aws.boto_bus import client
from signalbox.circuits.machine import Outcome
from signalbox.circuits.state import MARK_CHARS, view
from signalbox.usage.events import EVENTS

from .messages import batch, details, failed, poison

pytestmark = pytest.mark.usefixtures("still")

TARGET = "openai/gpt-4.1-mini"


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture
def failures(sample):
    """The sample's five failures, as if they had just happened."""
    event = sample("track_circuits_sqs")
    return batch(event, *(shifted(detail, now_ms() - 6_000) for detail in details(event)))


def shifted(detail, to_ms):
    by = to_ms - 1_795_230_000_000
    attempts = [attempt | {"at_ms": attempt["at_ms"] + by} for attempt in detail["attempts"]]
    return detail | {"at_ms": detail["at_ms"] + by, "attempts": attempts}


def state(stage, at_ms=None):
    return view(boto_circuits.read(stage.control), at_ms or now_ms())[TARGET].state


def wait_is_over(stage, *targets):
    item = boto_circuits.read(stage.control)
    for target in targets or [TARGET]:
        item["targets"][target]["until_ms"] = now_ms() - 1
    stage.control.put_item(Item=item)


def test_five_failures_open_the_circuit_and_tell_the_bus(stage, context, failures):
    assert handler(failures, context) == {"batchItemFailures": []}
    assert state(stage) == "open"
    [(name, detail)] = stage.heard()
    assert (name, detail["target"], detail["generation"]) == ("CircuitOpened", TARGET, 1)
    assert EVENTS[name].model_validate(detail).id
    assert detail["reason"] == "5 failures in a row, the last: server"


def test_the_same_four_failures_delivered_again_and_again_open_nothing(stage, context, failures):
    four = {"Records": failures["Records"][:4]}
    for _ in range(3):
        handler(four, context)
    assert state(stage) == "closed"
    assert stage.heard() == []


def test_failures_in_any_order_and_one_by_one_come_to_the_same(stage, context, failures):
    for record in reversed(failures["Records"]):
        handler({"Records": [record]}, context)
    assert state(stage) == "open"
    assert [name for name, _ in stage.heard()] == ["CircuitOpened"]


def test_a_backlog_from_yesterday_opens_nothing(stage, context, sample):
    event = sample("track_circuits_sqs")
    old = batch(event, *(shifted(detail, now_ms() - 86_400_000) for detail in details(event)))
    handler(old, context)
    assert boto_circuits.read(stage.control)["targets"] == {}


def test_while_all_is_well_nothing_is_written(stage, context, sample):
    event = sample("record_usage_sqs")
    handler(batch(event, shifted(details(event)[0], now_ms())), context)
    assert boto_circuits.read(stage.control)["version"] == 0


def test_a_poison_message_fails_alone(stage, context, failures):
    failures["Records"].append(poison(failures, "poison", "{"))
    assert failed(handler(failures, context)) == ["poison"]
    assert state(stage) == "open"


def outcomes(count, target=TARGET, kind="server", generation=0, start=0):
    at_ms = now_ms()
    return [Outcome(f"o{start + n}#{target}", target, kind, at_ms, at_ms, generation) for n in range(count)]


@pytest.fixture
def overtaken(monkeypatch):
    """Somebody else always writes first, a number of times."""
    write = boto_tables.transacted

    def install(times, others):
        left = [*range(times)]

        def second(table, writes):
            monkeypatch.setattr(boto_tables, "transacted", write)
            if left:
                others(left.pop())
            monkeypatch.setattr(boto_tables, "transacted", second)
            return write(table, writes)

        monkeypatch.setattr(boto_tables, "transacted", second)

    return install


def test_a_writer_that_comes_second_folds_into_what_the_first_wrote(stage, overtaken):
    overtaken(1, lambda n: boto_circuits.fold(stage.control, "signalbox", outcomes(3), now_ms()))
    transitions = boto_circuits.fold(stage.control, "signalbox", outcomes(2, start=3), now_ms())
    assert [transition.name for transition in transitions] == ["CircuitOpened"]
    assert boto_circuits.read(stage.control)["targets"][TARGET]["state"] == "open"


def test_a_writer_that_always_comes_second_leaves_its_outcomes_in_the_queue(stage, overtaken):
    overtaken(100, lambda n: boto_circuits.fold(stage.control, "signalbox", outcomes(1, target=f"other/{n}"), now_ms()))
    with pytest.raises(boto_circuits.Contended):
        boto_circuits.fold(stage.control, "signalbox", outcomes(1), now_ms())
    assert TARGET not in boto_circuits.read(stage.control)["targets"]


def test_a_transition_that_could_not_be_told_is_told_by_the_next(stage, context, failures, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(boto_bus, "publish", _down)
        with pytest.raises(ConnectionError):
            handler(failures, context)
    assert state(stage) == "open"
    handler(failures, context)
    handler(failures, context)
    assert [name for name, _ in stage.heard()] == ["CircuitOpened"]


def test_what_every_request_reads_holds_nothing_that_only_the_tracker_needs(stage, context, failures):
    handler({"Records": failures["Records"][:3]}, context)
    assert set(boto_circuits.read(stage.control)) == {"pk", "sk", "version", "targets"}
    [circuit] = boto_circuits.read(stage.control)["targets"].values()
    assert set(circuit) == {"consecutive", "failed_ms", "window"}
    assert len(boto_tables.get(stage.control, "circuits", "memory")["marks"][TARGET]) == 3 * MARK_CHARS


def test_a_bus_that_is_down_for_long_does_not_fill_the_item(stage, monkeypatch):
    targets = [f"{'p' * 64}/{number:0128}" for number in range(500)]
    with monkeypatch.context() as broken:
        broken.setattr(boto_bus, "publish", _down)
        with pytest.raises(ConnectionError):
            boto_circuits.fold(stage.control, "signalbox", [one for target in targets for one in outcomes(5, target)], now_ms())
    memory = boto_tables.get(stage.control, "circuits", "memory")
    assert len(json.dumps(memory["unpublished"])) < 120_000
    boto_circuits.fold(stage.control, "signalbox", [], now_ms())
    assert {detail["target"] for _, detail in stage.heard()} == {row["target"] for row in memory["unpublished"]}
    assert boto_tables.get(stage.control, "circuits", "memory")["unpublished"] == []


def test_whatever_opens_at_once_is_all_told(stage):
    targets = [f"openai/{number}" for number in range(300)]
    boto_circuits.fold(stage.control, "signalbox", [one for target in targets for one in outcomes(5, target)], now_ms())
    assert {detail["target"] for _, detail in stage.heard()} == set(targets)


def publish_settings(stage, **circuits):
    publish(stage, circuits=circuits)


def publish(stage, **settings):
    digest = "settings-" + json.dumps(settings).encode().hex()
    stage.control.put_item(Item={"pk": "config", "sk": "live", "version": 1, "digest": digest})
    body = gzip.compress(json.dumps(COMPILED | settings).encode())
    client("s3").put_object(Bucket="signalbox-config", Key=f"snapshots/{digest}.json.gz", Body=body)


def test_a_circuit_opens_as_the_live_configuration_says(stage, context, failures):
    publish_settings(stage, consecutive=2, open_ms=90_000)
    handler({"Records": failures["Records"][:1]}, context)
    assert state(stage) == "closed"
    handler({"Records": failures["Records"][1:2]}, context)
    assert state(stage, now_ms() + 60_000) == "open"


# ---- probe_health


COMPILED = {
    "providers": {
        name: {"name": name, "wire": "openai", "base_url": f"https://{name}.test/v1", "secret": name}
        for name in ("mistral", "openai", "other")
    },
    "targets": {
        target: {
            "id": target,
            "provider": target.partition("/")[0],
            "model": "gpt-4.1-mini",
            "context_window": 1000,
            "max_output_tokens": 100,
            "capabilities": [],
            "prices": None,
        }
        for target in ("mistral/m", TARGET, "other/m")
    },
    "routes": {},
    "names": {},
}


class Upstream:
    def __init__(self):
        self.answer, self.asked = 200, []

    def handle(self, request):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(self.answer)


@pytest.fixture
def upstream(stage, monkeypatch):
    stage.control.put_item(Item={"pk": "config", "sk": "live", "version": 1, "digest": "d1"})
    client("s3").put_object(Bucket="signalbox-config", Key="snapshots/d1.json.gz", Body=gzip.compress(json.dumps(COMPILED).encode()))
    for name in COMPILED["providers"]:
        client("secretsmanager").create_secret(Name=f"signalbox/test/providers/{name}", SecretString='{"keys": ["sk-up"]}')
    upstream = Upstream()
    transport = httpx.MockTransport(upstream.handle)

    def request(*args, **options):
        with httpx.Client(transport=transport) as http:
            return http.request(*args, **options)

    monkeypatch.setattr(prober.httpx, "request", request)
    return upstream


@pytest.fixture
def probe(context, sample):
    return lambda: prober.handler(sample("probe_health_schedule"), context)


def test_closed_circuits_are_not_probed(stage, upstream, probe):
    assert probe() == {"due": 0, "probed": 0}
    assert upstream.asked == []


def test_an_open_circuit_is_left_alone_until_its_wait_is_over(stage, upstream, probe, context, failures):
    handler(failures, context)
    assert probe() == {"due": 0, "probed": 0}


def test_a_target_that_is_well_again_is_closed_by_two_probes(stage, upstream, probe, context, failures, still, monkeypatch):
    handler(failures, context)
    wait_is_over(stage)
    seen = []
    for minutes in range(2):
        monkeypatch.setattr(time, "time", lambda now_s=still + 60 * minutes: now_s)
        assert probe() == {"due": 1, "probed": 1}
        seen.append(state(stage))
    assert seen == ["half_open", "closed"]
    assert [name for name, _ in stage.heard()] == ["CircuitOpened", "CircuitHalfOpened", "CircuitClosed"]
    request = upstream.asked[0]
    assert (str(request.url), request.headers["authorization"]) == ("https://openai.test/v1/models", "Bearer sk-up")


@pytest.mark.parametrize("answer", [500, 401, 429, httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
def test_a_target_that_is_still_ill_is_opened_for_longer(stage, upstream, probe, context, failures, answer):
    handler(failures, context)
    wait_is_over(stage)
    upstream.answer = answer
    probe()
    circuit = view(boto_circuits.read(stage.control), now_ms())[TARGET]
    assert (circuit.state, circuit.generation, circuit.openings) == ("open", 2, 2)
    assert [name for name, _ in stage.heard()] == ["CircuitOpened", "CircuitHalfOpened", "CircuitOpened"]


@pytest.mark.parametrize("answer", [404, 405])
def test_a_provider_without_a_list_of_models_is_left_to_the_requests(stage, upstream, probe, context, failures, answer):
    handler(failures, context)
    wait_is_over(stage)
    upstream.answer = answer
    assert probe() == {"due": 1, "probed": 0}
    assert state(stage) == "half_open"


def test_a_secret_that_cannot_be_read_is_not_the_targets_fault(stage, upstream, probe, context, failures):
    handler(failures, context)
    wait_is_over(stage)
    client("secretsmanager").delete_secret(SecretId="signalbox/test/providers/openai", ForceDeleteWithoutRecovery=True)
    assert probe() == {"due": 1, "probed": 0}
    assert state(stage) == "half_open"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-up",
        "null",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": null}',
        '{"keys": "sk-up"}',
        '{"keys": [5]}',
        '{"keys": ["sk-up\\n"]}',
        '{"keys": ["ské"]}',
    ],
)
def test_a_malformed_secret_stops_no_other_providers_probe(stage, upstream, probe, caplog, secret):
    client("secretsmanager").put_secret_value(SecretId="signalbox/test/providers/openai", SecretString=secret)
    boto_circuits.fold(stage.control, "signalbox", [one for target in COMPILED["targets"] for one in outcomes(5, target)], now_ms())
    wait_is_over(stage, *COMPILED["targets"])
    assert probe() == {"due": 3, "probed": 2}
    assert {request.url.host for request in upstream.asked} == {"mistral.test", "other.test"}
    assert state(stage) == "half_open"
    [line] = [record for record in caplog.records if "cannot be probed" in record.message]
    assert (line.levelname, line.provider) == ("ERROR", "openai")
    assert "sk-up" not in caplog.text


def test_a_provider_that_does_not_answer_is_not_waited_for(stage, upstream, probe, context, failures):
    """A handful that hang must not use up the minute."""
    handler(failures, context)
    wait_is_over(stage)
    probe()
    assert set(upstream.asked[0].extensions["timeout"].values()) == {2.0}


def test_a_provider_is_waited_for_as_long_as_the_live_configuration_says(stage, upstream, probe, context, failures):
    handler(failures, context)
    wait_is_over(stage)
    publish(stage, health_check_s=0.5)
    probe()
    assert set(upstream.asked[0].extensions["timeout"].values()) == {0.5}


def test_a_probe_closes_as_the_live_configuration_says(stage, upstream, probe, context, failures):
    handler(failures, context)
    wait_is_over(stage)
    publish_settings(stage, successes=1)
    probe()
    assert state(stage) == "closed"


def test_a_target_that_is_no_longer_configured_is_passed_over(stage, upstream, probe):
    gone = [replace(outcome, target="old/model") for outcome in outcomes(5)]
    boto_circuits.fold(stage.control, "signalbox", gone, now_ms())
    item = boto_circuits.read(stage.control)
    item["targets"]["old/model"]["until_ms"] = 0
    stage.control.put_item(Item=item)
    assert probe() == {"due": 1, "probed": 0}


def test_a_probe_tells_what_a_tracker_could_not(stage, upstream, probe, context, failures, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(boto_bus, "publish", _down)
        with pytest.raises(ConnectionError):
            handler(failures, context)
    probe()
    assert [name for name, _ in stage.heard()] == ["CircuitOpened"]


def _down(*args, **rest):
    raise ConnectionError("down")
