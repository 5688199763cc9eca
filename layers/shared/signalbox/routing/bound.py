"""The worst that one attempt can cost, known before it is made; and the other way round, what an amount can pay for."""

from collections.abc import Iterator

from ..money import TOKENS_PER_PRICE, Prices, ceil_price
from ..request import Image, Message, Part, Raw, Request, Text, ToolCall, ToolResult
from .catalog import Target

MIN_OUTPUT_TOKENS = 64  # an answer cut shorter is of no use: the request is refused instead

# What providers bill beside tokens, or at other prices than a target's: searches, sounds, haste, a place, another model than was asked for.
# https://platform.claude.com/docs/en/about-claude/pricing https://openrouter.ai/docs/api-reference/parameters
PRICED_OTHERWISE = (
    *("web_search_options", "search_parameters", "plugins", "mcp_servers", "audio", "modalities"),
    *("speed", "inference_geo", "models"),
)
USUAL_TIERS = ("default", "auto", "standard_only", None)

# A token of a byte-level vocabulary covers one byte of text at the least. What templates add around a message is less than its JSON.
MESSAGE_OVERHEAD_TOKENS = 16
# The dearest there is: gpt-4o-mini, eight tiles of 5,667 and 2,833. https://platform.openai.com/docs/guides/images-vision#calculating-costs
IMAGE_TOKENS = 65_536
REQUEST_OVERHEAD_TOKENS = 64
# What a provider tells a model of tools or of a schema before it tells it of the client's: 530 at the most that is published.
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing
TOOLS_OVERHEAD_TOKENS = 1_024


def unbounded(request: Request) -> str | None:
    """The parameter whose cost our prices do not bound; None where all is bounded."""
    if any("audio" in message.extra or any(isinstance(part, Raw) for part in _contents(message)) for message in request.messages):
        return "messages"  # the size of a sound or a file does not say what it counts
    return priced_otherwise(request)


def priced_otherwise(request: Request) -> str | None:
    """The parameter for which the provider bills what our prices do not say: what is charged then is an estimate, and may be too little."""
    if any(isinstance(tool, Raw) for tool in request.tools):
        return "tools"  # the provider's own are billed by the call, and what they find as input
    if request.extra.get("service_tier", "default") not in USUAL_TIERS:
        return "service_tier"
    return next((name for name in PRICED_OTHERWISE if request.extra.get(name) is not None), None)


def input_tokens_bound(request: Request, body_bytes: int) -> int:
    """No request of this size counts more input tokens, if it is bounded at all. An image counts by its pixels, not its bytes."""
    images = [part for message in request.messages for part in _contents(message) if isinstance(part, Image)]
    text_bytes = body_bytes - sum(len(image.url) for image in images if image.url.startswith("data:"))
    items = len(request.messages) + len(request.inputs)
    told = TOOLS_OVERHEAD_TOKENS if request.tools or request.response_format or _called(request) else 0
    return text_bytes + len(images) * IMAGE_TOKENS + items * MESSAGE_OVERHEAD_TOKENS + REQUEST_OVERHEAD_TOKENS + told


def _called(request: Request) -> bool:
    return any(isinstance(part, ToolCall | ToolResult) for message in request.messages for part in message.parts)


def output_tokens_bound(request: Request, target: Target) -> int:
    """Of one choice: what was asked for, or the most that the model gives."""
    return 0 if request.inputs else min(request.max_tokens or target.max_output_tokens, target.max_output_tokens)


def bound_nanousd(input_tokens: int, output_tokens: int, choices: int, prices: Prices) -> int:
    return max(
        row.request + ceil_price(input_tokens * row.dearest_input + output_tokens * choices * row.dearest_output)
        for row in _rows(input_tokens, prices)
    )


def affordable_output_tokens(amount_nanousd: int, input_tokens: int, choices: int, prices: Prices) -> int:
    """The most output tokens per choice whose bound stays within the amount; negative where the input alone does not."""
    return min(_affordable(amount_nanousd, input_tokens, choices, row) for row in _rows(input_tokens, prices))


def _affordable(amount_nanousd: int, input_tokens: int, choices: int, prices: Prices) -> int:
    left = (amount_nanousd - prices.request) * TOKENS_PER_PRICE - input_tokens * prices.dearest_input
    each = choices * prices.dearest_output
    return left // each if each else (TOKENS_PER_PRICE if left >= 0 else -1)


def _rows(input_tokens: int, prices: Prices) -> tuple[Prices, ...]:
    """Those that may come to apply: what counts at most so much may also count less."""
    return (prices, prices.long) if prices.long and input_tokens > prices.long_above else (prices,)


def prompt_chars(request: Request) -> int:
    """How long the prompt's texts are, in characters."""
    texts = sum(len(part.text) for message in request.messages for part in message.parts if isinstance(part, Text | ToolResult))
    return texts + sum(len(text) for text in request.inputs if isinstance(text, str))


def _contents(message: Message) -> Iterator[Part]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield from part.parts
        else:
            yield part
