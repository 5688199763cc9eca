"""What every function has in its environment (powertools reads it when a handler is imported, whichever test is first to do so), and how
properties are looked for."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no counterexample.
settings.register_profile("signalbox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("signalbox")

os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "signalbox",
    "POWERTOOLS_METRICS_NAMESPACE": "Signalbox",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Where processors share the tests, a file's stay together; and all that ask the local stack do, so that there is one of it."""
    for item in items:
        folder = item.nodeid.split("/", 2)[1]
        item.add_marker(pytest.mark.xdist_group("e2e" if folder == "e2e" else item.nodeid.partition("::")[0]))


def pytest_collection_finish():
    """What is loaded by now stays: a garbage collector that walks through it again and again takes more than a quarter of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
