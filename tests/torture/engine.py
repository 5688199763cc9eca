"""The DynamoDB that is tortured: Amazon's own engine, or the embedded one of the local stack; alone, on loopback and in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

from ops.local.emulator import Emulator
from ops.local.processes import Child
from ops.local.settings import ROOT, from_environment

from ..e2e.stack import own_port

JARS = ROOT / ".tools" / "dynamodb"
SERVER = Path(__file__).with_name("dynamodb") / "server.xml"
START_S = 180
ENGINES = ("amazon", "embedded")


@contextmanager
def engine(name: str, home: Path) -> Iterator[str]:
    """Its address, while it runs."""
    with (_amazon if name == "amazon" else _embedded)(home) as url:
        yield url


@contextmanager
def _amazon(home: Path) -> Iterator[str]:
    port, log = own_port(), home / "dynamodb.log"
    command = ["java", "-Xmx1g", f"-Djava.library.path={JARS}", "-cp", f"{JARS}/*"]
    command += ["org.eclipse.jetty.xml.XmlConfiguration", f"port={port}", str(SERVER)]
    environment = {name: value for name, value in from_environment().environment.items() if name in ("PATH", "HOME", "JAVA_HOME")}
    child = Child("DynamoDB Local", command, environment | {"DDB_LOCAL_TELEMETRY": "0"}, home, log, SIGKILL)
    try:
        child.wait_for(port, START_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.stop(5)


@contextmanager
def _embedded(home: Path) -> Iterator[str]:
    settings = from_environment({"SIGNALBOX_HOME": str(home)})
    settings.logs.mkdir(parents=True, exist_ok=True)
    (home / "aws.port").write_text(str(own_port()))
    emulator = Emulator(settings)
    try:
        yield emulator.wait().endpoint
    finally:
        emulator.stop()
