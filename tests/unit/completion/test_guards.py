"""Guardrails as a request meets them: those of its route, in their order, shipped ones and somebody else's."""

from importlib.metadata import EntryPoint

import pytest

from signalbox.completion.guards import Guards, guarded
from signalbox.errors import Refusal
from signalbox.reply import TextDelta
from signalbox.request import Message, Request, Text
from signalbox.routing.catalog import Guard, Snapshot

REDACT = Guard("mail", "redact", {"patterns": ["email"]}, None)
REQUEST = Request("openai_chat", "chat", (Message("user", (Text("ann@example.com"),)),))


class Shout:
    def __init__(self, options):
        self._sign = options["sign"]

    def before(self, request):
        return request._replace(user=(request.user or "") + self._sign)

    def after(self, chunks):
        return (chunk._replace(text=chunk.text.upper() + self._sign) for chunk in chunks)


@pytest.fixture
def _entry_points(monkeypatch):
    point = EntryPoint("shout", f"{__name__}:Shout", "signalbox.guardrails")
    monkeypatch.setattr(EntryPoint, "load", lambda self: Shout)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == "signalbox.guardrails" else [])


def snapshot(*guards, digest="d"):
    return Snapshot(1, digest, {}, {}, {}, {}, guards)


def test_a_route_has_its_own_guardrails_and_those_of_all():
    guards = Guards()
    only_chat = REDACT._replace(name="chat only", routes=frozenset({"chat"}))
    assert len(guards.of(snapshot(REDACT, only_chat), "chat")) == 2
    assert len(guards.of(snapshot(REDACT, only_chat), "other")) == 1
    assert guards.of(snapshot(digest="e"), "chat") == ()


def test_they_are_made_once_a_snapshot():
    guards = Guards()
    (first,) = guards.of(snapshot(REDACT), "chat")
    assert guards.of(snapshot(REDACT), "chat") == (first,)
    (other,) = guards.of(snapshot(REDACT, digest="another"), "chat")
    assert other is not first


@pytest.mark.usefixtures("_entry_points")
def test_an_entry_points_guardrail_works_beside_ours_in_order():
    shout = Guard("loud", "shout", {"sign": "!"}, None)
    found = Guards().of(snapshot(REDACT, shout, shout._replace(options={"sign": "?"})), "chat")
    request = REQUEST
    for guard in found:
        request = guard.before(request)
    assert (request.messages[0].parts, request.user) == ((Text("[email]"),), "!?")
    assert list(guarded(iter([TextDelta("to ann@example.com")]), found)) == [TextDelta("TO [EMAIL]!?")]


NOT_MADE = {
    "not installed": REDACT._replace(name="broken", use="missing"),
    "with a pattern that a release before this one took": REDACT._replace(name="broken", options={"custom": {"ticket": "T-[0-9]+"}}),
}


@pytest.mark.parametrize("why", NOT_MADE)
def test_one_that_cannot_be_made_serves_nobody_on_its_routes_and_the_others_go_on(why, capsys):
    guards, broken = Guards(), NOT_MADE[why]._replace(routes=frozenset({"chat"}))
    assert len(guards.of(snapshot(REDACT, broken), "other")) == 1
    for _ in range(2):
        with pytest.raises(Refusal, match="The guardrail broken of this route cannot be set up") as refused:
            guards.of(snapshot(REDACT, broken), "other", "chat")
        assert refused.value.code == "no_route"
        assert "T-" not in str(refused.value)
    assert capsys.readouterr().err.count("the guardrail broken cannot be made") == 1
    with pytest.raises(Refusal):
        guards.of(snapshot(broken._replace(routes=None), digest="another"), "other")
