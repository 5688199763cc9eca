"""Bedrock's Converse and ConverseStream, as they read: which requests they take, and what the models refuse of them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..exchange import Ask, CacheMark, Rejected
from ..http import Request
from ..tokens import REPLY_PRIMING, prompt_tokens
from .anthropic_checks import signature
from .aws_signature import access_key, refusal
from .bedrock_shapes import CONVERSE, said
from .shape import wrong
from .wire import bearer, dumped, parsed

Json = dict[str, Any]


class Model(NamedTuple):
    """`thinks`: None not at all, `asked` as Claude does (with a budget, and signed), `always` unasked and unsigned."""

    most_output: int
    context: int
    tools: bool = True
    streams_tools: bool = True
    chooses_tools: bool = True
    images: bool = False
    caches: bool = False
    schemas: bool = True
    thinks: str | None = None


CLAUDE = Model(64_000, 200_000, images=True, caches=True, thinks="asked")
MODELS = {
    "anthropic.claude-sonnet-4-5-20250929": CLAUDE,
    "anthropic.claude-sonnet-4-5-20250929-v1:0": CLAUDE,
    "anthropic.claude-opus-4-5-20250514": CLAUDE,
    "anthropic.claude-opus-4-5-20251101-v1:0": CLAUDE,
    "anthropic.claude-haiku-4-5-20251001-v1:0": CLAUDE,
    "cohere.command-r-plus-v1:0": Model(4_096, 128_000, chooses_tools=False, schemas=False),
    "meta.llama4-maverick-instruct-v1:0": Model(8_192, 1_000_000, streams_tools=False, chooses_tools=False, images=True, schemas=False),
    "kimi.k2-thinking-v1:0": Model(32_768, 262_144, thinks="always"),
    "deepseek.r1-v1:0": Model(32_768, 128_000, tools=False, schemas=False, thinks="always"),
    "mistral.mistral-large-2407-v1:0": Model(8_192, 128_000, schemas=False),
    "qwen.qwen3-instruct-v1:0": Model(32_768, 262_144),
}
ANY_SIM = CLAUDE._replace(most_output=1_000_000, context=10_000_000)
REGION = re.compile(r"(us|us-gov|eu|apac|jp|au|ca|global)\.(?=[a-z0-9]+\.)")
STATUSES = {
    "ValidationException": 400,
    "SerializationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ThrottlingException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}
FROM_THE_MODEL = "The model returned the following errors: "


def error_body(kind: str, message: str) -> bytes:
    return dumped({"__type": kind, "message": message})


def refused(message: str, kind: str = "ValidationException", status: int | None = None) -> Rejected:
    return Rejected(status or STATUSES[kind], error_body(kind, message))


def key_of(request: Request) -> str:
    return access_key(request) or bearer(request)


def check_signature(request: Request) -> None:
    """Signed, or with an API key of Bedrock's own.

    https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
    """
    key = bearer(request)
    if key.startswith("sk-bad"):
        raise refused("Authentication failed: Please make sure your API Key is valid.", "AccessDeniedException")
    if not key and (found := refusal(request, "bedrock")):
        raise refused(found.message, found.kind, 403)


def base_id(name: str) -> str:
    """The model's own id, without an inference profile's region or an ARN before it."""
    return REGION.sub("", name.rpartition("/")[2], count=1)


def checked(request: Request) -> Ask:
    return _read(request, stream=False)


def checked_stream(request: Request) -> Ask:
    return _read(request, stream=True)


def _read(request: Request, stream: bool) -> Ask:
    check_signature(request)
    name = base_id(request.named["model"])
    model = ANY_SIM if name.startswith("sim-") else MODELS.get(name)
    body = parsed(request.body)
    if body is None:
        raise refused("Unexpected token: the body is no JSON object", "SerializationException")
    if found := wrong(body, CONVERSE, nulls=True):
        kind, told = said(found)
        raise refused(told, kind)
    if model is None:
        raise refused("The provided model identifier is invalid.")
    body = {field: value for field, value in body.items() if value is not None}
    _check_talk(body)
    _check_model(body, model, stream)
    ask = to_ask(body, request.named["model"], name, model, stream)
    if len(ask.prompt_tokens) > model.context:
        raise refused(f"{FROM_THE_MODEL}prompt is too long: {len(ask.prompt_tokens)} tokens > {model.context} maximum")
    return ask


def _check_talk(body: Json) -> None:
    """Users and assistants take turns, and each call has its result at once."""
    messages = body.get("messages", [])
    if not messages or messages[0]["role"] != "user":
        raise refused("A conversation must start with a user message. Try again with a conversation that starts with a user message.")
    called: list[str] = []
    for place, message in enumerate(messages):
        here = f"messages.{place}"
        if not message["content"]:
            raise refused(
                f"The content field in the Message object at {here} is empty. Add a ContentBlock object to the content field and try again."
            )
        if place and message["role"] == messages[place - 1]["role"]:
            told = "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and "
            raise refused(f"{told}assistant roles and try again.")
        for at, block in enumerate(message["content"]):
            if "text" in block and not block["text"].strip():
                told = (
                    f"The text field in the ContentBlock object at {here}.content.{at} is blank. Add text to the text field, and try again."
                )
                raise refused(told)
            if ("toolUse" in block or "toolResult" in block) and "toolConfig" not in body:
                raise refused("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
            if ("toolUse" in block or "reasoningContent" in block) and message["role"] != "assistant":
                raise refused(f"The {next(iter(block))} block at {here}.content.{at} must be in an assistant message.")
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if missing := [each for each in called if each not in results]:
            raise refused(f"Expected toolResult blocks at {here}.content for the following Ids: {', '.join(missing)}")
        if len(results) > len(called) or set(results) != set(called):
            raise refused(f"The number of toolResult blocks at {here}.content exceeds the number of toolUse blocks of previous turn.")
        called = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]


def _check_model(body: Json, model: Model, stream: bool) -> None:
    """What this model does not do, or not together."""
    tools = [tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", ()) if "toolSpec" in tool]
    if tools and not model.tools:
        raise refused("This model doesn't support tool use.")
    if tools and stream and not model.streams_tools:
        raise refused("This model doesn't support tool use in streaming mode.")
    choice = next(iter(body.get("toolConfig", {}).get("toolChoice") or {"auto": {}}))
    if choice != "auto" and not model.chooses_tools:
        raise refused(
            f"This model doesn't support the toolConfig.toolChoice.{choice} field. Remove toolConfig.toolChoice.{choice} and try again."
        )
    if choice == "tool" and body["toolConfig"]["toolChoice"]["tool"]["name"] not in tools:
        raise refused(f"{FROM_THE_MODEL}Tool '{body['toolConfig']['toolChoice']['tool']['name']}' not found in provided tools")
    blocks = [block for message in body["messages"] for block in message["content"]]
    if not model.images and any("image" in block for block in blocks):
        raise refused("This model doesn't support the image content block. Remove the image content block and try again.")
    if not model.caches and any("cachePoint" in part for part in _parts(body)):
        raise refused(
            "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
            "AccessDeniedException",
        )
    if not model.schemas and body.get("outputConfig", {}).get("textFormat"):
        raise refused("This model doesn't support the outputConfig.textFormat field. Remove outputConfig.textFormat and try again.")
    inference = body.get("inferenceConfig", {})
    if inference.get("maxTokens", 1) > model.most_output:
        told = f"The maximum tokens you requested exceeds the model limit of {model.most_output}. Try again with a maximum tokens value "
        raise refused(f"{told}that is lower than {model.most_output}.")
    if model is CLAUDE and {"temperature", "topP"} <= inference.keys():
        raise refused(f"{FROM_THE_MODEL}`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    _check_thinking(body, model, choice)


def _check_thinking(body: Json, model: Model, choice: str) -> None:
    thinking = body.get("additionalModelRequestFields", {}).get("thinking", {})
    for message in body["messages"]:
        for block in message["content"]:
            told = block.get("reasoningContent", {}).get("reasoningText")
            if told and model.thinks == "asked" and told.get("signature") != signature(told["text"]):
                raise refused(f"{FROM_THE_MODEL}messages: Invalid `signature` in `thinking` block")
    if not thinking:
        return
    if model.thinks != "asked":
        raise refused("Malformed input request: #: extraneous key [thinking] is not permitted, please reformat your input and try again.")
    if thinking.get("type") != "enabled" or "budget_tokens" not in thinking:
        return
    if thinking["budget_tokens"] < 1024:
        raise refused(f"{FROM_THE_MODEL}thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if thinking["budget_tokens"] >= body.get("inferenceConfig", {}).get("maxTokens", model.most_output):
        raise refused(f"{FROM_THE_MODEL}`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("inferenceConfig", {}).get("temperature", 1) != 1:
        raise refused(f"{FROM_THE_MODEL}`temperature` may only be set to 1 when thinking is enabled.")
    if choice in ("any", "tool"):
        raise refused(f"{FROM_THE_MODEL}Thinking may not be enabled when tool_choice forces tool use.")


def to_ask(body: Json, asked: str, name: str, model: Model, stream: bool) -> Ask:
    inference, config = body.get("inferenceConfig", {}), body.get("toolConfig", {})
    tools = {tool["toolSpec"]["name"]: tool["toolSpec"]["inputSchema"]["json"] for tool in config.get("tools", ()) if "toolSpec" in tool}
    choice = config.get("toolChoice") or {"auto": {}}
    thinking = body.get("additionalModelRequestFields", {}).get("thinking", {})
    tokens, marks = _tokens_and_marks(body)
    return Ask(
        model=asked,
        prompt=_prompt(body["messages"]),
        prompt_tokens=tuple(tokens),
        stream=stream,
        include_usage=True,
        max_tokens=inference.get("maxTokens") or model.most_output,
        stop=tuple(inference.get("stopSequences") or ()),
        tools=tools,
        tools_must=(choice["tool"]["name"],) if "tool" in choice else tuple(tools) if "any" in choice else (),
        schema=_schema(body),
        reasoning_effort="low" if model.thinks == "always" else None,
        reasoning_budget=thinking.get("budget_tokens") if thinking.get("type") == "enabled" else None,
        cache_marks=tuple(marks),
        priced_as=name,
        body=body,
    )


def _schema(body: Json) -> Any:
    told = (body.get("outputConfig") or {}).get("textFormat")
    try:
        return json.loads(told["structure"]["jsonSchema"]["schema"]) if told else None
    except ValueError:
        raise refused("The schema field in the JsonSchemaDefinition object at outputConfig.textFormat is not valid JSON.") from None


def _prompt(messages: list[Json]) -> str:
    """What the last user message says. After a tool's result it no longer dictates."""
    last = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    if any("toolResult" in block for block in last):
        return ""
    return "\n".join(block["text"] for block in last if "text" in block)


def _parts(body: Json) -> Iterator[Json]:
    yield from body.get("toolConfig", {}).get("tools", ())
    yield from body.get("system", ())
    for message in body["messages"]:
        yield {"role": message["role"]}
        yield from message["content"]


def _tokens_and_marks(body: Json) -> tuple[list[str], list[CacheMark]]:
    tokens: list[str] = []
    marks: list[CacheMark] = []
    for part in _parts(body):
        if "cachePoint" in part:
            marks.append(CacheMark(len(tokens), part["cachePoint"].get("ttl") == "1h"))
        elif "image" in part:
            tokens += prompt_tokens(f"data:{part['image']['source'].get('bytes', '')}")[:-REPLY_PRIMING]
        else:
            tokens += prompt_tokens(part)[:-REPLY_PRIMING]
    return tokens + prompt_tokens(), marks
