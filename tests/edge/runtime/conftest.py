from collections.abc import Callable, Iterator

import pytest

from .runtime_api import RuntimeApi
from .worker import Worker


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    yield api
    api.close()
    assert not api.violations


@pytest.fixture
def start(api, tmp_path) -> Iterator[Callable[..., Worker]]:
    """Starts the loop; keywords go into its environment."""
    workers = []

    def start(**environment: str) -> Worker:
        workers.append(Worker(api, tmp_path, environment))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()
