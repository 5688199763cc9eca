"""How much Claude may think, and what it cannot take beside that. https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""

from collections.abc import Mapping

from ...request import Json, Message, Reasoning, Request, Signature, ToolResult
from ..contract import Lack
from .models import Claude, claude

FAMILY = "anthropic"
DIALECT = "anthropic_messages"
LEAST_BUDGET = 1_024
# Tokens for an effort, where a model knows no efforts. All of them leave a fifth of the answer's limit to what is said aloud.
BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768}
ORDER = ("minimal", "low", "medium", "high", "xhigh", "max")


def wants(request: Request) -> bool:
    asked = request.thinking
    return asked is not None and asked.effort != "none" and asked.budget_tokens != 0


def to_thinking(request: Request, model: str, max_tokens: int) -> tuple[Mapping[str, Json] | None, str | None]:
    """The fields `thinking` and `output_config.effort`, None where there is nothing to say."""
    asked, row = request.thinking, claude(model)
    if asked is None:
        return None, None
    if not wants(request):
        return ({"type": "disabled"} if row.thinks else None), None
    if not row.budgets or (row.adapts and asked.budget_tokens is None):
        shown = {"display": "summarized"} if asked.summary else {}
        return {"type": "adaptive", **shown}, _effort(asked.effort or _effort_of(asked.budget_tokens), row)
    if request.dialect == DIALECT and row.efforts and not row.adapts and asked.budget_tokens is None:
        return None, _effort(asked.effort, row)  # in these words, of such a model, effort alone is no wish for thoughts
    budget = _budget(asked.budget_tokens, asked.effort, max_tokens)
    if budget is None or _left_thoughts_out(request.messages):
        return None, _effort(asked.effort, row)
    return {"type": "enabled", "budget_tokens": budget}, _effort(asked.effort, row)


def own(signature: Signature | None) -> bool:
    return signature is not None and signature.family == FAMILY


def lack(request: Request, model: str) -> Lack | None:
    """What a model refuses by itself, and what none takes while it thinks. A value that is what it does anyhow is left out, not refused."""
    row, temperature, top_p = claude(model), request.temperature, request.top_p
    if temperature is not None and temperature > 1:
        return "temperature", "Claude takes 0 to 1"
    if not row.samples and (temperature not in (None, 1) or top_p not in (None, 1) or request.top_k is not None):
        name = "temperature" if temperature not in (None, 1) else "top_p" if top_p not in (None, 1) else "top_k"
        return name, "the model takes no sampling parameters"
    if row.one_of and temperature not in (None, 1) and top_p not in (None, 1):
        return "top_p", "the model takes temperature or top_p, not both"
    if not wants(request):
        restless = (
            request.thinking and not row.rests and "thinking" not in request.extra
        )  # Claude's own clients may have milder words for it
        return ("reasoning_effort", "the model cannot be told not to reason") if restless else None
    if temperature not in (None, 1):
        return "temperature", "it can only be 1 while Claude reasons"
    if top_p is not None and top_p < 0.95:
        return "top_p", "it cannot be under 0.95 while Claude reasons"
    if request.top_k is not None:
        return "top_k", "Claude takes none while it reasons"
    if getattr(request.tool_choice, "mode", None) in ("required", "tool"):
        return "tool_choice", "Claude cannot be held to a tool while it reasons"
    return None


def to_sampling(request: Request, model: str) -> dict[str, float | None]:
    """`temperature` and `top_p` as the model takes them: 1 is what it does anyhow, so that one is left out where it would be refused."""
    row, temperature, top_p = claude(model), request.temperature, request.top_p
    if not row.samples:
        return {}
    if row.one_of and temperature is not None and top_p is not None:
        return {"top_p": top_p} if temperature == 1 and top_p != 1 else {"temperature": temperature}
    return {"temperature": temperature, "top_p": top_p}


def _budget(told: int | None, effort: str | None, max_tokens: int) -> int | None:
    """None where there is no room to think and to answer."""
    if max_tokens <= LEAST_BUDGET:
        return None
    budget = BUDGETS.get(effort or "medium", BUDGETS["xhigh"]) if told is None else told
    if told is None or budget >= max_tokens:
        budget = min(budget, max_tokens * 4 // 5)
    return max(budget, LEAST_BUDGET)


def _effort(asked: str | None, row: Claude) -> str | None:
    """The model's nearest, not above what was asked where it has one so low."""
    if asked is None or not row.efforts:
        return None
    below = [effort for effort in row.efforts if ORDER.index(effort) <= ORDER.index(asked)] if asked in ORDER else list(row.efforts)
    return below[-1] if below else row.efforts[0]


def _effort_of(budget: int | None) -> str | None:
    if budget is None:
        return None
    return next((effort for effort in ("low", "medium", "high") if budget <= BUDGETS[effort]), "xhigh")


def _left_thoughts_out(messages: tuple[Message, ...]) -> bool:
    """Whether the calls that are being answered began without a thought of Claude's (another model made them, or the client kept none):
    with a budget, the API refuses to think on from there.
    """
    first = None
    for message in reversed(messages):
        if message.role == "assistant":
            first = message
        elif message.role != "tool" and not any(isinstance(part, ToolResult) for part in message.parts):
            break
    if first is None or first is messages[-1]:
        return False
    return not (first.parts and isinstance(first.parts[0], Reasoning) and own(first.parts[0].signature))
