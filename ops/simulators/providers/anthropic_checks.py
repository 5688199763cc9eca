"""Anthropic's Messages API, as it reads: which requests it takes, how it refuses the others, and what the taken ones ask for.

https://platform.claude.com/docs/en/api/messages  https://platform.claude.com/docs/en/api/errors
https://platform.claude.com/docs/en/build-with-claude/prompt-caching  https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..exchange import Ask, CacheMark, Rejected
from ..http import Request
from ..tokens import REPLY_PRIMING, prompt_tokens
from .anthropic_shapes import DIRECT, NEWER, ON_VERTEX, ON_VERTEX_NEWER, TOOL, WITHOUT_SAMPLING, said
from .shape import Shape, wrong
from .wire import bearer, dumped, mark, parsed

Json = dict[str, Any]


class Model(NamedTuple):
    snapshot: str
    called: str
    most_output: int
    context: int = 200_000
    both_samplings: bool = False  # takes temperature and top_p at once


MODELS = {
    "claude-sonnet-4-5-20250929": Model("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 64_000, 1_000_000),
    "claude-sonnet-4-5": Model("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 64_000, 1_000_000),
    "claude-opus-4-5-20251101": Model("claude-opus-4-5-20251101", "Claude Opus 4.5", 64_000),
    "claude-haiku-4-5-20251001": Model("claude-haiku-4-5-20251001", "Claude Haiku 4.5", 64_000),
}
BY_VERSION = {"2023-06-01": DIRECT, NEWER: WITHOUT_SAMPLING}
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
MOST_CACHE_MARKS = 4
FORCES_A_TOOL = ("any", "tool")
NOT_THE_LAST = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
NOT_THE_FIRST = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."


def model_of(name: str) -> Model | None:
    return Model(name, name, 1_000_000, 10_000_000, True) if name.startswith("sim-") else MODELS.get(name)


def error_body(status: int, message: str) -> bytes:
    kind = KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return dumped({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_" + mark(message)})


def refused(message: str, status: int = 400) -> Rejected:
    return Rejected(status, error_body(status, message))


def key_of(request: Request) -> str:
    """Its newer clients send the key as a bearer."""
    return request.headers.get("x-api-key") or bearer(request)


def check_headers(request: Request) -> None:
    if not key_of(request):
        raise refused("x-api-key header is required", 401)
    if key_of(request).startswith("sk-bad"):
        raise refused("invalid x-api-key", 401)
    version = request.headers.get("anthropic-version")
    if version is None:
        raise refused("anthropic-version: header is required")
    if version not in BY_VERSION:
        raise refused(f'anthropic-version: "{version}" is not a valid version')


def checked(request: Request) -> Ask:
    """The newer version has no parameters for sampling, and each role may hold less.

    https://platform.claude.com/docs/en/api/migration-2026-10-21
    """
    check_headers(request)
    version = request.headers["anthropic-version"]
    ask = read(request, BY_VERSION[version])
    if version == NEWER:
        _check_roles(ask.body["messages"])
    return ask


def checked_on_vertex(request: Request, name: str, model: Model) -> Ask:
    """The same without the model, which the path names, and with the version in the body."""
    newer = (parsed(request.body) or {}).get("anthropic_version") == NEWER
    ask = read(request, ON_VERTEX_NEWER if newer else ON_VERTEX, name, model)
    if newer:
        _check_roles(ask.body["messages"])
    return ask


def _check_roles(messages: list[Json]) -> None:
    for place, message in enumerate(messages):
        for at, part in enumerate(blocks(message["content"])):
            if part.get("citations") and part["type"] == "text" and message["role"] == "user":
                raise refused(f"messages.{place}.content.{at}.text.citations: citations are not permitted in `user` messages")


def read(request: Request, shape: Shape, name: str | None = None, model: Model | None = None) -> Ask:
    """`name` is of who names the model in the path; then `model` is what is known of it."""
    body = parsed(request.body)
    if body is None:
        raise refused("The request body is not valid JSON")
    found = wrong(body, shape)
    if found:
        raise refused(said(found))
    model = model or model_of(body["model"])
    if model is None:
        raise refused(f"model: {body['model']}", 404)
    _check_tools(body)
    _check_talk(body["messages"])
    _check_together(body, model)
    ask = to_ask(body, name or body["model"])
    if len(ask.prompt_tokens) > model.context:
        raise refused(f"prompt is too long: {len(ask.prompt_tokens)} tokens > {model.context} maximum")
    return ask


def blocks(content: str | list[Json]) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _check_tools(body: Json) -> None:
    names = []
    for place, tool in enumerate(body.get("tools", ())):
        if tool.get("type") in (None, "custom"):
            if found := wrong(tool, TOOL, ("tools", place, "custom")):
                raise refused(said(found))
            if tool["input_schema"].get("type") != "object":
                raise refused(f"tools.{place}.custom.input_schema.type: Input should be 'object'")
        names.append(tool.get("name"))
    if len(set(names)) < len(names):
        raise refused("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice and not names:
        raise refused("tool_choice: tool_choice may only be specified while providing tools")
    if choice and choice["type"] == "tool" and choice["name"] not in names:
        raise refused(f"Tool '{choice['name']}' not found in provided tools")


def _check_talk(messages: list[Json]) -> None:
    """Who speaks when, and that each call has its result at once."""
    if messages[0]["role"] != "user":
        raise refused('messages: first message must use the "user" role')
    called: list[str] = []
    for place, message in enumerate(messages):
        parts = blocks(message["content"])
        if not parts or parts == [{"type": "text", "text": ""}]:
            if place < len(messages) - 1 or message["role"] == "user":
                told = "all messages must have non-empty content except for the optional final assistant message"
                raise refused(f"messages.{place}: {told}")
        elif any(part["type"] == "text" and not part["text"] for part in parts):
            raise refused("messages: text content blocks must be non-empty")
        results = [part["tool_use_id"] for part in parts if part["type"] == "tool_result"]
        if missing := [name for name in called if name not in results]:
            told = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. {NOT_THE_LAST}"
            raise refused(f"messages.{place - 1}: {told}")
        for at, part in enumerate(parts):
            _check_part(f"messages.{place}.content.{at}", message["role"], part, called)
        called = [part["id"] for part in parts if part["type"] == "tool_use"]
    if called:
        told = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(called)}. {NOT_THE_LAST}"
        raise refused(f"messages.{len(messages) - 1}: {told}")


def _check_part(here: str, role: str, part: Json, called: list[str]) -> None:
    kind = part["type"]
    if kind in ("tool_use", "thinking", "redacted_thinking") and role != "assistant":
        raise refused(f"{here}: `{kind}` blocks can only be in `assistant` messages")
    if kind in ("tool_result", "image", "document", "search_result") and role != "user":
        raise refused(f"{here}: `{kind}` blocks can only be in `user` messages")
    if kind == "tool_result" and part["tool_use_id"] not in called:
        raise refused(f"{here}: unexpected `tool_use_id` found in `tool_result` blocks: {part['tool_use_id']}. {NOT_THE_FIRST}")
    if kind == "thinking" and part["signature"] != signature(part["thinking"]):
        raise refused(f"{here}: Invalid `signature` in `thinking` block")


def _check_together(body: Json, model: Model) -> None:
    """What is refused because of another parameter, or because of the model."""
    if body["max_tokens"] > model.most_output:
        told = f"{body['max_tokens']} > {model.most_output}, which is the maximum allowed number of output tokens for {model.snapshot}"
        raise refused(f"max_tokens: {told}")
    if not model.both_samplings and {"temperature", "top_p"} <= body.keys():
        raise refused("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if any(not stop.strip() for stop in body.get("stop_sequences", ())):
        raise refused("stop_sequences: each stop sequence must contain non-whitespace")
    last = body["messages"][-1]
    last_text = blocks(last["content"])[-1].get("text", "") if last["role"] == "assistant" and last["content"] else ""
    if last_text != last_text.rstrip():
        raise refused("messages: final assistant content cannot end with trailing whitespace")
    if sum(1 for _ in _marked(body)) > MOST_CACHE_MARKS:
        raise refused(f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {sum(1 for _ in _marked(body))}.")
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        _check_thinking(body)


def _check_thinking(body: Json) -> None:
    if body["thinking"].get("budget_tokens", 0) >= body["max_tokens"]:
        raise refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature", 1) != 1:
        raise refused("`temperature` may only be set to 1 when thinking is enabled.")
    if "top_k" in body:
        raise refused("`top_k` must be unset when thinking is enabled.")
    if body.get("top_p", 1) < 0.95:
        raise refused("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if body.get("tool_choice", {}).get("type") in FORCES_A_TOOL:
        raise refused("Thinking may not be enabled when tool_choice forces tool use.")
    for place, message in enumerate(body["messages"]):
        parts = blocks(message["content"])
        calls = message["role"] == "assistant" and any(part["type"] == "tool_use" for part in parts)
        if calls and place == len(body["messages"]) - 2 and parts[0]["type"] not in ("thinking", "redacted_thinking"):
            told = f"Expected `thinking` or `redacted_thinking`, but found `{parts[0]['type']}`. When `thinking` is enabled, a final "
            told += (
                "`assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
            )
            raise refused(f"messages.{place}.content.0.type: {told}")
    if body["messages"][-1]["role"] == "assistant":
        raise refused("messages: prefilling assistant content is not supported when `thinking` is enabled")


def signature(thinking: str) -> str:
    """What must come back with the thinking, unchanged."""
    return "sig" + mark("thinking", thinking, length=64)


def to_ask(body: Json, model: str) -> Ask:
    tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools", ()) if "input_schema" in tool}
    choice = body.get("tool_choice", {"type": "auto"})
    output = body.get("output_config") or {}
    thinking = body.get("thinking", {"type": "disabled"})
    tokens, marks = _tokens_and_marks(body)
    return Ask(
        model=model,
        prompt=_prompt(body["messages"]),
        prompt_tokens=tuple(tokens),
        stream=body.get("stream", False),
        include_usage=True,
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences", ())),
        tools={} if choice["type"] == "none" else tools,
        tools_must=(choice["name"],) if choice["type"] == "tool" else tuple(tools) if choice["type"] == "any" else (),
        parallel_tool_calls=not choice.get("disable_parallel_tool_use", False),
        schema=(output.get("format") or {}).get("schema"),
        reasoning_effort=(output.get("effort") or "high").replace("max", "xhigh") if thinking["type"] == "adaptive" else None,
        reasoning_budget=thinking.get("budget_tokens"),
        cache_marks=tuple(marks),
        body=body,
    )


def _prompt(messages: list[Json]) -> str:
    """What the last user message says. After a tool's result it no longer dictates."""
    said_last = next(blocks(message["content"]) for message in reversed(messages) if message["role"] == "user")
    if any(part["type"] == "tool_result" for part in said_last):
        return ""
    return "\n".join(part["text"] for part in said_last if part["type"] == "text")


def _parts(body: Json) -> Iterator[Json]:
    """Everything that is cached, in the order in which it is: the tools, the system prompt, the messages."""
    yield from body.get("tools", ())
    yield from blocks(body.get("system", []))
    for message in body["messages"]:
        yield {"role": message["role"]}
        yield from blocks(message["content"])


def _marked(body: Json) -> Iterator[Json]:
    parts = [part["cache_control"] for part in _parts(body) if part.get("cache_control")]
    inner = [each["cache_control"] for part in _parts(body) for each in _inner(part) if each.get("cache_control")]
    yield from (*parts, *inner, *([body["cache_control"]] if body.get("cache_control") else []))


def _inner(part: Json) -> list[Json]:
    content = part.get("content")
    return content if part.get("type") == "tool_result" and isinstance(content, list) else []


def _tokens_and_marks(body: Json) -> tuple[list[str], list[CacheMark]]:
    """All tokens of the prompt, and after how many of them something is marked. At the top level it marks the last block."""
    tokens: list[str] = []
    marks: list[CacheMark] = []
    for part in _parts(body):
        tokens += prompt_tokens(_unmarked(part))[:-REPLY_PRIMING]
        told = part.get("cache_control") or next((inner["cache_control"] for inner in _inner(part) if inner.get("cache_control")), None)
        if told:
            marks.append(CacheMark(len(tokens), told.get("ttl") == "1h"))
    if told := body.get("cache_control"):
        marks.append(CacheMark(len(tokens), told.get("ttl") == "1h"))
    return tokens + prompt_tokens(), marks


def _unmarked(part: Json) -> Json:
    kept = {name: value for name, value in part.items() if name not in ("cache_control", "signature", "type")}
    if inner := _inner(part):
        kept["content"] = [_unmarked(each) for each in inner]
    if isinstance(source := kept.get("source"), dict) and "data" in source:
        kept["source"] = {"data": f"data:{source['data']}"}  # counted as an inlined image is
    return kept
