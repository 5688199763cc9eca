"""What the embedding models on Bedrock have in common. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""

from typing import Any

from ...request import Request
from ..contract import Lack
from ..formats.checks import array

HEADERS = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity"}


def lack(request: Request) -> Lack | None:
    if any(not isinstance(text, str) for text in request.inputs):
        return "input", "the model takes texts, not the numbers of tokens"
    return None


def vector(value: Any) -> tuple[float, ...]:
    numbers = array(value)
    if not numbers or any(type(number) not in (float, int) for number in numbers):
        raise TypeError("a vector was expected")
    return tuple(map(float, numbers))
