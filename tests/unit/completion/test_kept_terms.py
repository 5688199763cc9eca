"""Which requests ask for the same answer each time."""

import json
from typing import Any

import pytest

from signalbox.completion.kept_terms import is_deterministic
from signalbox.data_api import dialect

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
