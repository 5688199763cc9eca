"""A front door of the test's own, on a thread: in front of workers that run the real loop with the handler below."""

import asyncio
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ops.local import worker
from ops.local.front_door import FrontDoor
from ops.local.pool import Pool
from ops.local.rest_api import RestApi
from ops.local.worker import Function

PATIENCE_S = 60  # nothing waits so long but what is broken
LAYER = Path(__file__).parents[3] / "layers" / "shared"

HANDLER = '''
import os, pathlib, time
from signalbox.runtime.invocation import Response

HERE = pathlib.Path(__file__).parent
if (HERE / "broken").exists():
    raise ValueError("this function does not start")


def wait_for(name):
    """A gate is a file: the test opens it."""
    while not (HERE / name).exists():
        time.sleep(0.005)


def chunks(event):
    yield b"one "
    wait_for("gate")
    if event["path"] == "/breaks":
        raise ValueError("midway")
    yield b"two"
    (HERE / "yielded-all").touch()


def handler(event, context):
    path = event["path"]
    text = {"content-type": "text/plain", "x-pid": str(os.getpid())}
    if path == "/waits":
        wait_for("gate")
    if path == "/dies":
        os._exit(3)
    if path == "/raises":
        raise ValueError("a defect")
    if path in ("/streams", "/breaks"):
        return Response(200, text, chunks(event))
    if path == "/after":
        return Response(200, text, b"done", lambda: wait_for("after"))
    if path == "/bad-header":
        return Response(200, {"x-split": "a\\nb"}, b"")
    if path == "/hop":
        return Response(201, text | {"connection": "close", "content-length": "3"}, b"made")
    import json
    return Response(200, text, json.dumps(event).encode())


def shutdown():
    (HERE / f"shut-down-{os.getpid()}").touch()
'''


def definition(timeout_ms=60_000):
    def to(uri):
        return {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": {"Fn::Sub": "arn:…" + uri}, "timeoutInMillis": timeout_ms}}

    streamed = to("/2021-11-15/functions/${Streamed}/response-streaming-invocations")
    buffered = to("/2015-03-31/functions/${Buffered.Arn}/invocations")
    paths = {
        "/{proxy+}": {"x-amazon-apigateway-any-method": streamed},
        "/things/{id}": {"get": buffered},
        "/things/own": {"get": streamed},
        "/admin/{proxy+}": {"x-amazon-apigateway-any-method": buffered},
    }
    own = {"responseTemplates": {"application/json": '{"kind": "$context.error.responseType", "said": $context.error.messageString}'}}
    too_large = {"statusCode": "413", "responseParameters": {"gatewayresponse.header.x-why": "'too much'"}}
    body = {"paths": paths, "x-amazon-apigateway-gateway-responses": {"DEFAULT_5XX": own, "REQUEST_TOO_LARGE": own | too_large}}
    return {"Resources": {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}}}}


class Opened:
    def __init__(self, folder, *, timeout_s=30.0, timeout_ms=60_000, reserved=None, idle_s=300.0, invoke=None):
        self.task = folder / "task"
        self._opt = folder / "opt"
        self.task.mkdir()
        (self.task / "handler.py").write_text(HANDLER)
        (self._opt / "python").mkdir(parents=True)
        (self._opt / "python" / "signalbox").symlink_to(LAYER / "signalbox")
        shutil.copy(LAYER / "bootstrap", self._opt)
        environment = {"LAMBDA_TASK_ROOT": str(self.task), "_HANDLER": "handler.handler", "SIGNALBOX_RESPONSE_MODE": "stream"}
        self._function = Function(
            name="streamed",
            arn="arn:aws:lambda:us-east-1:000000000000:function:streamed",
            command=(str(self._opt / "bootstrap"), sys.executable, "/var/runtime/bootstrap.py"),
            environment=environment | {"PATH": os.environ["PATH"]},
            folder=self.task,
            timeout_s=timeout_s,
            log=folder / "worker.log",
            reserved=reserved,
        )
        self._api = RestApi.from_template(definition(timeout_ms), "test")
        self._idle_s = idle_s
        self._invoke = invoke

    def __enter__(self):
        self._patient = pytest.MonkeyPatch()
        self._patient.setattr(worker, "INIT_S", PATIENCE_S)  # a busy machine may take longer than Lambda does
        self._patient.setattr(worker, "SHUTDOWN_S", PATIENCE_S)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = self._run(self._open())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        try:
            self.close()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._patient.undo()

    def close(self):
        self._run(self._close())

    def client(self):
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    def get(self, path):
        return httpx.get(self.url + path, timeout=PATIENCE_S)

    def remove_program(self):
        (self._opt / "bootstrap").unlink()

    def open_gate(self, name="gate"):
        (self.task / name).touch()

    def there(self, name):
        """Waits for a file that the handler makes."""
        eventually(lambda: list(self.task.glob(name)))

    @property
    def workers(self):
        return len(self._pool.workers)

    @property
    def idle(self):
        return len(self._pool._idle)

    async def _open(self):
        self._pool = Pool(self._function, self._idle_s)
        self._door = FrontDoor(self._api, {"Streamed": self._pool}, self._invoke)
        return await self._door.start(0)

    async def _close(self):
        await self._door.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:  # one that ends may have begun another
            await asyncio.sleep(0)  # what is cancelled before it has begun leaves its connection open
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)


def eventually(look, within_s=PATIENCE_S):
    until = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)
    return seen


def is_frozen(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def is_gone(pid):
    return not Path(f"/proc/{pid}").exists()
