"""Containers' clients, each of which tells how many calls it made, and a clock that is put by hand."""

from contextlib import contextmanager

from signalbox.aws.client import Aws

from .conftest import ENVIRONMENT


class Clock:
    def __init__(self, now_ms):
        self.now_ms = now_ms

    def __call__(self):
        return self.now_ms / 1000


class Counted(Aws):
    made = 0

    def begin(self, call, **rest):
        self.made += 1
        return super().begin(call, **rest)


def client(endpoint):
    return Counted(ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}, sleep=lambda _: None)


@contextmanager
def clients(endpoint):
    """As many as are asked for."""
    opened = []

    def open_one():
        opened.append(client(endpoint))
        return opened[-1]

    try:
        yield open_one
    finally:
        for aws in opened:
            aws.close()
