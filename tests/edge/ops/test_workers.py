"""Execution environments: grown, reused, frozen and ended as Lambda does it."""

import concurrent.futures
import contextlib
import os
import signal

import httpx
import pytest

from ops.local import worker

from .opened import Opened, eventually, is_frozen, is_gone


@pytest.fixture
def opened(tmp_path):
    with Opened(tmp_path) as opened:
        yield opened


def pid_of(opened, path="/fine"):
    return opened.get(path).headers["x-pid"]


@contextlib.contextmanager
def streaming(opened):
    """A request in flight, with the process that serves it."""
    with opened.client() as client, client.stream("GET", "/streams") as answer:
        chunks = answer.iter_raw()
        next(chunks)
        yield answer.headers["x-pid"], chunks


def test_a_worker_is_frozen_when_it_waits_and_thawed_for_the_next_request(opened):
    pid = pid_of(opened)
    for _ in range(3):
        eventually(lambda: is_frozen(pid))
        assert pid_of(opened) == pid
    assert opened.workers == 1


def test_a_second_request_at_once_gets_a_second_worker_and_the_latest_is_reused_first(opened):
    with streaming(opened) as (first, chunks):
        second = pid_of(opened)
        assert second != first
        eventually(lambda: is_frozen(second))
        opened.open_gate()
        assert list(chunks) == [b"two"]
    eventually(lambda: is_frozen(first))
    assert pid_of(opened) == first
    assert opened.workers == 2


def test_a_worker_that_has_lived_long_is_ended_instead_of_frozen(opened, monkeypatch):
    monkeypatch.setattr(worker, "LIFE_S", 0.0)
    pid = pid_of(opened)
    eventually(lambda: is_gone(pid))
    assert pid_of(opened) != pid


def test_work_after_the_answer_is_finished_before_the_freeze(opened):
    busy = pid_of(opened, "/after")  # answered, and its after-work waits for the gate
    assert pid_of(opened) != busy
    assert not is_frozen(busy)
    opened.open_gate("after")
    eventually(lambda: is_frozen(busy))


def test_a_client_that_leaves_does_not_interrupt_the_worker(opened):
    with streaming(opened) as (pid, _):
        pass  # gone after the first chunk
    opened.open_gate()
    opened.there("yielded-all")
    eventually(lambda: is_frozen(pid))
    assert pid_of(opened) == pid


def test_a_worker_that_dies_midway_cuts_the_answer_and_is_replaced(opened):
    with streaming(opened) as (pid, chunks):
        os.kill(int(pid), signal.SIGKILL)
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)
    assert pid_of(opened) != pid
    eventually(lambda: opened.workers == 1)


def test_a_frozen_worker_that_dies_is_not_given_work(opened):
    pid = pid_of(opened)
    eventually(lambda: is_frozen(pid))
    os.kill(int(pid), signal.SIGKILL)
    eventually(lambda: opened.workers == 0)
    assert pid_of(opened) != pid


def test_an_idle_worker_is_thawed_and_asked_to_end(tmp_path):
    with Opened(tmp_path, idle_s=0.2) as opened:
        pid = pid_of(opened)
        opened.there(f"shut-down-{pid}")
        eventually(lambda: is_gone(pid))
        assert pid_of(opened) != pid


def test_closing_ends_every_worker_and_lets_it_give_back_what_it_holds(opened):
    with streaming(opened) as (busy, _):
        idle = pid_of(opened)
        eventually(lambda: is_frozen(idle))
        opened.close()
    opened.there(f"shut-down-{idle}")
    assert is_gone(idle)
    assert is_gone(busy)


def test_a_burst_is_served_whole_by_one_worker_for_each_request_under_way(opened):
    with opened.client() as client, concurrent.futures.ThreadPoolExecutor(12) as many:
        answers = [many.submit(client.get, "/streams") for _ in range(12)]
        eventually(lambda: opened.workers == 12)
        opened.open_gate()
        assert {answer.result().text for answer in answers} == {"one two"}
        eventually(lambda: opened.idle == 12)
        assert {answer.text for answer in many.map(client.get, 12 * ["/streams"])} == {"one two"}
        assert opened.workers == 12
        assert {answer.text for answer in many.map(client.get, 60 * ["/streams"])} == {"one two"}
