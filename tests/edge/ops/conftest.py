"""One fake stage for all commands: an account with nothing in it, the stack signalbox-dev there, and an API that says what it is told."""

import http.server
import json
import threading
from contextlib import contextmanager

import boto3
import pytest
from moto import mock_aws

from .recorded import stage  # noqa: F401  a fixture


@pytest.fixture
def account(monkeypatch, tmp_path):
    """An AWS account with nothing in it; no local stack runs, and nobody has a key."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("SIGNALBOX_HOME", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", "")
    with mock_aws():
        yield


@pytest.fixture
def deployed(account):
    """Makes the stack of the stage dev, with these outputs."""

    def deployed(**outputs):
        rows = {name: {"Value": value} for name, value in outputs.items()}
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": rows}
        boto3.client("cloudformation").create_stack(StackName="signalbox-dev", TemplateBody=json.dumps(template))

    return deployed


@pytest.fixture
def operator(monkeypatch, account):
    """Has keys for the stage."""
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", "ak-1")
    monkeypatch.setenv("SIGNALBOX_API_KEY", "sk-1")


@pytest.fixture
def api():
    """Answers `answer`, a status and a body, or what `answering(method, path, headers, body)` gives. `seen` is what came."""
    with serving() as server:
        yield server


@contextmanager
def serving():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.seen = []
        server.answering = lambda *_: server.answer
        server.url = f"http://127.0.0.1:{server.server_port}/dev"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        came = self.command, self.path, dict(self.headers), body
        self.server.seen.append(came)
        status, answer = self.server.answering(*came)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass
