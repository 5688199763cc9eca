"""What a policy may ask of a request, checked and compiled when it is published, and asked as a plain function of the inputs."""

from collections.abc import Mapping
from typing import Any


def to_compiled(conditions: Mapping[str, Any]) -> Any:
    """From the document's form to what a snapshot holds: JSON."""
    return dict(conditions)
