"""A document of two simulated providers in which every way to route has a route or a policy of its own, and a world where it is live."""

import json
from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any

import pytest
import yaml

from ops.simulators.faults import to_fault
from signalbox.aws import records
from signalbox.config.overrides import PREFIX

from .world import PATIENCE_S, PATIENT, ROOT, World, opened, sample

Json = Any

NAMES = ("openai", "mistral")
MINI, SMALLER, SMALL, LARGE = "openai/gpt-4.1-mini", "openai/gpt-4o-mini", "mistral/mistral-small-latest", "mistral/mistral-large-latest"
HEDGE_S = 0.05


def document() -> Json:
    shipped = yaml.safe_load((ROOT / "routing.yaml").read_text())
    models = {id: shipped["models"][id] for id in (MINI, SMALLER, SMALL, LARGE)}
    models[SMALLER] |= {"chain": "larger"}
    return {
        "version": 1,
        "providers": {name: {} for name in NAMES},
        "timeouts": PATIENT | {"embedding": PATIENT},
        "models": models,
        "chains": {"larger": {"context_too_long": [MINI], "content_filtered": [LARGE]}},
        "routes": {
            "chat": {"targets": [MINI, SMALL]},
            "cheap": {"targets": [SMALL]},
            "chained": {"targets": [SMALLER]},
            "retried": {"targets": [MINI], "retries": {"server": 2}},
            "hedged": {"targets": [MINI, SMALL], "hedge_after_s": HEDGE_S},
            "calm": {"targets": [MINI, SMALL], "hedge_after_s": PATIENCE_S - 1},
            "dear": {"targets": [MINI], "max_cost_usd": 0.000001},
        },
        "policies": {
            "by-tag": policy({"tags": "batch"}, route="cheap"),
            "by-header": policy({"headers": {"x-tier": "gold"}}, route="smart-one"),
            "by-model": policy({"model": "cheap"}, add_targets=[LARGE], remove_targets=[SMALL]),
            "closed": policy({"tags": "forbidden"}, deny="Nothing of that kind goes out."),
            "short": policy({"tags": "short"}, max_tokens=3),
            "thrifty": policy({"tags": "thrifty"}, max_cost_usd=0.002),
            "watched": policy({"tags": "watched"}, mirror={"target": SMALL, "percent": 100}),
            "hidden": policy({"tags": "hidden"}, flag="unfinished", route="cheap"),
        },
        "aliases": {"smart-one": LARGE},
        "flags": {"unfinished": {"enabled": False}},
    }


def policy(conditions: Json, *, flag: str | None = None, **actions: Json) -> Json:
    return {"status": "active", "conditions": conditions, "actions": actions} | ({"flag": flag} if flag else {})


class Routed:
    """The world, asked in few words; each answer with its usage event and what the upstreams have billed for it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ask(self, model: str = "chat", *, tags: str = "", headers: Mapping[str, str] | None = None, **body: Json) -> Json:
        event = sample("complete_chat")
        event["headers"] |= {"x-signalbox-tags": tags} | dict(headers or {})
        self.world.upstreams.ledger.clear()
        response = self.world.ask(event, model=model, **body)
        self.usage = self.world.usage()
        return response

    @property
    def calls(self) -> Json:
        return self.world.upstreams.ledger.to_json()["calls"]

    @property
    def billed(self) -> int:
        return sum(call["cost_nanousd"] for call in self.calls)

    @property
    def attempts(self) -> list[tuple[str, str, str]]:
        [detail] = self.usage
        return [(attempt["target"], attempt["outcome"], attempt["purpose"]) for attempt in detail["attempts"]]

    def snapshot(self) -> Json:
        """The one that is live."""
        completions = self.world.module.completions
        return completions.means.live.snapshot(completions.means.desk.look().live)

    def fault(self, provider: str, **told: Json) -> None:
        self.world.upstreams.faults.tell(provider, to_fault(told))

    def hear_when_both_are_asked(self, patch: pytest.MonkeyPatch) -> None:
        """Nothing of either upstream before both have been asked: a hedge that is made whatever else the machine does."""
        pool = self.world.module.completions.means.pool
        asked, send = {name: Event() for name in NAMES}, pool.send

        def sent(request: Any, timeout_s: float) -> Any:
            exchange = send(request, timeout_s)
            asked[next(name for name in NAMES if f"/{name}/" in request.url)].set()
            assert all(event.wait(PATIENCE_S) for event in asked.values())
            return exchange

        patch.setattr(pool, "send", sent)

    def permit(self, **record: Json) -> None:
        self.world.table("control").put_item(Item={"pk": "key#local", "sk": "scope", "status": "active"} | record)

    def document(self) -> Json:
        """As it was at first, to be changed."""
        return document()

    def shipped(self, model: str) -> Json:
        """As routing.yaml has it."""
        return yaml.safe_load((ROOT / "routing.yaml").read_text())["models"][model]

    def publish(self, **changed: Json) -> None:
        text = yaml.safe_dump(document() | changed)
        self.world.versions.publish(text, author="test", message="changed", overrides=self.world.versions.live()["overrides"])


@pytest.fixture
def routed(servers: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Routed]:
    """What is published or permitted is seen by the next request."""
    monkeypatch.setattr(records, "FRESH_S", -1)
    overrides = {f"{PREFIX}PROVIDERS__{name.upper()}__BASE_URL": f"{servers[1].url}/{name}/v1" for name in NAMES}
    with opened(servers, yaml.safe_dump(document()), overrides, dict.fromkeys(NAMES, "sk-sim")) as world:
        yield Routed(world)


def code(response: Json) -> str:
    told: str = json.loads(response.body)["error"]["code"]
    return told
