"""Where the ledger's edge reads and writes, from the environment."""

from collections.abc import Mapping
from typing import NamedTuple


class Tables(NamedTuple):
    control: str
    ledger: str
    bus: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Tables":
        return cls(environ["SIGNALBOX_CONTROL_TABLE"], environ["SIGNALBOX_LEDGER_TABLE"], environ["SIGNALBOX_BUS"])
