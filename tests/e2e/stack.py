"""One local stack as a subprocess: `.venv/bin/signalbox up`, which is what `make run` runs."""

import functools
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
import openai

from ops.local.instance import running
from ops.simulators.providers import PROVIDERS

from ..valkey import held_port

ROOT = Path(__file__).resolve().parents[2]
START_S = STOP_S = 180  # a busy machine may pause; whoever ends instead is seen at once
LOG_CHARS = 4_000
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; without one each client reads all the world's certificates, for 20 ms

_held: list[socket.socket] = []  # to the end of the process


def own_port():
    """Given to nobody else as long as this process lasts, so that what is told of it may listen there, and again after a restart."""
    holder, port = held_port()
    _held.append(holder)
    return port


class Stack:
    key = "sk-signalbox-local"
    admin_key = "ak-signalbox-local"

    def __init__(self, home, **environment):
        self.home = home
        self.output = ""
        self.made = datetime.now(UTC).date()
        self.http = httpx.Client(verify=PLAIN, timeout=60)
        self._clients: list[httpx.Client] = []
        # Whatever keys and addresses the environment or .env holds.
        simulated = {f"{name.upper()}_{what}": "" for name in PROVIDERS for what in ("API_KEY", "BASE_URL")}
        own = {"SIGNALBOX_HOME": str(home), "PORT": str(own_port()), "SIM_PORT": str(own_port()), "SIGNALBOX_CACHE_URL": ""}
        self._environment = os.environ | simulated | own | environment

    def start(self):
        """Returns when it says that it is ready; with its own words as the error where it does not."""
        if not (kept := self.home / "aws.port").exists():  # where the embedded AWS is, for as long as this state is kept
            self.home.mkdir(parents=True, exist_ok=True)
            kept.write_text(str(own_port()))
        self.process = subprocess.Popen(
            [Path(sys.executable).parent / "signalbox", "up"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(START_S), f"not ready within {START_S} s:\n{self.output}{self.logs()}"
        assert "signalbox ready" in self.output, f"it ended:\n{self.output}{self.logs()}"
        facts = running(self.home)
        self.url, self.sim_url, self.aws_url = facts["url"], facts["simulators"], facts["aws"]
        self._warm()

    def stop(self, ending=signal.SIGINT):
        self.process.send_signal(ending)
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self._reader.join()
            self.http.close()
            self.close_clients()
        return self.process.returncode

    def ended(self):
        """Its exit status, once it has ended by itself and all that it said is heard."""
        self.process.wait(STOP_S)
        self._reader.join()
        return self.process.returncode

    def _warm(self):
        """control's first answer waits for its imports. On a busy machine these take longer than the API waits: no test is about them."""
        until = time.monotonic() + START_S
        headers = {"authorization": f"Bearer {self.admin_key}"}
        with httpx.Client(verify=PLAIN, timeout=60, headers=headers) as http:  # a stack that is killed would not close its own
            while (answer := http.get(f"{self.url}/admin/keys?tenant=e2e")).status_code == 504 and time.monotonic() < until:
                pass
        assert answer.is_success, f"control answers {answer.status_code} {answer.text}{self.logs()}"

    def client(self, key, timeout_s=60):
        """The official SDK. A test need not close it: `close_clients` does."""
        connections = httpx.Client(verify=PLAIN)
        self._clients.append(connections)
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=timeout_s, http_client=connections)

    def close_clients(self):
        """Left to the garbage collector, an open socket may be found before the client that would close it, and is reported as lost."""
        while self._clients:
            self._clients.pop().close()

    def get(self, path, key):
        return self.http.get(self.url + path, headers={"authorization": f"Bearer {key}"})

    def usage(self, key):
        return self.get("/v1/usage", key).raise_for_status().json()

    def used(self, **of):
        """What is counted of a key (or tenant, team, …) since this was made: no day and no month that ends meanwhile takes it away."""
        asked = urllib.parse.urlencode(of | {"from": self.made})
        return self.admin("GET", f"/admin/usage?{asked}").json()["range"]["total"]

    def admin(self, method, path, body=None):
        headers = {"authorization": f"Bearer {self.admin_key}"}
        answer = self.http.request(method, self.url + path, json=body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    @functools.cached_property
    def session(self):
        return boto3.Session("test", "test", region_name="us-east-1")

    def aws(self, service):
        return self.session.client(service, endpoint_url=self.aws_url)

    @functools.cached_property
    def outputs(self):
        stack = self.aws("cloudformation").describe_stacks(StackName="signalbox")["Stacks"][0]
        return {row["OutputKey"]: row["OutputValue"] for row in stack["Outputs"]}

    @functools.cached_property
    def environment(self):
        """Of a command that asks this stack, whatever keys are exported here."""
        return os.environ | {"SIGNALBOX_HOME": str(self.home), "SIGNALBOX_ADMIN_KEY": "", "SIGNALBOX_API_KEY": ""}

    def logs(self):
        """The end of each log."""
        paths = sorted((self.home / "logs").glob("*.log"))
        return "".join(f"\n--- {path.name}\n{path.read_text(errors='replace')[-LOG_CHARS:]}" for path in paths)

    def _read(self):
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self.output += line
                if line.strip() == "signalbox ready":
                    self._ready.set()
        self._ready.set()
