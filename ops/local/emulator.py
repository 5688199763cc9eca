"""The embedded AWS: ministack, on a free loopback port, with its state in our folder and nothing of our environment."""

import signal
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from ..trouble import Trouble
from .processes import Child, kept_port
from .settings import Settings

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
START_S = 60
SAVE_S = 60


class Cloud:
    """boto3's clients for the embedded AWS; they wait for nothing that is on this machine."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.session = boto3.Session("test", "test", region_name=REGION)
        self.client = cache(self._client)

    def _client(self, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})
        return self.session.client(service, endpoint_url=self.endpoint, config=config)


class Emulator:
    def __init__(self, settings: Settings) -> None:
        if not settings.python.exists():
            raise Trouble("the embedded AWS is not installed: run `make run`, which sets it up")
        folders = {"STATE_DIR": settings.state, "S3_DATA_DIR": settings.home / "s3", "TMPDIR": settings.home / "tmp"}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        # Its queues are known by their addresses: at another port nobody would read them.
        self._port = kept_port(settings.home / "aws.port", "the embedded AWS")
        environment = CREDENTIALS | {
            "PATH": settings.environment.get("PATH", ""),
            "HOME": str(settings.home),
            "LANG": "C.UTF-8",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "AUTH": "true",  # each function may do what its role may
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nowhere",  # another ministack's containers are none of its business
            "POWERTOOLS_TRACE_DISABLED": "1",  # no X-Ray daemon listens here
        }
        environment |= {name: str(folder) for name, folder in folders.items()}
        log = settings.logs / "aws.log"
        command = [str(settings.python), "-m", "ministack"]
        self.child = Child("the embedded AWS", command, environment, settings.home, log, signal.SIGTERM)

    def wait(self) -> Cloud:
        self.child.wait_for(self._port, START_S)
        return Cloud(f"http://127.0.0.1:{self._port}")

    def stop(self) -> bool:
        """True where its state was saved."""
        return self.child.stop(SAVE_S)
