"""Chains that go round, lead nowhere, or lead to what cannot serve; timeouts that cannot pass."""

from .source import Check

ERRORS: tuple[Check, ...] = ()
WARNINGS: tuple[Check, ...] = ()
