"""`capture` of a route: what it may say, and what the snapshot has of it."""

import json

import pytest

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import to_snapshot

DOCUMENT = """version: 1
providers: {openai: {}}
models: {openai/gpt-4o-mini: {context_window: 128000, max_output_tokens: 16384}}
routes:
  chat: {targets: [openai/gpt-4o-mini]%s}
"""


def compiled(capture):
    return compile_text(DOCUMENT % (f", capture: {capture}" if capture else ""))


def route(capture):
    done = compiled(capture)
    return to_snapshot(json.loads(done.json), 1, done.digest).routes["chat"]


def test_it_is_off_and_then_not_in_the_snapshot_which_older_releases_read():
    assert route("").capture is None
    assert b"capture" not in compiled("").json


def test_what_is_said_is_in_the_snapshot():
    assert route("{share: 0.01}").capture == {"share": 0.01, "days": 7}
    said = "{share: 1, days: 90, redact: [email, card], own: {employee: 'E[0-9]{6}'}}"
    assert route(said).capture == {"share": 1.0, "days": 90, "redact": ["email", "card"], "own": {"employee": "E[0-9]{6}"}}


@pytest.mark.parametrize(
    ("capture", "path", "message"),
    [
        ("{share: 0}", "routes.chat.capture.share", "0 samples nothing"),
        ("{share: 1.01}", "routes.chat.capture.share", "less than or equal to 1"),
        ("{share: .nan}", "routes.chat.capture.share", "valid number"),
        ("{days: 7}", "routes.chat.capture.share", "missing"),
        ("{share: 1, days: 0}", "routes.chat.capture.days", "greater than or equal to 1"),
        ("{share: 1, days: 91}", "routes.chat.capture.days", "less than or equal to 90"),
        ("{share: 1, redact: []}", "routes.chat.capture.redact", "empty"),
        ("{share: 1, redact: [email, mail]}", "routes.chat.capture.redact.1", "no redactor 'mail'; known: card, email"),
        ("{share: 1, own: {email: x}}", "routes.chat.capture.own.email", "there already"),
        ("{share: 1, own: {mine: '(a+)+'}}", "routes.chat.capture.own.mine", "without a bound"),
        ("{share: 1, own: {mine: '('}}", "routes.chat.capture.own.mine", "no regular expression"),
    ],
)
def test_what_it_may_not_say(capture, path, message):
    with pytest.raises(InvalidDocument) as refused:
        compiled(capture)
    [problem] = refused.value.problems
    assert (problem.path, message in problem.message) == (path, True), problem
