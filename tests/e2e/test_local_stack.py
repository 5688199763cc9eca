"""What `make run` promises of itself: a state that survives, a crash that is told, one clear line where it cannot start."""

import os
import signal
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from ops.local.instance import running
from tests import valkey
from tests.identity import Identity, token

from . import published
from .stack import Stack
from .waiting import eventually


def ask(stack):
    raw = stack.client(stack.key).chat.completions.with_raw_response.create(model="chat", messages=[{"role": "user", "content": "say: hi"}])
    assert raw.parse().choices[0].message.content == "hi"
    return raw.headers


class Process(NamedTuple):
    """The same number may be another's later, but not with the same beginning."""

    pid: int
    began: int
    parent: int


def processes():
    """All that are, the frozen ones as well; not those that are over and wait for somebody to hear of it."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *more = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            yield Process(int(stat.parent.name), int(more[17]), int(parent))


def children(pid):
    """All below it."""
    all_of_them, found = list(processes()), set()
    while more := {each for each in all_of_them if each.parent in {pid, *(one.pid for one in found)}} - found:
        found |= more
    return found


def part(stack, word):
    """The process of this command that the stack itself has started; what that starts in turn has the same words for a moment."""
    own = (each.pid for each in children(stack.process.pid) if each.parent == stack.process.pid)
    return next(pid for pid in own if word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))


def alive(some):
    """Whoever has lost its parent has another."""
    return {each[:2] for each in some} & {each[:2] for each in processes()}


@pytest.fixture
def own(tmp_path):
    """A stack that the test may start, stop and break."""
    stacks = []

    def make(**environment):
        stacks.append(Stack(tmp_path / "home", **environment))
        return stacks[-1]

    yield make
    for stack in stacks:
        if hasattr(stack, "process") and stack.process.poll() is None:
            stack.stop()


def test_a_clean_stop_keeps_the_state_and_leaves_nothing_running(own):
    first = own()
    first.start()
    asked = ask(first)
    used = eventually(lambda: first.used(key="local"), lambda used: used["requests"] == 1)
    assert used["cost_nanousd"] > 0
    below = children(first.process.pid)
    assert len(below) >= 3  # the embedded AWS, the simulators, a worker
    assert first.stop(signal.SIGTERM) == 0
    eventually(lambda: not alive(below))
    second = own()
    second.made = first.made
    second.start()
    assert "was lost" not in second.output
    assert first.sim_url != second.sim_url
    assert second.used(key="local") == used
    assert int(ask(second)["x-signalbox-config-version"]) == int(asked["x-signalbox-config-version"]) + 1  # as they have moved
    eventually(lambda: second.used(key="local"), lambda used: used["requests"] == 2)
    assert second.stop() == 0


def test_a_crash_leaves_nothing_running_and_the_next_start_says_what_is_lost(own):
    first = own()
    first.start()
    ask(first)
    below = children(first.process.pid)
    os.kill(first.process.pid, signal.SIGKILL)
    first.stop()
    eventually(lambda: not alive(below))
    second = own()
    second.start()
    assert "did not stop cleanly" in second.output
    assert "lost" in second.output
    ask(second)


def test_an_embedded_aws_that_dies_saves_nothing_and_the_next_start_says_so(own):
    first = own()
    first.start()
    os.kill(part(first, b"ministack"), signal.SIGKILL)
    assert first.ended() == 1
    assert "the embedded AWS ended by itself" in first.output
    second = own()
    second.start()
    assert "did not stop cleanly" in second.output
    assert "lost" in second.output
    assert second.stop() == 0


def test_what_the_environment_says_no_more_no_longer_holds_on_a_kept_state(own):
    """Nor does what it says anew wait for a change of the code: the function's alias goes to a version that has it."""
    with Identity() as identity:
        trusting = own(**identity.environment)
        trusting.start()
        bearer = token("ec", tenant="acme")
        assert trusting.get("/v1/models", bearer).status_code == 200
        assert trusting.stop() == 0
        plain = own()
        plain.start()
        assert plain.get("/v1/models", bearer).status_code == 401
        ask(plain)
        assert plain.stop() == 0


@valkey.needed
def test_a_valkey_of_this_machine_keeps_the_answers(own, tmp_path):
    with valkey.Server(tmp_path) as server:
        stack = own(SIGNALBOX_CACHE_URL=server.url)
        stack.start()
        assert f"answers are cached in {server.url}" in stack.output
        published.followed(stack, published.Document(stack).publish({"routes": {"chat": {"cache": {"ttl_s": 600}}}}))
        eventually(lambda: published.ask(stack, "chat", temperature=0).headers["x-signalbox-cache"], lambda found: found == "hit")
        assert stack.aws("dynamodb").scan(TableName=stack.outputs["CacheTableName"])["Items"] == []
        assert stack.stop() == 0


def test_one_stack_per_folder(own):
    first = own()
    first.start()
    with pytest.raises(AssertionError, match=rf"already runs from .*process {first.process.pid}, {first.url}"):
        own().start()
    ask(first)


@pytest.mark.parametrize("name", ["PORT", "SIM_PORT"])
def test_a_taken_port_is_named_before_anything_is_started(own, tmp_path, name):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        stack = own(**{name: str(port)})
        with pytest.raises(AssertionError, match=f"signalbox: port {port}, .* is taken: .*{name}="):
            stack.start()
    assert stack.ended() == 1
    assert running(tmp_path / "home") == {}
    assert not (tmp_path / "home" / "aws").exists()


def test_when_a_part_dies_the_rest_is_stopped_and_the_part_is_named(own):
    stack = own()
    stack.start()
    below = children(stack.process.pid)
    os.kill(part(stack, b"ops.simulators"), signal.SIGKILL)
    assert stack.ended() == 1
    assert "the simulated providers ended by itself" in stack.output
    eventually(lambda: not alive(below))
