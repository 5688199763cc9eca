"""What each provider's models cost, in nano-dollars per million tokens, from the public price pages. A model with a price here is served."""

from typing import NamedTuple, Optional

USD = 1_000_000_000
ANY = "*"  # whatever model is asked for


class Prices(NamedTuple):
    """Reasoning is billed as output, and what is written to a cache as input where it has no price. `request` is nano-dollars a call."""

    input: int
    cached: int
    output: int
    cache_write: int | None = None
    cache_write_1h: int | None = None
    above_200k: Optional["Prices"] = None
    request: int = 0


def usd(
    input: float,
    output: float,
    cached: float | None = None,
    write: float | None = None,
    write_1h: float | None = None,
    above: Prices | None = None,
    request: float = 0,
) -> Prices:
    """Of dollars per million tokens, as the price pages have them; what was cached costs what is new where they say nothing."""
    whole, read, made = (round(price * USD) for price in (input, input if cached is None else cached, output))
    write_5m, write_hour = (None if price is None else round(price * USD) for price in (write, write_1h))
    return Prices(whole, read, made, write_5m, write_hour, above, round(request * USD))


FREE = usd(0, 0)
SIM = usd(0.15, 0.60, 0.075)  # whatever begins with sim-

# https://platform.openai.com/docs/pricing
OPENAI = {
    "gpt-5.2": usd(1.75, 14, 0.175),
    "gpt-5-mini": usd(0.25, 2, 0.025),
    "gpt-4.1-mini": usd(0.40, 1.60, 0.10),
    "gpt-4o-mini": usd(0.15, 0.60, 0.075),
    "text-embedding-3-small": usd(0.02, 0),
    "text-embedding-3-large": usd(0.13, 0),
}
# https://platform.claude.com/docs/en/about-claude/pricing
SONNET_LONG = usd(6, 22.5, 0.60, 7.5, 12)
SONNET = usd(3, 15, 0.30, 3.75, 6, SONNET_LONG)
OPUS = usd(5, 25, 0.50, 6.25, 10)
HAIKU = usd(1, 5, 0.10, 1.25, 2)
# https://ai.google.dev/gemini-api/docs/pricing
GOOGLE = {
    "gemini-3-pro": usd(2, 12, 0.20, above=usd(4, 18, 0.40)),
    "gemini-2.5-flash": usd(0.30, 2.50, 0.03),
    "gemini-embedding-001": usd(0.15, 0),
}

PRICES: dict[str, dict[str, Prices]] = {
    "openai": OPENAI,
    # https://mistral.ai/pricing
    "mistral": {
        "mistral-large-latest": usd(0.50, 1.50),
        "mistral-small-latest": usd(0.10, 0.30),
        "mistral-embed": usd(0.10, 0),
    },
    "anthropic": {
        "claude-sonnet-4-5-20250929": SONNET,
        "claude-sonnet-4-5": SONNET,
        "claude-opus-4-5-20251101": OPUS,
        "claude-haiku-4-5-20251001": HAIKU,
    },
}
