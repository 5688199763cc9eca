"""What a request is told by: what must stay the same from turn to turn does, and what callers write has its bounds."""

import pytest

from signalbox.admission.keys import Caller
from signalbox.completion.asked import MOST_AGENT_CHARS, Asked, to_asked
from signalbox.completion.clock import Clock
from signalbox.completion.features import to_features
from signalbox.completion.permits import Permits
from signalbox.errors import Refusal
from signalbox.request import Message, Request, Text

from .fakes import Now
from .trips import SNAPSHOT

CALLER = Caller("k1", "acme", "search", minted=False)
SYSTEM, FIRST, ANSWER, SECOND = (
    Message(role, (Text(text),)) for role, text in (("system", "Be short."), ("user", "Who?"), ("assistant", "Me."), ("user", "Why?"))
)


def features(*messages, secret=b"m", caller=CALLER, user=None):
    asked = Asked("r1", 0, 0.0, 20.0, caller, Request("openai_chat", "chat", messages, user=user), 2)
    return to_features(asked, Permits(), SNAPSHOT, secret)


def conversation(*messages):
    return features(*messages).conversation


@pytest.mark.parametrize("begins", [(FIRST,), (SYSTEM, FIRST), (ANSWER, FIRST), (SYSTEM, SYSTEM, FIRST)])
def test_a_conversation_is_the_same_one_from_its_first_turn_on(begins):
    assert conversation(*begins) == conversation(*begins, ANSWER, SECOND) == conversation(*begins, SYSTEM, ANSWER, SECOND, ANSWER, SECOND)
    assert conversation(*begins) != conversation(*begins[:-1], SECOND)


def test_what_has_no_words_is_no_conversation():
    assert conversation() == conversation(Message("assistant", ()), Message("assistant", ())) == ""


def test_nobody_without_the_secret_can_try_what_was_said_and_nobody_finds_it_again_elsewhere():
    other, rival = {"secret": b"n"}, {"caller": CALLER._replace(tenant="rival")}
    assert features(FIRST) == features(FIRST)
    assert len({features(FIRST, **more).conversation for more in ({}, other, rival)}) == 3
    assert len({features(user="ann", **more).user for more in ({}, other, rival)}) == 3
    told = features(FIRST, user="Who?")
    assert told.user != told.conversation


@pytest.mark.parametrize(("chars", "is_taken"), [(MOST_AGENT_CHARS, True), (MOST_AGENT_CHARS + 1, False)])
def test_an_agents_name_has_a_bound(chars, is_taken):
    def asked():
        now = Now()
        return to_asked(CALLER, Request("openai_chat", "chat"), {"x-signalbox-agent": "ä" * chars}, 2, 30.0, Clock(now, now, now.sleep))

    if is_taken:
        assert asked().agent == "ä" * chars
        return
    with pytest.raises(Refusal, match="x-signalbox-agent must be a name of up to 200 characters") as refusal:
        asked()
    assert refusal.value.code == "invalid_request"
