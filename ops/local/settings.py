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
    """`environment` is the process's own with `.env` below it. What is wrong in it is told to who needs it: each command reads this."""

    home: Path
    environment: Mapping[str, str]

    @property
    def port(self) -> int:
        """0 is any free one."""
        return self._port("PORT", 4000)

    @property
    def sim_port(self) -> int:
        """Likewise."""
        return self._port("SIM_PORT", 4010)

    @property
    def cache_url(self) -> str:
        """A Valkey's, if there is one."""
        url = self.environment.get(CACHE_URL, "")
        if url:
            from signalbox.aws.valkey import Valkey

            try:
                Valkey(url, str)
            except ValueError as error:
                raise Trouble(f"{CACHE_URL}: {error}") from error
        return url

    def check(self) -> None:
        """Trouble before anything is begun, where any of it is wrong."""
        _ = self.port, self.sim_port, self.cache_url

    @property
    def state(self) -> Path:
        return self.home / "aws"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def python(self) -> Path:
        """The emulator's own interpreter: functions run on it, as it holds what their layer brings."""
        return ROOT / ".tools" / "emulator" / "bin" / "python"

    def _port(self, name: str, default: int) -> int:
        text = self.environment.get(name) or str(default)
        if not text.isdecimal() or int(text) > 65_535:
            raise Trouble(f"{name}={text} is not a port: give a number up to 65535, or 0 for any free one")
        return int(text)


def from_environment(given: Mapping[str, str] = os.environ) -> Settings:
    environment = _dotenv(ROOT / ".env") | dict(given)
    return Settings(Path(environment.get("SIGNALBOX_HOME") or ROOT / ".signalbox").resolve(), environment)


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.strip().removeprefix("export ") for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
