"""The worst that one attempt can cost, known before it is made; and the other way round, what an amount can pay for."""

from ..money import TOKENS_PER_PRICE, Prices, ceil_price
from ..request import Image, Message, Raw, Request, Text, ToolResult
from .catalog import Target

MIN_OUTPUT_TOKENS = 256  # below this an answer cut short is of no use: the request is refused instead

# What providers bill beside tokens, or at other prices than a target's.
PRICED_OTHERWISE = ("web_search_options", "audio", "modalities")
USUAL_TIERS = ("default", None)

# A token of a byte-level vocabulary covers one byte of text at the least. What templates add around a message is less than its JSON.
MESSAGE_OVERHEAD_TOKENS = 16
REQUEST_OVERHEAD_TOKENS = 64


def unbounded(request: Request) -> str | None:
    """The parameter whose cost our prices do not bound; None where all is bounded."""
    if any("audio" in message.extra or any(isinstance(part, Image | Raw) for part in message.parts) for message in request.messages):
        return "messages"  # the size of an image, a sound or a file does not say what it counts
    if request.extra.get("service_tier", "default") not in USUAL_TIERS:
        return "service_tier"
    return next((name for name in PRICED_OTHERWISE if request.extra.get(name) is not None), None)


def input_tokens_bound(request: Request, body_bytes: int) -> int:
    """No request of this size counts more input tokens, if it is bounded at all."""
    return body_bytes + len(request.messages) * MESSAGE_OVERHEAD_TOKENS + REQUEST_OVERHEAD_TOKENS


def output_tokens_bound(request: Request, target: Target) -> int:
    """Of one choice: what was asked for, or the most that the model gives."""
    return min(request.max_tokens or target.max_output_tokens, target.max_output_tokens)


def bound_nanousd(input_tokens: int, output_tokens: int, choices: int, prices: Prices) -> int:
    return ceil_price(input_tokens * prices.dearest_input + output_tokens * choices * prices.dearest_output)


def affordable_output_tokens(amount_nanousd: int, input_tokens: int, choices: int, prices: Prices) -> int:
    """The most output tokens per choice whose bound stays within the amount; negative where the input alone does not."""
    left = amount_nanousd * TOKENS_PER_PRICE - input_tokens * prices.dearest_input
    each = choices * prices.dearest_output
    return left // each if each else (TOKENS_PER_PRICE if left >= 0 else -1)


def prompt_chars(messages: tuple[Message, ...]) -> int:
    """How long the prompt's texts are, in characters."""
    return sum(len(part.text) for message in messages for part in message.parts if isinstance(part, Text | ToolResult))
