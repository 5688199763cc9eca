"""What of a request's cost each of its budgets takes: all of it; but a provider's only what its own attempts cost."""

from collections.abc import Mapping
from typing import Any

PROVIDER = "provider#"


def cost_in(scope: str, cost_nanousd: int, detail: Mapping[str, Any]) -> int:
    """`detail` is that of the usage event; one that tells no attempts tells nothing of providers either."""
    if not scope.startswith(PROVIDER) or "attempts" not in detail:
        return cost_nanousd
    own = scope.removeprefix(PROVIDER)
    return sum(attempt["cost_nanousd"] for attempt in detail["attempts"] if attempt["target"].partition("/")[0] == own)
