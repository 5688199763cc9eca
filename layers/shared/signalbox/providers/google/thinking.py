"""How much a Gemini model is to think: a level since Gemini 3, a budget in tokens before. https://ai.google.dev/gemini-api/docs/thinking"""

from typing import Any, NamedTuple

from ...request import Thinking
from .contents import BEFORE_3

# What each effort is worth, by Google's own table. https://ai.google.dev/gemini-api/docs/openai#thinking
BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768}


class Budget(NamedTuple):
    least: int
    most: int
    off: bool  # whether 0 is allowed too


# The first that the model's name begins with. https://ai.google.dev/gemini-api/docs/thinking#set-budget
LIMITS = (
    ("gemini-2.5-pro", Budget(128, 32_768, off=False)),
    ("gemini-2.5-flash-lite", Budget(512, 24_576, off=True)),
    ("", Budget(1, 24_576, off=True)),
)

# None of them can be told not to think at all: the least that they know stands for it.
# https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking
LEVELS = {"none": "LOW", "minimal": "LOW", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH"}
DEPARTURES = (
    ("gemini-3-pro", {"medium": "HIGH"}),
    ("gemini-3-flash", {"none": "MINIMAL", "minimal": "MINIMAL"}),
    ("gemini-3.1-flash", {"none": "MINIMAL", "minimal": "MINIMAL"}),
    ("gemini-3.5-flash", {"none": "MINIMAL", "minimal": "MINIMAL"}),
)


def to_thinking(thinking: Thinking, model: str) -> dict[str, Any]:
    """Both at once are refused, so that a model gets the one that it knows."""
    wanted = thinking.effort != "none" and thinking.budget_tokens != 0
    told: dict[str, Any] = {"includeThoughts": True} if wanted else {}
    if thinking.effort is None and thinking.budget_tokens is None:
        return told
    if model.startswith(BEFORE_3):
        return told | {"thinkingBudget": _budget(thinking, model)}
    effort = thinking.effort or _effort(thinking.budget_tokens or 0)
    departures = next((departures for beginning, departures in DEPARTURES if model.startswith(beginning)), {})
    return told | {"thinkingLevel": departures.get(effort) or LEVELS[effort]}


def _budget(thinking: Thinking, model: str) -> int:
    limits = next(limits for beginning, limits in LIMITS if model.startswith(beginning))
    wanted = BUDGETS[thinking.effort or "medium"] if thinking.budget_tokens is None else thinking.budget_tokens
    return 0 if wanted == 0 and limits.off else min(max(wanted, limits.least), limits.most)


def _effort(budget_tokens: int) -> str:
    """The least effort that is worth as much."""
    return next((effort for effort, worth in BUDGETS.items() if budget_tokens <= worth), "xhigh")
