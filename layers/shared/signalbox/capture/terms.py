"""Which requests of a route are sampled: by their id alone, so that whoever asks twice is told the same."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

DAY_S = 86_400


class Terms(NamedTuple):
    """As the document has them. `redact` are names of redactors, None: all there are; `own` are further patterns by name."""

    share: float
    days: int
    redact: tuple[str, ...] | None = None
    own: Mapping[str, str] = {}

    @classmethod
    def of(cls, compiled: Mapping[str, Any]) -> "Terms":
        redact = compiled.get("redact")
        return cls(compiled["share"], compiled["days"], None if redact is None else tuple(redact), compiled.get("own", {}))

    def takes(self, request_id: str) -> bool:
        return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8]) < self.share * 2**64

    def expires_at(self, at_ms: int) -> int:
        """Epoch seconds."""
        return at_ms // 1000 + self.days * DAY_S
