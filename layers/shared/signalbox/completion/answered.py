"""What ends an admission well: the answer is there already."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .admitted import Admitted
    from .kept import Kept
    from .routed import Routed


class Answered(Exception):
    """`age_s` is how old it is, from the cache; None where the same request was answered before, under its `idempotency-key`.

    `routed` is what it was found for. `similarity` is that of what was asked then, where it was not the same to the letter.
    """

    def __init__(self, kept: "Kept", age_s: int | None = None, similarity: float | None = None) -> None:
        super().__init__(kept.id)
        self.kept = kept
        self.age_s = age_s
        self.similarity = similarity
        self.routed: Routed | Admitted | None = None

    @property
    def is_replay(self) -> bool:
        return self.age_s is None
