"""What the simulated embedding models answer: a vector of length one for each text, always the same for the same text and model.

Texts of the same words are near each other, as those of the same meaning are with a real model.
"""

import base64
import math
import random
import struct
from collections.abc import Sequence
from functools import lru_cache

MOST_WORDS = 32


def vector(model: str, text: str, dimensions: int) -> list[float]:
    words = [_word(model, word, dimensions) for word in (text.lower().split() or [""])[:MOST_WORDS]]
    numbers = [sum(row) for row in zip(*words, strict=True)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [round(number / length, 7) for number in numbers]


def in_base64(numbers: Sequence[float]) -> str:
    """As little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@lru_cache(maxsize=256)
def _word(model: str, word: str, dimensions: int) -> list[float]:
    draw = random.Random(f"{model}\0{word}")
    return [draw.gauss(0, 1) for _ in range(dimensions)]
