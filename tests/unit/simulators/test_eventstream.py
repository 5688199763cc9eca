"""What is framed here is read by AWS's own client, and what is spoilt is not."""

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from ops.simulators.providers.eventstream import event, exception, garbled


def read(data: bytes):
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


@given(
    payloads=st.lists(st.binary(max_size=200), min_size=1, max_size=4), kind=st.text(st.characters(codec="ascii"), min_size=1, max_size=40)
)
def test_events_are_framed_as_aws_frames_them(payloads, kind):
    messages = read(b"".join(event(kind, payload) for payload in payloads))
    assert [message.payload for message in messages] == payloads
    assert {message.headers[":event-type"] for message in messages} == {kind}
    assert messages[0].headers[":message-type"] == "event"


def test_an_exception_says_what_it_is():
    (message,) = read(exception("throttlingException", b'{"message":"x"}'))
    assert (message.headers[":message-type"], message.headers[":exception-type"]) == ("exception", "throttlingException")
    assert message.to_response_dict()["status_code"] == 400


@given(st.binary(min_size=1, max_size=100))
def test_a_garbled_event_fails_its_checksum_and_no_other_does(payload):
    whole = event("contentBlockDelta", payload)
    with pytest.raises(ChecksumMismatch):
        read(garbled(whole))
    buffer = EventStreamBuffer()
    buffer.add_data(garbled(whole) + whole)
    with pytest.raises(ChecksumMismatch):
        next(buffer)
    assert len(garbled(whole)) == len(whole)
