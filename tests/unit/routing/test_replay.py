from types import MappingProxyType

from signalbox.routing.catalog import Timeouts
from signalbox.routing.decide import Decision
from signalbox.routing.replay import digest

PLAIN = Decision("chat", "chat", ("a/x", "b/y"), "a/x", "sequential", Timeouts(None, None, 30.0), 3)


def test_the_digest_is_the_same_in_every_process():
    assert digest(PLAIN) == "175156eed85164d7d12ee80d412f8c4ca694c35c1b68a4b987ec8c076b3d78e9"


def test_what_is_decided_changes_it_and_how_it_is_held_does_not():
    assert digest(PLAIN._replace(targets=("b/y", "a/x"))) != digest(PLAIN)
    assert digest(PLAIN._replace(retries={"server": 1})) != digest(PLAIN)
    one = PLAIN._replace(retries=MappingProxyType({"server": 1, "timeout": 2}))
    assert digest(one) == digest(PLAIN._replace(retries={"timeout": 2, "server": 1}))


def test_words_do_not_change_it():
    passed = PLAIN._replace(passed=(("c/z", "cannot serve `tools`"),), reasons={"a/x": "first declared"}, warning="open")
    assert digest(passed) == digest(passed._replace(passed=(("c/z", "has no tools"),), reasons={}, warning="every circuit is open"))
    assert digest(passed) != digest(PLAIN)
