"""What each model costs, in nano-dollars per million tokens, from the public price pages. What has a price here is served."""

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
        "mistral-large-latest": usd(0.50, 1.50, 0.05),
        "mistral-small-latest": usd(0.15, 0.60, 0.015),
        "mistral-embed": usd(0.10, 0),
    },
    # https://azure.microsoft.com/pricing/details/cognitive-services/openai-service/
    "azure": OPENAI,
    "entra_token": {ANY: FREE},
    # https://groq.com/pricing
    "groq": {"llama-3.3-70b-versatile": usd(0.59, 0.79), "openai/gpt-oss-120b": usd(0.15, 0.60, 0.075)},
    # https://api-docs.deepseek.com/quick_start/pricing
    "deepseek": dict.fromkeys(("deepseek-chat", "deepseek-reasoner"), usd(0.28, 0.42, 0.028))
    | {"deepseek-v4-flash": usd(0.30, 1.20, 0.006)},
    # https://cohere.com/pricing
    "cohere": {"command-a-03-2025": usd(2.50, 10), "embed-v4.0": usd(0.12, 0)},
    # https://www.together.ai/pricing
    "together": {
        "meta-llama/Llama-3.3-70B-Instruct-Turbo": usd(0.88, 0.88),
        "openai/gpt-oss-120b": usd(0.15, 0.60),
        "intfloat/multilingual-e5-large-instruct": usd(0.02, 0),
    },
    # https://fireworks.ai/pricing
    "fireworks": {
        "accounts/fireworks/models/llama-v3p3-70b-instruct": usd(0.90, 0.90, 0.45),
        "accounts/fireworks/models/qwen3p7-plus": usd(0.40, 1.60, 0.08),
        "nomic-ai/nomic-embed-text-v1.5": usd(0.008, 0),
    },
    # https://openrouter.ai/openai/gpt-5-mini
    "openrouter": {"openai/gpt-5-mini": OPENAI["gpt-5-mini"], "openai/text-embedding-3-small": OPENAI["text-embedding-3-small"]},
    # https://docs.x.ai/docs/models
    "xai": {"grok-4": usd(3, 15, 0.75), "grok-4.3": usd(1.25, 2.50, 0.20, above=usd(2.50, 5, 0.40))},
    # https://docs.perplexity.ai/docs/getting-started/pricing (with the least of what is searched)
    "perplexity": {"sonar": usd(1, 1, request=0.005), "sonar-pro": usd(3, 15, request=0.006)},
    # What runs on one's own machine costs nothing by the token, and whatever is asked for is what was loaded.
    "vllm": {"qwen-coder-vllm": FREE, ANY: FREE},
    "llama_cpp": {"llama-cpp-default": FREE, ANY: FREE},
    "llama_cpp_python": {"llama-cpp-native": FREE, ANY: FREE},
    "ollama": dict.fromkeys(("llama3.1:latest", "qwen2.5-coder:7b", "mythomax-l2-13b-q5_k_m", "nomic-embed-text", ANY), FREE),
    # A subscription, whatever is used: https://ollama.com/pricing
    "ollama_cloud": {"gpt-oss:20b-cloud": FREE},
    # What the one behind it charges
    "litellm": {name: OPENAI[name] for name in ("gpt-4o-mini", "text-embedding-3-small")},
    "anthropic": {
        "claude-sonnet-4-5-20250929": SONNET,
        "claude-sonnet-4-5": SONNET,
        "claude-opus-4-5-20251101": OPUS,
        "claude-haiku-4-5-20251001": HAIKU,
    },
    # https://aws.amazon.com/bedrock/pricing/
    "bedrock": {
        "anthropic.claude-sonnet-4-5-20250929": SONNET,
        "anthropic.claude-sonnet-4-5-20250929-v1:0": SONNET,
        "anthropic.claude-opus-4-5-20250514": OPUS,
        "anthropic.claude-opus-4-5-20251101-v1:0": OPUS,
        "anthropic.claude-haiku-4-5-20251001-v1:0": HAIKU,
        "cohere.command-r-plus-v1:0": usd(3, 15),
        "meta.llama4-maverick-instruct-v1:0": usd(0.24, 0.97),
        "kimi.k2-thinking-v1:0": usd(0.60, 2.50),
        "deepseek.r1-v1:0": usd(1.35, 5.40),
        "mistral.mistral-large-2407-v1:0": usd(2, 6),
        "qwen.qwen3-instruct-v1:0": usd(0.22, 0.88),
        "openai.gpt-oss-120b-1:0": usd(0.15, 0.60),
        "amazon.titan-embed-text-v2:0": usd(0.02, 0),
        "cohere.embed-english-v3": usd(0.10, 0),
        "cohere.embed-multilingual-v3": usd(0.10, 0),
        "cohere.embed-v4:0": usd(0.12, 0),
    },
    "gemini": GOOGLE,
    # https://cloud.google.com/vertex-ai/generative-ai/pricing
    "vertex": {**GOOGLE, "text-embedding-005": usd(0.10, 0), "claude-sonnet-4-5@20250929": SONNET},
    "google_token": {ANY: FREE},
}
