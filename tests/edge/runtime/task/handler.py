"""What the tests have the loop run. Each act tells the tests' server what it does, and waits at its gates."""

import os
import time
import urllib.request
from collections.abc import Callable, Iterator

from signalbox.runtime import termination
from signalbox.runtime.invocation import Context, Response

SERVER = os.environ["TESTS_SERVER"]
# A busy machine may take longer than Lambda gives to do what a test is about.
termination.GRACE_S = float(os.environ.get("TESTS_GRACE_S", termination.GRACE_S))
termination.LAST_S = float(os.environ.get("TESTS_LAST_S", termination.LAST_S))
TEXT = {"content-type": "text/plain"}


def tell(what: str) -> None:
    urllib.request.urlopen(f"{SERVER}/told", what.encode(), timeout=60).close()


def wait_at(gate: str) -> None:
    urllib.request.urlopen(f"{SERVER}/gates/{gate}", timeout=60).close()


def whole(event: dict, context: Context) -> Response:
    return Response(201, TEXT, event.get("body", "whole").encode())


def binary(event: dict, context: Context) -> Response:
    return Response(200, {"content-type": "image/png"}, b"\x89PNG\xff\x00")


def huge(event: dict, context: Context) -> Response:
    return Response(200, TEXT, b"x" * event["bytes"])


def streamed(event: dict, context: Context) -> Response:
    return Response(200, TEXT, iter([b"one", b"", b"two"]), lambda: tell("after"))


def gated(event: dict, context: Context) -> Response:
    def body() -> Iterator[bytes]:
        yield b"first"
        wait_at("last")
        tell("last is produced")
        yield b"last"

    return Response(200, TEXT, body(), lambda: tell("after"))


def breaks(event: dict, context: Context) -> Response:
    def body() -> Iterator[bytes]:
        yield b"first"
        raise ValueError("a prompt in an error's text")

    return Response(200, TEXT, body(), lambda: tell("after"))


def endless(event: dict, context: Context) -> Response:
    def body() -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            tell("closed")

    return Response(200, TEXT, body(), lambda: tell("after"))


def raises(event: dict, context: Context) -> Response:
    raise ValueError("a prompt in an error's text")


def returns_nothing(event: dict, context: Context) -> None:
    return None


def after_raises(event: dict, context: Context) -> Response:
    def after() -> None:
        raise KeyError("a prompt in an error's text")

    return Response(200, TEXT, b"whole", after)


def after_waits(event: dict, context: Context) -> Response:
    def after() -> None:
        wait_at("after")
        tell("after")

    return Response(200, TEXT, b"whole", after)


def hangs(event: dict, context: Context) -> Response:
    def body() -> Iterator[bytes]:
        try:
            yield b"first"
            wait_at("never")
        finally:
            tell("closed")

    return Response(200, TEXT, body(), lambda: tell("after"))


def hangs_on(event: dict, context: Context) -> Response:
    def body() -> Iterator[bytes]:
        try:
            yield b"first"
            wait_at("never")
        finally:
            wait_at("never")

    return Response(200, TEXT, body(), lambda: wait_at("never"))


def context_of(event: dict, context: Context) -> Response:
    tell(f"{context.request_id} {context.deadline_ms} {context.function_arn} {context.trace_id}")
    tell(f"trace id {os.environ['_X_AMZN_TRACE_ID']}")
    before_s, remaining_s, after_s = time.time(), context.remaining_s(), time.time()
    tell(f"remaining {before_s <= context.deadline_ms / 1000 - remaining_s + 1e-3 <= after_s + 2e-3}")
    return Response(200)


def prints(event: dict, context: Context) -> Response:
    print("printed", flush=False)  # noqa: T201
    return Response(200)


def handler(event: dict, context: Context) -> Response | None:
    acts: dict[str, Callable] = {name: act for name, act in globals().items() if callable(act)}
    return acts[event["act"]](event, context)


def shutdown() -> None:
    tell("shutdown")
