"""Names that nobody has listed, which callers make up below a `*`: they go into headers, keys of tables and events."""

import json

import pytest

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import to_snapshot

DOCUMENT = """\
version: 1
providers: {openai: {}}
models: {openai/*: {context_window: 9000, max_output_tokens: 900}}
"""
GOOD = ["openai/x", "openai/org/model:free@2026-11", "openai/" + "x" * 193]
BAD = ["openai/", "openai/*", "openai/" + "x" * 194, "openai/a b", "openai/a\r\nset-cookie: b", "openai/\x00", "openai/ü", "openai/模型"]


def snapshot():
    return to_snapshot(json.loads(compile_text(DOCUMENT).json), 1, "")


@pytest.mark.parametrize("name", GOOD)
def test_a_name_below_a_star_is_a_route_of_its_own(name):
    route = snapshot().route(name)
    assert (route.name, route.targets) == (name, (name,))
    assert snapshot().targets[name].model == name.removeprefix("openai/")


@pytest.mark.parametrize("name", BAD)
def test_what_no_header_and_no_event_can_hold_is_no_name(name):
    assert snapshot().route(name) is None
    with pytest.raises(KeyError):
        snapshot().targets[name.rstrip("*")]


@pytest.mark.parametrize("name", BAD)
def test_and_none_that_a_document_may_name(name):
    with pytest.raises(InvalidDocument, match=r"no one model|there is no model"):
        compile_text(f"{DOCUMENT}routes: {{mine: {{targets: [{json.dumps(name)}]}}}}")
