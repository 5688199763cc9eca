"""Policies, flags and segments that name what is not there, or say what means nothing."""

from collections.abc import Iterator

from .conditions import InvalidConditions, to_compiled
from .document import Document
from .source import Check, Finding


def _conditions_can_be_asked(document: Document) -> Iterator[Finding]:
    for id, policy in document.policies.items():
        try:
            to_compiled(policy.conditions)
        except InvalidConditions as error:
            for path, message in error.faults:
                yield ("policies", id, "conditions", *path), message


ERRORS: tuple[Check, ...] = (_conditions_can_be_asked,)
WARNINGS: tuple[Check, ...] = ()
