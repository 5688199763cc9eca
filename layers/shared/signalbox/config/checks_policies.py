"""Policies, flags and segments that name what is not there, or say what means nothing."""

from .source import Check

ERRORS: tuple[Check, ...] = ()
WARNINGS: tuple[Check, ...] = ()
