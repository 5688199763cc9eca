"""Anthropic's messages, as clients speak them. https://platform.claude.com/docs/en/api/messages"""

from collections.abc import Mapping
from typing import Any

from ..errors import Refusal
from ..request import Format, Message, Raw, Request, Thinking, Tool, ToolChoice
from .anthropic_messages_answer import to_body, to_error
from .anthropic_messages_blocks import to_cache, to_messages, to_system
from .anthropic_messages_events import to_events
from .checks import BOOLEAN, OBJECT, OBJECTS, STRING, STRING_OR_OBJECTS, STRINGS, expect, number, one_of, taken, to_object, whole_number
from .contract import Dialect

NAME = "anthropic_messages"
# https://platform.claude.com/docs/en/api/versioning
NEWER = "2026-10-21"
VERSIONS = (NEWER, "2023-06-01", "2023-01-01")
# What it took away. https://platform.claude.com/docs/en/api/migration-2026-10-21
NOT_IN_NEWER = ("temperature", "top_p", "top_k")

# https://platform.claude.com/docs/en/build-with-claude/effort
EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}  # no other dialect has a word above xhigh
THINKING = ("enabled", "disabled", "adaptive", "between_tools")
SUMMARIES = {"summarized": "auto", "omitted": None}
CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}

# What a tool of the client's own may hold that no Tool has and that changes the answer; the value that asks for nothing.
OF_THEIR_TOOLS_ALONE: Mapping[str, tuple[Any, ...]] = {
    "defer_loading": (None, False),
    "allowed_callers": (None, ["direct"]),
    "input_examples": (None, []),
}


def to_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises Refusal (invalid_request) naming the parameter. What we do not know is kept in `extra`."""
    version = to_version(headers)
    given = to_object(body)
    model = taken(given, "model", STRING)
    if not model:
        raise Refusal("invalid_request", "`model` is missing. Name a route, an alias or provider/model.", param="model")
    max_tokens = taken(given, "max_tokens", whole_number(1))
    if max_tokens is None:
        raise Refusal("invalid_request", "`max_tokens` is missing. Say how long the answer may be at most.", param="max_tokens")
    messages = taken(given, "messages", OBJECTS)
    if not messages:
        raise Refusal("invalid_request", "`messages` is missing or empty. Send one message at the least.", param="messages")
    read = _system(given) + to_messages(messages)
    if version == NEWER:
        _check_newer(given, messages)
    effort, response_format = to_output(given)
    choice, parallel = to_tool_choice(taken(given, "tool_choice", OBJECT))
    return Request(
        dialect=NAME,
        model=model,
        messages=read,
        stream=bool(taken(given, "stream", BOOLEAN)),
        include_usage=True,
        max_tokens=max_tokens,
        temperature=taken(given, "temperature", number(0, 1)),
        top_p=taken(given, "top_p", number(0, 1)),
        top_k=taken(given, "top_k", whole_number(0)),
        stop=tuple(taken(given, "stop_sequences", STRINGS) or ()),
        tools=tuple(to_tool(tool, f"tools[{place}]") for place, tool in enumerate(taken(given, "tools", OBJECTS) or ())),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=response_format,
        thinking=to_thinking(given, effort),
        user=_user(given),
        extra=_betas(headers, given) | {name: value for name, value in given.items() if value is not None},
    )


def to_version(headers: Mapping[str, str]) -> str | None:
    version = headers.get("anthropic-version")
    if version is not None and version not in VERSIONS:
        message = f"`anthropic-version` must be one of {', '.join(VERSIONS)}, or be left out."
        raise Refusal("invalid_request", message, param="anthropic-version")
    return version


def _check_newer(given: Mapping[str, Any], messages: list[dict[str, Any]]) -> None:
    for name in NOT_IN_NEWER:
        if given.get(name) is not None:
            why = f"`{name}` is not in version {NEWER}. Leave it out, or send `anthropic-version: 2023-06-01`."
            raise Refusal("invalid_request", why, param=name)
    for place, message in enumerate(messages):
        role, content = message["role"], message["content"]
        for at, block in enumerate(content if isinstance(content, list) else []):
            path = f"messages[{place}].content[{at}]"
            if role == "assistant" and block["type"] == "document":
                raise Refusal("invalid_request", f"`{path}` is a document, which only a user sends.", param=f"{path}.type")
            if role == "user" and block["type"] == "text" and block.get("citations"):
                raise Refusal("invalid_request", f"`{path}.citations` is for what an assistant said.", param=f"{path}.citations")


def _betas(headers: Mapping[str, str], given: dict[str, Any]) -> dict[str, Any]:
    """As a body writes them where there are no headers: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html"""
    told = given.pop("anthropic_beta", None) or headers.get("anthropic-beta", "")
    names = told.split(",") if isinstance(told, str) else told
    if not STRINGS[0](names) or not all(name.isascii() and name.isprintable() for name in names):  # they go into a header
        raise Refusal("invalid_request", "`anthropic_beta` must be an array of names in ASCII, or such a header.", param="anthropic_beta")
    names = [name.strip() for name in names if name.strip()]
    return {"anthropic_beta": names} if names else {}


def _system(given: dict[str, Any]) -> tuple[Message, ...]:
    system = taken(given, "system", STRING_OR_OBJECTS)
    return (Message("system", to_system(system, "system")),) if system else ()


def _user(given: dict[str, Any]) -> str | None:
    """Of `metadata`; whatever else that holds is passed on with it."""
    metadata = taken(given, "metadata", OBJECT) or {}
    user = metadata.get("user_id")
    if user is not None:
        expect(user, STRING, "metadata.user_id")
    if metadata.keys() - {"user_id"}:
        given["metadata"] = metadata
    return user


def to_output(given: dict[str, Any]) -> tuple[str | None, Format | None]:
    """How much effort, and in what form. `output_format` is what `output_config.format` was called once."""
    sent = taken(given, "output_config", OBJECT) or {}
    config = dict(sent)
    effort = taken(config, "effort", one_of(*EFFORTS), "output_config")
    response_format = to_format(taken(config, "format", OBJECT, "output_config"), "output_config.format")
    if any(value is not None for value in config.values()):
        given["output_config"] = sent  # whole: it goes before what is written from this Request
    return EFFORTS.get(effort), response_format or to_format(taken(given, "output_format", OBJECT), "output_format")


def to_format(form: dict[str, Any] | None, path: str) -> Format | None:
    if form is None:
        return None
    expect(form.get("type"), one_of("json_schema"), f"{path}.type")
    expect(form.get("schema"), OBJECT, f"{path}.schema")
    return Format(form["schema"])


def to_thinking(given: dict[str, Any], effort: str | None) -> Thinking | None:
    """`between_tools` is thinking switched off, but for notes on the way: it is kept as it is, for those who know it."""
    thinking = taken(given, "thinking", OBJECT)
    if thinking is None:
        return Thinking(effort) if effort else None
    kind = thinking.get("type")
    expect(kind, one_of(*THINKING), "thinking.type")
    if kind in ("disabled", "between_tools"):
        if kind == "between_tools":
            given["thinking"] = thinking
        return Thinking("none")
    budget = thinking.get("budget_tokens")
    if kind == "enabled":
        expect(budget, whole_number(1024), "thinking.budget_tokens")
    display = thinking.get("display")
    if display is not None:
        expect(display, one_of(*SUMMARIES), "thinking.display")
    return Thinking(effort, budget, SUMMARIES.get(display))


def to_tool(tool: dict[str, Any], path: str) -> Tool | Raw:
    """Anthropic's own tools, and what only its models understand in the client's, are kept as they are."""
    kind = tool.get("type")
    if kind is not None:
        expect(kind, STRING, f"{path}.type")
        if kind != "custom":
            return Raw(tool)
    expect(tool.get("name"), STRING, f"{path}.name")
    expect(tool.get("input_schema"), OBJECT, f"{path}.input_schema")
    for name, check in (("description", STRING), ("strict", BOOLEAN)):
        if tool.get(name) is not None:
            expect(tool[name], check, f"{path}.{name}")
    cache = to_cache(tool, path)
    if any(tool.get(name) not in usual for name, usual in OF_THEIR_TOOLS_ALONE.items()):
        return Raw(tool)
    return Tool(tool["name"], tool.get("description"), tool["input_schema"], tool.get("strict"), cache)


def to_tool_choice(choice: dict[str, Any] | None) -> tuple[ToolChoice | None, bool | None]:
    """And whether several tools may be called at once; None where that is not said."""
    if choice is None:
        return None, None
    kind: Any = choice.get("type")
    expect(kind, one_of(*CHOICES), "tool_choice.type")
    alone = choice.get("disable_parallel_tool_use")
    if alone is not None:
        expect(alone, BOOLEAN, "tool_choice.disable_parallel_tool_use")
    if kind == "tool":
        expect(choice.get("name"), STRING, "tool_choice.name")
    return ToolChoice(CHOICES[kind], choice["name"] if kind == "tool" else None), None if alone is None else not alone


DIALECT = Dialect(NAME, to_request, to_body, to_events, to_error)
