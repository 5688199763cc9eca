"""Where the local stack lives and listens: from the environment and `.env`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
CACHE_URL = "SIGNALBOX_CACHE_URL"
DATA_KEY = "sk-signalbox-local"
ADMIN_KEY = "ak-signalbox-local"
# So that headers tell of limits and no bench or test meets one.
DATA_LIMITS = {"requests_per_minute": 100_000, "requests_per_hour": 1_000_000, "tokens_per_minute": 1_000_000_000}
DATA_ROW = {"key_id": "local", "tenant": "local", "team": "default", "limits": DATA_LIMITS}


@dataclass(frozen=True, slots=True)
class Settings:
    """Port 0 is any free one. `environment` is the process's own with `.env` below it. `cache_url` is a Valkey's, if there is one."""

    home: Path
    port: int
    sim_port: int
    environment: Mapping[str, str]
    cache_url: str = ""

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def python(self) -> Path:
        """The emulator's own interpreter: functions run on it, as it holds what their layer brings."""
        return ROOT / ".tools" / "emulator" / "bin" / "python"


def from_environment(given: Mapping[str, str] = os.environ) -> Settings:
    environment = _dotenv(ROOT / ".env") | dict(given)
    home = Path(environment.get("SIGNALBOX_HOME") or ROOT / ".signalbox").resolve()
    return Settings(home, _port(environment, "PORT", 4000), _port(environment, "SIM_PORT", 4010), environment, _cache_url(environment))


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) > 65_535:
        raise Trouble(f"{name}={text} is not a port: give a number up to 65535, or 0 for any free one")
    return int(text)


def _cache_url(environment: Mapping[str, str]) -> str:
    url = environment.get(CACHE_URL, "")
    if url:
        from signalbox.aws.valkey import Valkey

        try:
            Valkey(url, str)
        except ValueError as error:
            raise Trouble(f"{CACHE_URL}: {error}") from error
    return url


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.strip().removeprefix("export ") for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
