"""Whether a target can serve a request, known before it is called: by the model's capabilities, and by what its wire format can express."""

from collections.abc import Callable, Iterator
from itertools import chain

from ..request import Format, Image, Json, Part, Raw, Request, ToolCall, ToolChoice, ToolResult
from ..routing.catalog import Provider, Target
from .contract import CARRIED_BY_ALL, Lack, Wire
from .registry import wire

# What clients send for their own or the provider's records: without it the answer is the same.
WITHOUT_EFFECT = frozenset(
    {"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "stream_options", "anthropic_beta"}
    | {"cache_control", "diagnostics", "user_profile_id", "client_metadata"}
)
# Values that ask for what is done anyhow.
USUAL = {
    "service_tier": ("auto", "default", "standard_only"),
    "speed": ("standard",),
    "truncation": ("disabled",),
    "modalities": (["text"],),
    "verbosity": ("medium",),
}


def _tools(request: Request) -> bool:
    return bool(request.tools) or any(isinstance(part, ToolCall | ToolResult) for message in request.messages for part in message.parts)


def _images(request: Request) -> bool:
    return any(isinstance(part, Image) for part in _parts(request))


def _schema(request: Request) -> bool:
    return isinstance(request.response_format, Format) and request.response_format.schema is not None


def _reasoning(request: Request) -> bool:
    thinking = request.thinking
    return thinking is not None and (thinking.effort not in (None, "none") or thinking.budget_tokens is not None)


# capability: (whether a request needs it, the parameter that says so)
NEEDS: dict[str, tuple[Callable[[Request], bool], str]] = {
    "tools": (_tools, "tools"),
    "vision": (_images, "messages"),
    "json_schema": (_schema, "response_format"),
    "reasoning": (_reasoning, "reasoning_effort"),
    "embeddings": (lambda request: bool(request.inputs), "model"),
}
# A parameter that asks for nothing when it has this value, whatever a wire can carry.
NEUTRAL = {"n": 1, "frequency_penalty": 0, "presence_penalty": 0, "parallel_tool_calls": True}
CARRIED = ("top_k", "seed", "n", "frequency_penalty", "presence_penalty", "logprobs", "parallel_tool_calls", "dimensions")


def wire_of(request: Request, target: Target, provider: Provider) -> Wire:
    """The format to ask this target in: its own, or for a Responses request the one OpenAI has made for that."""
    if request.dialect == "openai_responses" and provider.kind == "openai" and target.wire == "openai":
        return wire("openai_responses")
    return wire(target.wire)


# What a client of another dialect calls the parameter.
ALSO_CALLED = {
    "openai_responses": {"messages": "input", "response_format": "text.format", "reasoning_effort": "reasoning.effort"},
    "anthropic_messages": {
        "response_format": "output_config.format",
        "reasoning_effort": "thinking",
        "stop": "stop_sequences",
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    },
    "openai_embeddings": {"messages": "input"},
    "openai_completions": {"messages": "prompt"},
}


def lack_of(request: Request, target: Target, provider: Provider) -> Lack | None:
    """The first parameter of the request that the target cannot serve, and why; None where it can serve them all."""
    format = wire_of(request, target, provider)
    found = next(chain(_capabilities(request, target), _parameters(request, format), _foreign(request, format)), None)
    lack = found or format.lacks(request, target, provider)
    return lack and (ALSO_CALLED.get(request.dialect, {}).get(lack[0], lack[0]), lack[1])


def _capabilities(request: Request, target: Target) -> Iterator[Lack]:
    for capability, (needs, parameter) in NEEDS.items():
        if capability not in target.capabilities and needs(request):
            yield parameter, f"the model has no {capability.replace('_', ' ')}"
    if "embeddings" in target.capabilities and not request.inputs:
        yield "model", "the model makes embeddings and no completions"


def _parameters(request: Request, format: Wire) -> Iterator[Lack]:
    choice = request.tool_choice
    one_call = not request.tools or (isinstance(choice, ToolChoice) and choice.mode in ("tool", "none"))
    for name in CARRIED:
        if name == "parallel_tool_calls" and one_call:  # there is none to come beside the one that is asked for
            continue
        value = getattr(request, name)
        if value not in (None, NEUTRAL.get(name)) and name not in format.carries | CARRIED_BY_ALL:
            yield name, "its provider knows no such parameter"


def _foreign(request: Request, format: Wire) -> Iterator[Lack]:
    """What only a provider of the client's own dialect can read."""
    if request.dialect in format.reads:
        return
    if any(isinstance(part, Raw) for part in _parts(request)):
        yield "messages", "a part of the content is of a kind that its provider does not know"
    if any(isinstance(tool, Raw) for tool in request.tools):
        yield "tools", "a tool is of a kind that its provider does not know"
    if isinstance(request.tool_choice, Raw):
        yield "tool_choice", "it is of a kind that its provider does not know"
    for name, value in request.extra.items():
        if name not in WITHOUT_EFFECT and value not in USUAL.get(name, ()) and not clears_alone(name, value):
            yield name, "its provider does not know it"


def clears_alone(name: str, value: Json) -> bool:
    """Anthropic's way to leave out what is long past: a model that is still shown all of it answers no worse.

    https://platform.claude.com/docs/en/build-with-claude/context-editing
    """
    edits = value.get("edits") if name == "context_management" and isinstance(value, dict) else None
    return isinstance(edits, list) and all(isinstance(edit, dict) and str(edit.get("type")).startswith("clear_") for edit in edits)


def _parts(request: Request) -> Iterator[Part]:
    """All of them, and what is in the results of tools."""
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield from part.parts
            else:
                yield part
