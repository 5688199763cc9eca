"""`signalbox up`: everything on this machine, started in order and stopped in the opposite one."""

import argparse
import asyncio
import contextlib
import errno
import shutil
import signal
import sys
import time
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from signalbox.aws.sign import Credentials, signed
from signalbox.wire import HttpRequest

from ..trouble import Trouble
from .emulator import CREDENTIALS, REGION, Cloud, Emulator
from .instance import Instance, lost_since
from .processes import Child, require_port
from .settings import ROOT, Settings, from_environment

ROOT_KEY = Credentials.from_env(CREDENTIALS)
SIMULATORS_S = 60
WATCH_S = 1.0
ENDINGS = (signal.SIGINT, signal.SIGTERM)


def run(_: argparse.Namespace) -> None:
    for ending in ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    try:
        settings = from_environment()
        settings.check()
        instance = Instance(settings.home)
        stack = Stack(settings, instance)
        try:
            stack.run()
        except KeyboardInterrupt:
            say("stopping before it stood …")
        finally:
            for ending in ENDINGS:
                signal.signal(ending, signal.SIG_IGN)
            saved = stack.stop()
            instance.close(clean=saved)
        if not saved:
            raise Trouble(f"stopped, but the state is not saved: {lost_since(settings.state)}; the logs are in {settings.logs}")
        say("stopped; the state is kept in " + str(settings.home))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Trouble("the disk is full: free some space and start again") from error
        raise Trouble(f"{error.strerror or error}: {error.filename or ''}") from error
    except (BotoCoreError, ClientError) as error:
        raise Trouble(f"the embedded AWS refused: {error}") from error


def say(line: str) -> None:
    print(line, flush=True)


class Stack:
    def __init__(self, settings: Settings, instance: Instance) -> None:
        self.settings = settings
        self.instance = instance
        self.emulator: Emulator | None = None
        self.children: list[Child] = []

    def run(self) -> None:
        began = time.monotonic()
        settings = self.settings
        port = require_port(settings.port, "PORT", "the API")
        sim_port = require_port(settings.sim_port, "SIM_PORT", "the simulated providers")
        settings.logs.mkdir(parents=True, exist_ok=True)
        self._empty()
        say("starting the embedded AWS and the simulated providers …")
        self.emulator = Emulator(settings)
        simulators = self._simulators(sim_port)
        if self.instance.crashed:
            say(f"the last run did not stop cleanly: {lost_since(settings.state)}; deploying again")
        cloud = self.emulator.wait()
        say("deploying template.yaml …")
        api, functions = self._deploy(cloud, f"http://127.0.0.1:{sim_port}")
        simulators.wait_for(sim_port, SIMULATORS_S)
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._serve(cloud, api, functions, port, sim_port, began))
        say("stopping …")

    def stop(self) -> bool:
        """True where the embedded AWS has saved its state."""
        for child in self.children:
            child.stop(2)
        saved = self.emulator.stop() if self.emulator else not self.instance.crashed
        self._empty()
        return saved

    def _empty(self) -> None:
        """Where the embedded AWS unpacks functions: of use to nobody once it has ended."""
        shutil.rmtree(self.settings.home / "tmp", ignore_errors=True)

    def _simulators(self, port: int) -> Child:
        command = [sys.executable, "-m", "ops.simulators", "--port", str(port)]
        log = self.settings.logs / "simulators.log"
        child = Child("the simulated providers", command, {"PATH": "", "LANG": "C.UTF-8"}, ROOT, log, signal.SIGKILL)
        self.children.append(child)
        return child

    def _deploy(self, cloud: Cloud, sim_url: str) -> tuple[Any, dict[str, str]]:
        from . import deploy, seed  # the slow imports, while the emulator starts
        from .rest_api import RestApi

        deploy.deploy(cloud, self.settings.home / "build", self.settings.environment, lambda line: say(line))
        outputs = deploy.outputs(cloud)
        seed.seed(cloud, outputs, self.settings.environment, sim_url, lambda line: say(line))
        return RestApi.from_template(deploy.transformed(cloud), deploy.PARAMETERS["Stage"]), deploy.functions(cloud)

    async def _serve(self, cloud: Cloud, api: Any, functions: dict[str, str], port: int, sim_port: int, began: float) -> None:
        from .front_door import FrontDoor
        from .functions import fetch
        from .pool import Pool

        streamed = {row.function for _, _, methods in api.routes for row in methods.values() if row.streams}
        pools = {id: Pool(fetch(cloud, self.settings, id, functions[id])) for id in streamed}

        emulator = httpx.AsyncClient(base_url=cloud.endpoint, timeout=None)  # boto3's calls cannot be given up

        async def invoke(id: str, event: bytes) -> bytes | None:
            path = f"/2015-03-31/functions/{functions[id]}/invocations"
            call = signed(HttpRequest("POST", cloud.endpoint + path, {}, event), ROOT_KEY, REGION, "lambda", time.time())
            answer = await emulator.post(path, content=event, headers=dict(call.headers))
            return answer.content if answer.is_success and "x-amz-function-error" not in answer.headers else None

        door = FrontDoor(api, pools, invoke)
        me = asyncio.current_task()
        assert me
        for ending in ENDINGS:
            asyncio.get_running_loop().add_signal_handler(ending, me.cancel)
        try:
            await door.start(port)
            self.instance.announce(url=f"http://127.0.0.1:{port}", simulators=f"http://127.0.0.1:{sim_port}", aws=cloud.endpoint)
            _greet(port, sim_port, cloud, self.settings.cache_url, time.monotonic() - began)
            while True:
                await asyncio.sleep(WATCH_S)
                for child in [*self.children, self.emulator.child] if self.emulator else []:
                    child.check()
        finally:
            await door.close()
            await emulator.aclose()


def _greet(port: int, sim_port: int, cloud: Cloud, cache_url: str, took_s: float) -> None:
    cache = f"\n  answers are cached in {cache_url}" if cache_url else ""
    say(f"""
  the API               http://127.0.0.1:{port}
  simulated providers   http://127.0.0.1:{sim_port}   (PUT /faults/{{provider}}, GET /ledger)
  embedded AWS          {cloud.endpoint}{cache}
  data key              sk-signalbox-local
  admin key             ak-signalbox-local

Try:
  curl http://127.0.0.1:{port}/v1/chat/completions -H 'authorization: Bearer sk-signalbox-local' \\
    -H 'content-type: application/json' -d '{{"model": "chat", "messages": [{{"role": "user", "content": "Hello"}}]}}'

Everything stands after {took_s:.1f} s; Ctrl-C stops it.
signalbox ready""")
