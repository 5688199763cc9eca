"""Reasoning in chat completions, for which OpenAI has no form: how each provider is told how much, and in which field it is sent again."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...reply import ReasoningDelta
from ...request import Reasoning, Request, Signature, Thinking
from ...routing.catalog import Provider, Target
from ..contract import Lack
from ..formats.checks import array, text

# A budget is tokens, an effort a word. Where only one of them can be said, the nearest stands for it.
EFFORT_BY_BUDGET = ((0, "none"), (1_024, "minimal"), (4_096, "low"), (16_384, "medium"))
MOST_EFFORT = "high"

# The format that OpenRouter and chat clients name beside a signature, by the family that can read it.
# https://openrouter.ai/docs/use-cases/reasoning-tokens#reasoning_details-array-structure
FORMATS = {"anthropic": "anthropic-claude-v1", "google": "google-gemini-v1", "openai": "openai-responses-v1"}
FAMILIES = {format: family for family, format in FORMATS.items()} | {family: family for family in FORMATS}

OPENAIS_OWN = ("openai", "azure")
THINKS_UNASKED = ("o1", "o3", "o4", "gpt-5-")
# What OpenAI's models take only while they do not reason, and the value that is the usual one anyhow.
# https://platform.openai.com/docs/guides/latest-model#gpt-5-2-parameter-compatibility
# https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning#not-supported
THOUGHTLESS: dict[str, Any] = {"temperature": 1, "top_p": 1, "logprobs": None, "stop": (), "frequency_penalty": 0, "presence_penalty": 0}


def effort_of(thinking: Thinking) -> str | None:
    if thinking.effort is not None or thinking.budget_tokens is None:
        return thinking.effort
    return next((effort for most, effort in EFFORT_BY_BUDGET if thinking.budget_tokens <= most), MOST_EFFORT)


def _effort(thinking: Thinking, efforts: Mapping[str, str]) -> dict[str, Any]:
    effort = effort_of(thinking)
    return {"reasoning_effort": efforts.get(effort, effort)} if effort is not None else {}


def _switch(thinking: Thinking, efforts: Mapping[str, str]) -> dict[str, Any]:
    """https://api-docs.deepseek.com/guides/thinking_mode"""
    if effort_of(thinking) == "none":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}} | _effort(thinking, efforts)


def _toggle(thinking: Thinking, efforts: Mapping[str, str]) -> dict[str, Any]:
    """https://docs.together.ai/reference/chat-completions-1"""
    return {"reasoning": {"enabled": False}} if effort_of(thinking) == "none" else _effort(thinking, efforts)


def _openrouter(thinking: Thinking, efforts: Mapping[str, str]) -> dict[str, Any]:
    """https://openrouter.ai/docs/use-cases/reasoning-tokens: one of the two, not both."""
    if thinking.budget_tokens is not None and thinking.effort is None:
        return {"reasoning": {"max_tokens": thinking.budget_tokens} if thinking.budget_tokens else {"effort": "none"}}
    return {"reasoning": {"effort": thinking.effort}} if thinking.effort is not None else {}


def _budget(thinking: Thinking, efforts: Mapping[str, str]) -> dict[str, Any]:
    """https://docs.litellm.ai/docs/reasoning_content"""
    if thinking.budget_tokens and thinking.effort is None:
        return {"thinking": {"type": "enabled", "budget_tokens": thinking.budget_tokens}}
    return _effort(thinking, efforts)


THINKING: dict[str, Callable[[Thinking, Mapping[str, str]], dict[str, Any]]] = {
    "effort": _effort,
    "switch": _switch,
    "toggle": _toggle,
    "openrouter": _openrouter,
    "budget": _budget,
}


def _joined(blocks: list[Reasoning]) -> str | None:
    return "\n".join(block.text for block in blocks if block.text) or None


def _details(blocks: list[Reasoning]) -> list[dict[str, Any]] | None:
    details: list[dict[str, Any]] = []
    for words, signature, _ in blocks:
        family = signature.family if signature else None
        form = {"format": FORMATS[family]} if family in FORMATS else {}
        if words and family == "openai":
            details.append({"type": "reasoning.summary", "summary": words} | form)
        elif words:
            signed = {"signature": signature.text} if signature and family == "anthropic" else {}
            details.append({"type": "reasoning.text", "text": words} | signed | form)
        if signature and form and not (words and family == "anthropic"):
            details.append({"type": "reasoning.encrypted", "data": signature.text} | ({"id": signature.id} if signature.id else {}) | form)
    return [detail | {"index": index} for index, detail in enumerate(details)] or None


def _blocks(blocks: list[Reasoning]) -> list[dict[str, Any]] | None:
    """Only Anthropic's are read there, and only those that are signed."""
    ours = [(words, signature.text, redacted) for words, signature, redacted in blocks if signature and signature.family == "anthropic"]
    return [
        {"type": "redacted_thinking", "data": data} if redacted else {"type": "thinking", "thinking": words, "signature": data}
        for words, data, redacted in ours
    ] or None


# By the field of an assistant's message: what stands in it. Mistral's stands among the parts: openai.py writes it there.
SENT_AGAIN: dict[str, Callable[[list[Reasoning]], Any]] = {
    "reasoning": _joined,
    "reasoning_content": _joined,
    "reasoning_details": _details,
    "thinking_blocks": _blocks,
}


def from_delta(delta: Mapping[str, Any], number: int) -> Iterator[ReasoningDelta]:
    """Of a message or a piece of one. Some say it twice, in a field of their own and in a plain one: what holds signatures is read."""
    if delta.get("reasoning_details"):
        yield from _from_details(array(delta["reasoning_details"]), number)
    elif delta.get("thinking_blocks"):
        yield from _from_blocks(array(delta["thinking_blocks"]), number)
    elif reasoning := text(delta.get("reasoning_content")) or text(delta.get("reasoning")):
        yield ReasoningDelta(reasoning, number)


def _from_details(details: list[Any], number: int) -> Iterator[ReasoningDelta]:
    for detail in details:
        family = FAMILIES.get(text(detail.get("format")))
        words = text(detail.get("text")) or text(detail.get("summary"))
        sealed = text(detail.get("signature")) or text(detail.get("data"))
        signature = Signature(family, sealed, text(detail.get("id")) or None) if sealed and family else None
        if words or signature:
            yield ReasoningDelta(words, number, signature, bool(detail.get("data")) and family == "anthropic")


def _from_blocks(blocks: list[Any], number: int) -> Iterator[ReasoningDelta]:
    """https://docs.litellm.ai/docs/reasoning_content"""
    for block in blocks:
        words, sealed, redacted = text(block.get("thinking")), text(block.get("signature")), text(block.get("data"))
        if words or sealed or redacted:
            signature = Signature("anthropic", sealed or redacted) if sealed or redacted else None
            yield ReasoningDelta(words, number, signature, bool(redacted))


def lack_of_the_thinking(request: Request, target: Target, provider: Provider) -> Lack | None:
    """Of OpenAI's models. Asked for log probabilities then, they answer 403, as to a wrong key."""
    if provider.kind in OPENAIS_OWN and _thinks(request, target):
        for name, usual in THOUGHTLESS.items():
            if getattr(request, name) not in (None, usual):
                return name, "it takes none while it reasons"
    return None


def _thinks(request: Request, target: Target) -> bool:
    """Asked to, or unasked: GPT-5 and its like do, later ones do not."""
    if "reasoning" not in target.capabilities:
        return False
    if request.thinking is not None and request.thinking.effort is not None:
        return request.thinking.effort != "none"
    return f"{target.model}-".startswith(THINKS_UNASKED)
