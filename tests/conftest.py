"""What every function has in its environment (powertools reads it when a handler is imported, whichever test is first to do so), and how
properties are looked for."""

import gc
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no counterexample.
settings.register_profile("signalbox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Where a change is judged, by the same examples each time: it is refused for what it does, and new ones are looked for in between.
settings.register_profile("judged", settings.get_profile("signalbox"), derandomize=True)
settings.load_profile("judged" if "CI" in os.environ else "signalbox")

os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "signalbox",
    "POWERTOOLS_METRICS_NAMESPACE": "Signalbox",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


@pytest.fixture(autouse=True, scope="module")
def _forgotten():
    """What a file's tests have left in moto, which holds it for the whole process: any other may come after it."""
    yield
    if "moto.core" in sys.modules:
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is
def pytest_xdist_make_scheduler(config, log):
    """Where processors share the tests, a file's stay together; and all that ask the local stack do, so that there is one of it."""
    from xdist.scheduler import LoadScopeScheduling

    class ByStack(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]

    return ByStack(config, log)


def pytest_collection_finish():
    """What is loaded by now stays: a garbage collector that walks through it again and again takes more than a quarter of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
