"""The Response object. https://platform.openai.com/docs/api-reference/responses/object

It repeats the request. Every field of the published type is there; what nobody here can know is null.
"""

from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice
from .contract import Answer
from .openai_responses_items import UNFINISHED, Item, own_id, to_items
from .written import dumped

# Of our codes, those that the published list has a word for. The code itself stands in the `error` event, and here beside it.
ERROR_CODES = {
    "rate_limited": "rate_limit_exceeded",
    "budget_exceeded": "rate_limit_exceeded",
    "invalid_request": "invalid_prompt",
    "unsupported_parameter": "invalid_prompt",
}

# What a request may leave out, and what holds then. Sampling has no default here: each provider has its own.
REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "service_tier": None,
    "temperature": None,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
# What is stored, or of OpenAI's own house.
ABSENT = dict.fromkeys(
    (
        "access_programs",
        "completed_at",
        "conversation",
        "image",
        "input_transformations",
        "moderation",
        "previous_response_id",
        "prompt",
        "prompt_cache_diagnostics",
        "prompt_cache_options",
        "tool_usage",
    )
)
A_FUNCTION = {"description": None, "parameters": None, "strict": None}


class Head:
    """What stays the same in an answer's Response, written once: a stream holds three of them."""

    def __init__(self, answer: Answer) -> None:
        given = answer.request.given
        text = given.get("text") or {}
        fields = {
            "id": own_id("resp", answer.id),
            "object": "response",
            "created_at": answer.created_s,
            "model": answer.model,
            "background": False,
            "store": False,
            **ABSENT,
            **{name: default if given.get(name) is None else given[name] for name, default in REPEATED.items()},
            "reasoning": {"effort": None, "summary": None} | (given.get("reasoning") or {}),
            "text": {"format": _format(text.get("format") or {"type": "text"}), "verbosity": text.get("verbosity") or "medium"},
            "tools": [(A_FUNCTION | tool) if tool.get("type") == "function" else tool for tool in given.get("tools") or ()],
        }
        self._fields = dumped(fields)[:-1]

    def response(
        self, status: str, output: list[Item], tokens: Tokens | None = None, *, unfinished: str | None = None, error: Refusal | None = None
    ) -> bytes:
        return b"%b,%b" % (
            self._fields,
            dumped(
                {
                    "status": status,
                    "output": output,
                    "usage": None if tokens is None else to_usage(tokens),
                    "incomplete_details": {"reason": unfinished} if unfinished else None,
                    "error": None if error is None else to_response_error(error),
                }
            )[1:],
        )

    def ended(self, output: list[Item], finish: str | None, tokens: Tokens | None) -> bytes:
        unfinished = UNFINISHED.get(finish or "")
        return self.response("incomplete" if unfinished else "completed", output, tokens, unfinished=unfinished)


def to_body(answer: Answer, choices: list[Choice], tokens: Tokens) -> bytes:
    """Responses have one choice."""
    choice = choices[0] if choices else Choice()
    return Head(answer).ended(to_items(answer.id, choice), choice.finish, tokens)


def to_usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_write},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def to_response_error(refusal: Refusal) -> dict[str, Any]:
    code = ERROR_CODES.get(refusal.code, "server_error")
    return {"code": code, "message": refusal.message, "type": refusal.code, "param": refusal.param, "misalignment": None}


def _format(format: dict[str, Any]) -> dict[str, Any]:
    return {"strict": None} | format if format.get("type") == "json_schema" else format
