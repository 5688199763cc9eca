"""What answers and errors look like before they are sent."""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signalbox.runtime import buffered
from signalbox.runtime.environment import find
from signalbox.runtime.failures import RuntimeFailure, to_error
from signalbox.runtime.invocation import Context, Response
from signalbox.runtime.streamed import to_broken_end, to_chunk, to_prelude

LAYER = str(Path(__file__).parents[3] / "layers" / "shared")


def test_a_chunk_says_its_length_and_nothing_is_no_chunk():
    assert to_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert to_chunk(b"") == b""


def test_the_prelude_is_json_and_eight_nul_bytes():
    assert to_prelude(404, {"x-a": "ü"}) == to_chunk(b'{"statusCode":404,"headers":{"x-a":"\\u00fc"}}' + b"\0" * 8)


def test_the_broken_end_stays_on_its_lines_whatever_the_error():
    end = to_broken_end({"errorType": "Function.Überlauf", "errorMessage": "a\r\nb" * 100})
    last, kind, body, *rest = end.split(b"\r\n")
    assert (last, kind, rest) == (b"0", b"Lambda-Runtime-Function-Error-Type: Function.?berlauf", [b"", b""])
    assert json.loads(base64.b64decode(body.partition(b": ")[2]))["errorMessage"] == "a\r\nb" * 100


def test_a_buffered_answer_may_be_as_long_as_lambda_takes_and_not_a_byte_longer(monkeypatch):
    response = Response(200, {}, "ü".encode())
    monkeypatch.setattr(buffered, "LIMIT_BYTES", len(buffered.to_proxy_answer(response)))
    buffered.to_proxy_answer(response)
    with pytest.raises(RuntimeFailure, match="the answer has"):
        buffered.to_proxy_answer(Response(200, {}, "üx".encode()))


def test_an_error_tells_its_place_and_not_its_text():
    try:
        raise KeyError("tell me of trains")
    except KeyError as error:
        described = to_error(error)
    assert described["errorType"] == "Function.KeyError"
    assert "trains" not in str(described)
    assert described["stackTrace"][0].startswith(__file__)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({}, "buffered"),
        ({"SIGNALBOX_RESPONSE_MODE": ""}, "buffered"),
        ({"SIGNALBOX_RESPONSE_MODE": "stream"}, "stream"),
        ({"SIGNALBOX_RESPONSE_MODE": "buffered"}, "buffered"),
        ({"SIGNALBOX_RESPONSE_MODE": "stream", "AWS_SAM_LOCAL": "true"}, "buffered"),
        ({"SIGNALBOX_RESPONSE_MODE": "stream", "AWS_SAM_LOCAL": "false"}, "stream"),
    ],
)
def test_buffered_under_sam_local_or_where_nothing_is_said(said, mode):
    assert find({"AWS_LAMBDA_RUNTIME_API": "localhost:9001"} | said).response_mode == mode


def test_remaining_time_counts_down_to_zero_and_not_below(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    assert [Context("id", deadline_ms).remaining_s() for deadline_ms in (1_060_000, 1_000_500, 1_000_000, 1)] == [60, 0.5, 0, 0]


def test_the_loop_loads_nothing_heavy():
    heavy = {"http", "email", "ssl", "logging", "asyncio", "traceback", "urllib", "threading", "tempfile", "subprocess"}
    program = "import signalbox.runtime.loop, signalbox.runtime.termination, sys; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-S", "-c", program], env={"PYTHONPATH": LAYER}, capture_output=True, text=True, check=True)
    assert not heavy & set(loaded.stdout.split())
