"""Every way in which an upstream says when to come again."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.providers.retry_after import retry_after_s

NOW_S = 1_795_230_000.0
IN_A_MINUTE = format_datetime(datetime.fromtimestamp(NOW_S + 60, UTC), usegmt=True)
RETRY_INFO = b'{"error": {"code": 429, "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}'


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, b"", 7),
        ({"retry-after": " 0.25 "}, b"", 0.25),
        ({"retry-after": "0"}, b"", 0),
        ({"retry-after": IN_A_MINUTE}, b"", 60),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", 0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, b"", 1.5),
        ({"x-ms-retry-after-ms": "250"}, b"", 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, b"", 3),
        ({}, RETRY_INFO, 34.5),
        ({"retry-after": "1"}, RETRY_INFO, 1),
        ({"retry-after": "-5"}, b"", None),
        ({"retry-after": "\u0661"}, b"", None),
        ({"retry-after": "1e9"}, b"", None),
        ({"retry-after": ""}, b"", None),
        ({}, b'{"error": {}}', None),
    ],
)
def test_every_spelling_is_read(headers, body, seconds):
    assert retry_after_s(headers, body, NOW_S) == seconds


@given(st.text(max_size=40), st.binary(max_size=60))
def test_whatever_is_said_there_is_a_wait_or_none(value, body):
    wait = retry_after_s({"retry-after": value, "retry-after-ms": value}, body, NOW_S)
    assert wait is None or wait >= 0
