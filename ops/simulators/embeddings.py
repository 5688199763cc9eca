"""What the simulated embedding models answer: a vector of length one for each text, always the same for the same text and model."""

import base64
import math
import random
import struct
from collections.abc import Sequence


def vector(model: str, text: str, dimensions: int) -> list[float]:
    draw = random.Random(f"{model}\0{text}")
    numbers = [draw.gauss(0, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [round(number / length, 7) for number in numbers]


def in_base64(numbers: Sequence[float]) -> str:
    """As little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
