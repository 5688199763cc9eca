"""Which requests ask for the same answer each time."""

import json
from typing import Any

import pytest

from signalbox.completion.kept_terms import is_deterministic, terms_of
from signalbox.data_api import dialect
from signalbox.request import Request

PIXEL = "iVBORw0KGgo="
LINK = "https://example.com/today.png"


def chat(*parts: Any) -> bool:
    body = {"model": "chat", "temperature": 0, "messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}]}
    return is_deterministic(dialect("openai_chat").to_request(json.dumps(body).encode(), {}))


def messages(*parts: Any) -> bool:
    body = {"model": "chat", "temperature": 0, "max_tokens": 9, "messages": [{"role": "user", "content": list(parts)}]}
    return is_deterministic(dialect("anthropic_messages").to_request(json.dumps(body).encode(), {"anthropic-version": "2023-06-01"}))


def image(url: str) -> Any:
    return {"type": "image_url", "image_url": {"url": url}}


def source(kind: str, **source: str) -> Any:
    return {"type": kind, "source": source}


@pytest.mark.parametrize(
    ("said", "deterministic"),
    [
        (chat(), True),
        (chat(image(f"data:image/png;base64,{PIXEL}")), True),
        (chat(image(LINK)), False),
        (chat({"type": "file", "file": {"file_id": "file-1"}}), False),
        (chat({"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}}), True),
        (messages(source("image", type="base64", media_type="image/png", data=PIXEL)), True),
        (messages(source("image", type="url", url=LINK)), False),
        (messages(source("document", type="url", url=LINK)), False),
        (messages(source("document", type="text", media_type="text/plain", data=f"See {LINK}.")), True),
        (messages({"type": "tool_result", "tool_use_id": "t", "content": [source("image", type="url", url=LINK)]}), False),
    ],
)
def test_what_the_provider_would_fetch_may_be_another_by_then(said, deterministic):
    assert said is deterministic


@pytest.mark.parametrize(
    ("said", "ages"),
    [
        ("60", (60, 61)),
        ("0060", (60, 61)),
        ("999999999", (999_999_999, 10**9)),
        ("2147483647", (2**31, 2**31 + 1)),
        ("2147483648", (2**31, 2**31 + 1)),
        ("9" * 5_000, (2**31, 2**31 + 1)),
    ],
)
def test_an_age_is_read_however_large_it_is(said, ages):
    terms = terms_of({"ttl_s": 2**40}, Request("openai_chat", "chat"), f"max-age={said}")
    assert terms is not None
    assert terms.reads
    assert [terms.is_young(age) for age in ages] == [True, False]


@pytest.mark.parametrize("said", ["0", "000", "-1", "1.5", "", "\u0665", "soon"])
def test_an_age_that_is_none_counts_as_stale(said):
    terms = terms_of({"ttl_s": 60, "any": True}, Request("openai_chat", "chat"), f"max-age={said}")
    assert terms is not None
    assert not terms.reads
