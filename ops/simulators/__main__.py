"""`python -m ops.simulators --port 4010`"""

import argparse
import asyncio
import errno
import signal
import sys

from .providers import PROVIDERS
from .server import HOST, Simulators


async def serve(port: int) -> None:
    stop = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    simulators = Simulators(port)
    await simulators.serve(stop, lambda: print(f"simulated providers on {simulators.url}: {', '.join(PROVIDERS)}", flush=True))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ops.simulators", description="Simulated LLM providers on loopback.")
    parser.add_argument("--port", type=int, default=4010, help="0 takes any free one (default: 4010)")
    port = parser.parse_args().port
    try:
        asyncio.run(serve(port))
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "it is taken; end what listens there, or" if taken else f"{error};"
        print(f"simulators: cannot listen on {HOST}:{port}: {why} choose another port with --port (SIM_PORT for make run)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
