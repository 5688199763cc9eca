"""What docs/limits.md says of defaults, names and answers is so."""

import re
from pathlib import Path

from signalbox.admission.rates import DEFAULTS, Limits, Need, limits_of, never
from signalbox.admission.windows import SHARE_OF_REST, SLICES
from signalbox.aws.rates import GRACE_MS, LACKED_MS
from signalbox.completion.features import CHARS_PER_TOKEN
from signalbox.completion.limited import PREFIX, PREFIXES
from signalbox.config.rules import MOST_REQUEST_KB
from signalbox.data_api import MAX_BODY_BYTES
from signalbox.errors import STATUS
from signalbox.routing.catalog import Route
from signalbox.routing.costs import EXPECTED_OUTPUT_TOKENS

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text()


def test_each_limit_is_told_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| ([\w,]+) \| (\w+) \|$", GUIDE, re.M)
    assert [name for name, *_ in rows] == list(Limits._fields)
    for name, key, others in rows:
        default = DEFAULTS["key"].get(name)
        assert key == ("none" if default is None else f"{default:,}")
        assert others == "none"
    assert limits_of("team#t/a", {}) == limits_of("tenant#t", {}) == Limits()


def test_each_answer_is_told_with_its_status():
    rows = re.findall(r"^\| (\d{3}) `(\w+)`", GUIDE, re.M)
    assert [(int(status), code) for status, code in rows] == [
        (STATUS[code], code) for code in ("rate_limited", "permission_denied", "request_too_large")
    ]
    refused = [never("key#k", limits, Need(9, 0)) for limits in (Limits(concurrency=0), Limits(tokens_per_minute=8))]
    assert [refusal.code for refusal in refused] == ["permission_denied", "request_too_large"]


def test_the_headers_have_these_names():
    fields = ("limit", "remaining", "reset")
    assert all(f"`{PREFIX.format(field=field, what='requests')}`" in GUIDE for field in fields)
    [anthropic] = PREFIXES.values()
    assert all(f"`{anthropic.format(field=field, what='requests')}`" in GUIDE for field in fields)


def test_its_numbers_are_those_of_the_code():
    assert SLICES["requests"] == SLICES["tokens"] == 50
    assert "2 % of a minute's limit" in GUIDE
    assert f"1/{SHARE_OF_REST} of what" in GUIDE
    assert CHARS_PER_TOKEN == 4
    assert f"or {EXPECTED_OUTPUT_TOKENS} where nothing is said" in GUIDE
    assert f"{GRACE_MS // 1000} s after its deadline" in GUIDE
    assert LACKED_MS == 1_000
    assert Route._field_defaults["max_request_bytes"] == 2**20
    assert MOST_REQUEST_KB * 1024 == MAX_BODY_BYTES
