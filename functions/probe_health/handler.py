"""Each minute: providers whose circuits have waited long enough are asked whether they are well, whether or not anybody sends requests."""

import os
import time
from typing import Any

import httpx
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_circuits, boto_snapshots, boto_tables
from signalbox.circuits.machine import DEFAULTS, Outcome
from signalbox.circuits.state import HALF_OPEN, Circuit, view
from signalbox.providers.probes import outcome_of, probe_of
from signalbox.routing.catalog import Provider, Snapshot

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    control, bucket = boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"]), os.environ["SIGNALBOX_CONFIG_BUCKET"]
    now_ms = int(time.time() * 1000)
    circuits = view(boto_circuits.read(control), now_ms)
    due = {target: circuit for target, circuit in circuits.items() if circuit.state == HALF_OPEN}
    metrics.add_metric("CircuitsDue", MetricUnit.Count, len(due))
    snapshot = boto_snapshots.live(control, bucket) if due else None
    outcomes = probe(due, snapshot, now_ms) if snapshot else []
    settings = boto_snapshots.circuit_settings(control, bucket) if outcomes else DEFAULTS
    for transition in boto_circuits.fold(control, os.environ["SIGNALBOX_BUS"], outcomes, now_ms, settings):
        metrics.add_metric(transition.name, MetricUnit.Count, 1)
        logger.warning(transition.name, target=transition.target, generation=transition.generation, reason=transition.reason)
    metrics.add_metric("Probes", MetricUnit.Count, len(outcomes))
    return {"due": len(due), "probed": len(outcomes)}


def probe(due: dict[str, Circuit], snapshot: Snapshot, now_ms: int) -> list[Outcome]:
    """One question a provider: its answer holds for each of its targets."""
    targets = [target for target in due if target in snapshot.targets]
    providers = {snapshot.targets[target].provider for target in targets}
    kinds = {name: ask(snapshot.providers[name], snapshot.health_check_s) for name in providers}
    return [
        Outcome(f"probe#{target}#{now_ms}", target, kind, now_ms, now_ms, due[target].generation)
        for target in targets
        if (kind := kinds[snapshot.targets[target].provider])
    ]


def ask(provider: Provider, timeout_s: float) -> str | None:
    """The outcome's kind; None where the provider could not be asked or its answer says nothing."""
    try:
        request = probe_of(provider, _key(provider))
    except Exception as error:  # one provider's secret is no reason not to ask the others
        why = f"{type(error).__name__}: {error}"
        logger.error("the provider's secret cannot be used, so that it cannot be probed", provider=provider.name, why=why)
        metrics.add_metric("ProbesImpossible", MetricUnit.Count, 1)
        return None
    if request is None:
        return None
    try:
        answer = httpx.request(request.method, request.url, headers=dict(request.headers), timeout=timeout_s)
    except httpx.TimeoutException:
        return "timeout"
    except httpx.TransportError:
        return "unreachable"
    return outcome_of(answer.status_code)


def _key(provider: Provider) -> str | None:
    if not provider.secret:
        return None
    match get_secret(os.environ["SIGNALBOX_PROVIDER_SECRETS"] + provider.secret, transform="json", max_age=300):
        case {"keys": [str() as key, *_]} if key.isascii() and key.isprintable():
            return key
    raise ValueError('it is not {"keys": ["…"]} with a key of printable ASCII')
