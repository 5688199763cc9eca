"""What the shipped routes save on a mixed day: what the answers cost, beside what each route's default would have taken for these tokens.

Simulated models count tokens alike; real ones do not, and write answers of other lengths.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from .stack import ROOT
from .waiting import eventually

SEED = 20_261_121
LEAST_PERCENT = 15
TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "description": f"Look up a {name}.", "parameters": {"type": "object", "properties": {}}},
    }
    for name in ("timetable", "platform", "weather")
]
WORDS = ("the", "line", "is", "clear", "and", "the", "train", "stands", "at", "its", "platform", "until", "a", "signal", "shows", "way")


def prose(draw, words):
    return " ".join(draw.choice(WORDS) for _ in range(words))


def talk(draw):
    return {"messages": [{"role": "user", "content": f"{prose(draw, draw.randint(8, 90))}? words={draw.randint(40, 220)}"}]}


def page(draw):
    return {
        "messages": [{"role": "user", "content": f"Sum this up, words={draw.randint(80, 200)}: {prose(draw, draw.randint(700, 1_300))}"}]
    }


def code(draw):
    lines = "\n".join(f"    if {draw.choice(WORDS)} > {number}:\n        return {number}" for number in range(draw.randint(10, 60)))
    said = f"Debug this and write it anew, words={draw.randint(150, 500)}.\n```python\ndef signal(line):\n{lines}\n```"
    return {"messages": [{"role": "user", "content": said}]}


def tools(draw):
    return {"messages": [{"role": "user", "content": f"{prose(draw, 20)}: call {draw.choice(TOOLS)['function']['name']}"}], "tools": TOOLS}


def thought(draw):
    said = f"Prove step by step that {prose(draw, draw.randint(20, 60))}. words={draw.randint(150, 400)}"
    return {"messages": [{"role": "user", "content": said}], "reasoning_effort": draw.choice(("medium", "high"))}


def book(draw):
    return {"messages": [{"role": "user", "content": f"Sum this up, words=300: {prose(draw, draw.randint(100_000, 115_000))}"}]}


# A guess at a mixed day, and none that flatters: three requests in ten name a route that saves nothing by design.
DAY = [
    (17, "auto", talk), (4, "auto", page), (6, "auto", code), (4, "auto", tools), (3, "auto", thought), (1, "auto", book),
    (5, "smart", talk), (2, "smart", thought), (4, "claude-sonnet-4-5", code), (2, "gpt-oss-120b", talk), (2, "chat", talk),
]  # fmt: skip
SHIPPED = yaml.safe_load((ROOT / "routing.yaml").read_text())["routes"]
DEFAULTS = {model: SHIPPED[model]["targets"][0] for _, model, _ in DAY if model != "auto"}
# Where each kind belongs: what is easy to the cheap, what is hard to the strong, what is long to large windows.
ROUTES = {talk: {"economy"}, page: {"economy"}, code: {"auto"}, tools: {"auto"}, thought: {"auto"}, book: {"long"}}


@pytest.fixture
def day():
    draw = random.Random(SEED)
    requests = [(model, kind, kind(draw)) for count, model, kind in DAY for _ in range(count)]
    draw.shuffle(requests)
    return requests


def test_a_mixed_day_costs_a_good_deal_less_than_the_defaults_would(stack, new_key, day, bus_events, record_property):
    since = datetime.now(UTC).date() - timedelta(days=1)
    before = savings(stack, since)
    key = new_key(tenant="savings")
    asked = {}
    with stack.client(key["secret"]) as client:
        for model, kind, body in day:
            answer = client.chat.completions.with_raw_response.create(model=model, **body)
            asked[answer.headers["x-signalbox-request-id"]] = (model, kind)

    def usage():
        details = [event["detail"] for event in bus_events() if event["detail-type"] == "UsageRecorded"]
        return {detail["id"]: detail for detail in details if detail["id"] in asked}

    recorded = eventually(usage, lambda found: len(found) == len(asked))
    for id, (model, kind) in asked.items():
        assert recorded[id]["compared"], recorded[id]
        assert recorded[id]["route"] in (ROUTES[kind] if model == "auto" else {model})
        if [attempt["target"] for attempt in recorded[id]["attempts"]] == [recorded[id]["default_target"]]:
            assert recorded[id]["cost_nanousd"] == recorded[id]["baseline_cost_nanousd"], "the default target saves nothing beside itself"
    cost, baseline = Counter(), Counter()
    for id, (model, kind) in asked.items():
        for name in ("all", f"{model} {kind.__name__}", model):
            cost[name] += recorded[id]["cost_nanousd"]
            baseline[name] += recorded[id]["baseline_cost_nanousd"]
    for name in sorted(baseline, key=baseline.__getitem__):
        spent, instead = cost[name] / 1e9, baseline[name] / 1e9
        print(f"{name:<24} ${spent:.4f} instead of ${instead:.4f}: {saved(spent, instead):.1f} % saved")  # noqa: T201  # pytest -s
    by_default = [id for id, (model, _) in asked.items() if model in DEFAULTS and recorded[id]["target"] == DEFAULTS[model]]
    assert len(by_default) > len(day) / 10  # not all: an earlier test may have left a circuit open
    assert all(recorded[id]["cost_nanousd"] == recorded[id]["baseline_cost_nanousd"] for id in by_default)
    # What operators are told: of this day, and of what may have come in late of the requests before it.
    told = eventually(lambda: savings(stack, since) - before, lambda found: found["compared"] >= len(asked))
    spent, instead = told["compared_cost_nanousd"], told["baseline_cost_nanousd"]
    print(f"GET /admin/savings         ${spent / 1e9:.4f} instead of ${instead / 1e9:.4f}: {saved(spent, instead):.1f} % saved")  # noqa: T201
    assert spent >= cost["all"]
    assert instead >= baseline["all"]
    assert saved(spent, instead) > LEAST_PERCENT
    assert saved(cost["all"], baseline["all"]) > LEAST_PERCENT
    record_property("saved_percent", round(saved(spent, instead), 1))


def savings(stack, since):
    """From that day to today, also where midnight has passed meanwhile."""
    total = stack.admin("GET", f"/admin/savings?from={since}").json()["total"]
    return Counter({name: value for name, value in total.items() if isinstance(value, int)})


def saved(cost, baseline):
    return 100 * (1 - cost / baseline)
