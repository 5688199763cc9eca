"""The fixtures that several commands' tests have in common."""

from .recorded import stage  # noqa: F401
