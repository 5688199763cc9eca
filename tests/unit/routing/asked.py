"""Conditions as a document may write them, requests they may be asked of, and what they mean, said once more and slowly."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from signalbox.circuits.state import Circuit
from signalbox.routing.conditions import Facts
from signalbox.routing.inputs import Features, Inputs

TEXTS = ("tenant", "team", "key", "agent", "model")
LISTS = ("segment", "tags", "uses")
NUMBERS = ("tokens", "max_tokens", "complexity", "budget_used")
STATES = ("closed", "open", "half_open")
ZONES = ("UTC", "+05:30", "-09:00", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

words = st.sampled_from(["a", "b", "ab", "bc"])
use = st.sampled_from(["tools", "vision"])
numbers = st.integers(-1, 5)
states = st.sampled_from(STATES)


def operators(values, *more):
    """A value, a list of them, or a mapping of operators."""
    several = st.lists(values, min_size=1, max_size=3)
    same = {"eq": values, "ne": values, "in": several, "not_in": several}
    return st.one_of(values, several, some(same | dict(more)))


def some(rows):
    """A mapping of one or two of them."""
    pairs = st.sampled_from(sorted(rows)).flatmap(lambda name: st.tuples(st.just(name), rows[name]))
    return st.lists(pairs, min_size=1, max_size=2).map(dict)


exists = ("exists", st.booleans())
text = operators(words, ("contains", words), ("prefix", words), exists)
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
windows = st.fixed_dictionaries(
    {"from": clocks, "to": clocks}, optional={"days": st.lists(st.sampled_from(DAYS), min_size=1), "zone": st.sampled_from(ZONES)}
).filter(lambda window: window["from"] != window["to"])
fields = (
    dict.fromkeys(TEXTS, text)
    | {name: operators(words, ("contains", words | st.lists(words, min_size=1)), ("prefix", words), exists) for name in ("segment", "tags")}
    | {"uses": operators(use, ("contains", use), exists)}
    | {name: operators(numbers, exists, *((name, numbers) for name in ("lt", "lte", "gt", "gte"))) for name in NUMBERS}
    | {"stream": st.booleans() | some({"eq": st.booleans(), "ne": st.booleans()})}
    | {"headers": st.dictionaries(st.sampled_from(["x-a", "X-B"]), text, min_size=1)}
    | {"circuits": st.dictionaries(st.sampled_from(["p/a", "p/b"]), operators(states), min_size=1)}
    | {"time": windows}
)
conditions = st.recursive(
    some(fields), lambda inner: some({"any": st.lists(inner, min_size=1, max_size=3), "all": st.lists(inner, min_size=1), "not": inner})
)

lists = st.lists(words, unique=True, max_size=2).map(tuple)
features = st.builds(
    Features,
    request=st.just("r"),
    **{name: words | st.just("") for name in TEXTS},
    tags=lists,
    uses=st.lists(use, unique=True).map(tuple),
    headers=st.dictionaries(st.sampled_from(["x-a", "x-b", "x-c"]), words),
    stream=st.booleans(),
    input_tokens=numbers,
    max_tokens=st.none() | numbers,
    complexity=numbers,
)
inputs = st.builds(
    Inputs,
    features=features,
    circuits=st.dictionaries(st.sampled_from(["p/a", "p/c"]), st.builds(Circuit, state=states)),
    budget_used=numbers,
    now_ms=st.integers(1_735_689_600_000, 2_500_000_000_000),  # from 2025 on
)
facts = st.builds(Facts, inputs=inputs, segments=lists.map(frozenset))


def holds(plain, facts):
    """What the conditions mean, by their definition."""
    return all(_entry_holds(key, match, facts) for key, match in plain.items())


def _entry_holds(key, match, facts):
    match key:
        case "any":
            return any(holds(row, facts) for row in match)
        case "all":
            return all(holds(row, facts) for row in match)
        case "not":
            return not holds(match, facts)
        case "headers":
            return all(_matches(one, facts.inputs.features.headers.get(name.lower(), "")) for name, one in match.items())
        case "circuits":
            return all(_matches(one, facts.inputs.circuits.get(id, Circuit()).state) for id, one in match.items())
        case "segment":
            return _list_matches(match, facts.segments)
        case "tags" | "uses":
            return _list_matches(match, getattr(facts.inputs.features, key))
        case "time":
            return _is_within(match, facts.inputs.now_ms)
        case "budget_used":
            return _matches(match, facts.inputs.budget_used)
    return _matches(match, getattr(facts.inputs.features, {"tokens": "input_tokens"}.get(key, key)))


MEANING = {
    "eq": lambda seen, operand: seen == operand,
    "ne": lambda seen, operand: seen != operand,
    "in": lambda seen, operand: seen in operand,
    "not_in": lambda seen, operand: seen not in operand,
    "contains": lambda seen, operand: operand in seen,
    "prefix": lambda seen, operand: seen[: len(operand)] == operand,
    "exists": lambda seen, operand: (seen not in ("", None)) == operand,
    "lt": lambda seen, operand: seen is not None and seen < operand,
    "lte": lambda seen, operand: seen is not None and seen <= operand,
    "gt": lambda seen, operand: seen is not None and seen > operand,
    "gte": lambda seen, operand: seen is not None and seen >= operand,
}


def _matches(match, seen):
    return all(MEANING[operator](seen, operand) for operator, operand in _spelt_out(match).items())


def _spelt_out(match):
    return match if isinstance(match, dict) else {"in" if isinstance(match, list) else "eq": match}


def _list_matches(match, seen):
    for operator, operand in _spelt_out(match).items():
        wanted = operand if isinstance(operand, list) else [operand]
        fits = {
            "eq": any(text in seen for text in wanted),
            "ne": not any(text in seen for text in wanted),
            "in": any(text in seen for text in wanted),
            "not_in": not any(text in seen for text in wanted),
            "contains": all(text in seen for text in wanted),
            "prefix": any(text[: len(str(operand))] == operand for text in seen),
            "exists": bool(seen) == operand,
        }
        if not fits[operator]:
            return False
    return True


def _is_within(window, now_ms):
    """By the zone's own data: is this minute in a window that began today or yesterday?"""
    zone = window.get("zone", "UTC")
    utc = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(milliseconds=now_ms)
    if zone[0] in "+-":
        local = (utc + timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[4:]))).replace(tzinfo=None)
    else:
        local = utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for back in (0, 1):
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=back)
        begin, end = (midnight + _clock(window[key]) for key in ("from", "to"))
        end += timedelta(days=1) if end < begin else timedelta(0)
        if begin <= local < end and DAYS[midnight.weekday()] in window.get("days", DAYS):
            return True
    return False


def _clock(text):
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
