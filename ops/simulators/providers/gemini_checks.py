"""Gemini's generateContent and streamGenerateContent, as they read, here and on Vertex: what they take, and how they refuse the rest.

https://ai.google.dev/api/generate-content  https://ai.google.dev/gemini-api/docs/thinking
https://ai.google.dev/gemini-api/docs/thought-signatures  https://ai.google.dev/gemini-api/docs/troubleshooting
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..exchange import Ask, Rejected
from ..http import Request
from ..tokens import prompt_tokens
from .gemini_shapes import GENERATE, GOOGLE_TOOLS, SCHEMA, in_camel_case, said
from .shape import Shape, wrong
from .wire import dumped, mark, parsed

Json = dict[str, Any]


class Model(NamedTuple):
    """`thinks` is the effort where the request says nothing, `by_level` whether it says so in levels rather than by a budget alone."""

    input: int
    output: int
    thinks: str
    by_level: bool = False
    most_budget: int = 32_768
    signs_calls: bool = False  # and wants the signature back


MODELS = {
    "gemini-3-pro": Model(1_048_576, 65_536, "high", by_level=True, signs_calls=True),
    "gemini-2.5-flash": Model(1_048_576, 65_536, "low", most_budget=24_576),
}
ANY_SIM = Model(10_000_000, 1_000_000, "none", by_level=True)
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
ROLES = ("user", "model", "function")
UNCHECKED = (
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
)  # signatures that Google documents for calls of others
JSON_KINDS = ("application/json", "text/x.enum")
BLOCKED = re.compile(r"\brefuse prompt\b")
DYNAMIC = -1
NOT_SIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing "
)
NOT_SIGNED += "thought_signature may lead to degraded model performance."

RETRY: Json = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}


def error_body(status: int, message: str, *details: Json) -> bytes:
    name = STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    told: Json = {"code": status, "message": message, "status": name}
    return dumped({"error": told | ({"details": list(details)} if details else {})})


def reason(code: str, service: str) -> Json:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": code,
        "domain": "googleapis.com",
        "metadata": {"service": service},
    }


def refused(message: str, status: int = 400, *details: Json) -> Rejected:
    return Rejected(status, error_body(status, message, *details))


def key_of(request: Request) -> str:
    return request.headers.get("x-goog-api-key") or request.query.get("key", "")


def check_key(request: Request) -> None:
    key, service = key_of(request), "generativelanguage.googleapis.com"
    if not key:
        told = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API "
        raise refused(f"{told}consumer identity to call this API.", 403)
    if key.startswith(("sk-bad", "AIzaBad")):
        raise refused("API key not valid. Please pass a valid API key.", 400, reason("API_KEY_INVALID", service))


def model_of(name: str) -> Model | None:
    return ANY_SIM if name.startswith("sim-") else MODELS.get(name)


def body_of(request: Request, shape: Shape) -> Json:
    body = parsed(request.body)
    if body is None:
        raise refused("Invalid JSON payload received. Unexpected token.")
    body = in_camel_case(body, shape)
    if found := wrong(body, shape):
        raise refused(said(found))
    return body


def reader(stream: bool, check_caller: Callable[[Request], None] = check_key, shape: Shape = GENERATE) -> Callable[[Request], Ask]:
    """Of the operation that streams, or of the one that does not."""

    def read(request: Request) -> Ask:
        check_caller(request)
        name = request.named["model"]
        model = model_of(name)
        if model is None:
            told = f"models/{name} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see "
            raise refused(f"{told}the list of available models and their supported methods.", 404)
        body = body_of(request, shape)
        _check_talk(body, model, role_needed=shape is not GENERATE)
        _check_tools(body)
        _check_config(body.get("generationConfig", {}), model)
        events = request.query.get("alt") == "sse"
        ask = to_ask(body, name, model, stream, None if events or not stream else "application/json; charset=UTF-8")
        if len(ask.prompt_tokens) > model.input:
            told = f"The input token count ({len(ask.prompt_tokens)}) exceeds the maximum number of tokens allowed ({model.input})."
            raise refused(told)
        return ask

    return read


def _check_talk(body: Json, model: Model, role_needed: bool) -> None:
    contents = body.get("contents") or []
    if not contents:
        raise refused("* GenerateContentRequest.contents: contents is not specified\n")
    called: list[Json] = []
    for place, content in enumerate(contents):
        if content.get("role") not in ((*ROLES,) if role_needed else (*ROLES, None)):
            raise refused("Please use a valid role: user, model.")
        parts = content.get("parts") or []
        if not parts:
            raise refused(f"* GenerateContentRequest.contents[{place}].parts: contents.parts must not be empty.\n")
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if called and len(results) != len(called):
            told = "Please ensure that the number of function response parts is equal to the number of function call parts of the function "
            raise refused(f"{told}call turn.")
        if results and not called:
            raise refused("Please ensure that function response turn comes immediately after a function call turn.")
        for result, call in zip(results, called, strict=False):
            if not result.get("name"):
                raise refused(f"* GenerateContentRequest.contents[{place}].parts[0].function_response.name: Name cannot be empty.\n")
            if "response" not in result:
                raise refused(f"* GenerateContentRequest.contents[{place}].parts[0].function_response.response: must be specified\n")
            if result["name"] not in {each.get("name") for each in called} or (result.get("id") and call.get("id") is None):
                raise refused("Please ensure that each function response answers a function call of the turn before it, by name and id.")
        called = [part["functionCall"] for part in parts if "functionCall" in part]
        if called and content.get("role") != "model":
            raise refused("Please ensure that function call turn is of the role model.")
    if called:
        raise refused("Please ensure that function call turn is followed by a function response turn.")
    if model.signs_calls:
        _check_signatures(contents)


def _check_signatures(contents: list[Json]) -> None:
    """Of the calls since the user last said something: the first of each turn has to be signed."""
    spoke = max(
        (
            place
            for place, content in enumerate(contents)
            if any("text" in part for part in content["parts"]) and content.get("role") != "model"
        ),
        default=-1,
    )
    for place in range(spoke + 1, len(contents)):
        calls = [part for part in contents[place]["parts"] if "functionCall" in part]
        if not calls:
            continue
        given = calls[0].get("thoughtSignature")
        if given is None:
            told = (
                f"{NOT_SIGNED} Additional data, function call `default_api:{calls[0]['functionCall'].get('name')}` , position {place + 1}."
            )
            raise refused(told)
        call = calls[0]["functionCall"]
        if given not in UNCHECKED and given != signature(call.get("name", ""), call.get("args") or {}):
            raise refused("Thought signature is not valid.")


def signature(name: str, args: Json) -> str:
    """What must come back with the call, unchanged."""
    return base64.b64encode(mark("thought", name, json.dumps(args, sort_keys=True), length=64).encode()).decode()


def _declared(body: Json) -> list[Json]:
    return [declaration for tool in body.get("tools", ()) for declaration in tool.get("functionDeclarations", ())]


def _check_tools(body: Json) -> None:
    declared = _declared(body)
    for place, declaration in enumerate(declared):
        here = f"GenerateContentRequest.tools[0].function_declarations[{place}]"
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", declaration.get("name", "")):
            told = (
                "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), "
            )
            raise refused(f"* {here}.name: {told}underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.\n")
        if "parameters" in declaration and "parametersJsonSchema" in declaration:
            raise refused(f"* {here}: parameters and parameters_json_schema must not both be set.\n")
        _check_schema(declaration.get("parameters"), ("tools", 0, "functionDeclarations", place, "parameters"))
    names = [declaration["name"] for declaration in declared]
    if len(set(names)) < len(names):
        raise refused("Duplicate function declaration found.")
    config = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if config.get("allowedFunctionNames") and config.get("mode") not in ("ANY", "VALIDATED"):
        raise refused("Allowed function names should be set only when function calling mode is ANY or VALIDATED.")
    if not set(config.get("allowedFunctionNames", ())) <= set(names):
        raise refused("Allowed function names must be among the function declarations.")
    if config.get("mode") == "ANY" and not names:
        raise refused("Function calling mode is ANY, but no function_declarations are provided.")
    if (
        names
        and any(tool.keys() & set(GOOGLE_TOOLS) for tool in body["tools"])
        and not body.get("toolConfig", {}).get("includeServerSideToolInvocations")
    ):
        raise refused("Built-in tools and Function Calling cannot be combined in the same request.")


def _check_schema(schema: Any, where: tuple[str | int, ...]) -> None:
    """What is in `properties` is no field of ours, but a schema each."""
    if not isinstance(schema, dict):
        return
    schema = in_camel_case(schema, SCHEMA)
    if found := wrong(schema, SCHEMA, where):
        raise refused(said(found))
    for name, inner in schema.get("properties", {}).items():
        if not isinstance(inner, dict):
            raise refused(f"Invalid value at '{name}' (type.googleapis.com/google.ai.generativelanguage.v1beta.Schema), {inner!r}")
        _check_schema(inner, (*where, "properties", name))
    for inner in (schema.get("items"), *schema.get("anyOf", ())):
        _check_schema(inner, where)


def _check_config(config: Json, model: Model) -> None:
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if name in config]
    if schemas and config.get("responseMimeType") not in JSON_KINDS:
        raise refused("response_schema is only allowed with response_mime_type 'application/json' or 'text/x.enum'.")
    if len(schemas) > 1:
        raise refused("Only one of response_schema and response_json_schema may be set.")
    if config.get("responseMimeType", "text/plain") not in ("text/plain", *JSON_KINDS):
        told = "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`."
        raise refused(f"* GenerateContentRequest.generation_config.response_mime_type: {told}\n")
    _check_schema(config.get("responseSchema"), ("generationConfig", "responseSchema"))
    if config.get("maxOutputTokens", 1) > model.output:
        told = f"it has a maxOutputTokens value of {config['maxOutputTokens']} but the supported range is from 1 (inclusive) to "
        raise refused(f"Unable to submit request because {told}{model.output + 1} (exclusive). Update the value and try again.")
    if "logprobs" in config and not config.get("responseLogprobs"):
        raise refused("logprobs may only be set when response_logprobs is true.")
    thinking = config.get("thinkingConfig", {})
    if {"thinkingBudget", "thinkingLevel"} <= thinking.keys():
        raise refused("You can only set only one of thinking budget and thinking level.")
    if "thinkingLevel" in thinking and not model.by_level:
        raise refused("Thinking level is not supported for this model.")
    budget = thinking.get("thinkingBudget", DYNAMIC)
    if not DYNAMIC <= budget <= model.most_budget:
        raise refused(f"The thinking budget {budget} is invalid. Please choose a value between 0 and {model.most_budget}.")
    if budget == 0 and model.signs_calls:
        raise refused("Budget 0 is invalid. This model only works in thinking mode.")


def to_ask(body: Json, name: str, model: Model, stream: bool, stream_type: str | None) -> Ask:
    config, calling = body.get("generationConfig", {}), body.get("toolConfig", {}).get("functionCallingConfig", {})
    tools = {each["name"]: _plain(each.get("parametersJsonSchema") or each.get("parameters") or {}) for each in _declared(body)}
    allowed = {tool: tools[tool] for tool in calling.get("allowedFunctionNames") or tools}
    mode = calling.get("mode", "AUTO")
    thinking = config.get("thinkingConfig", {})
    budget = thinking.get("thinkingBudget")
    prompt = _prompt(body["contents"])
    return Ask(
        model=name,
        prompt=prompt,
        prompt_tokens=tuple(
            prompt_tokens(body.get("tools", []), body.get("systemInstruction", {}), [_counted(each) for each in body["contents"]])
        ),
        stream=stream,
        include_usage=True,
        max_tokens=config.get("maxOutputTokens"),
        stop=tuple(config.get("stopSequences", ())),
        n=config.get("candidateCount", 1),
        tools={} if mode == "NONE" else allowed,
        tools_must=tuple(allowed) if mode == "ANY" else (),
        schema=_schema(config),
        reasoning_effort=thinking.get("thinkingLevel", model.thinks).lower(),
        reasoning_budget=None if budget in (None, DYNAMIC) else budget,
        writes=not BLOCKED.search(prompt),
        stream_type=stream_type,
        body=body,
    )


def _schema(config: Json) -> Any:
    if config.get("responseMimeType") != "application/json":
        return None
    return _plain(config.get("responseJsonSchema") or config.get("responseSchema") or {})


def _plain(schema: Any) -> Any:
    """With the names of types as a JSON schema has them."""
    if isinstance(schema, list):
        return [_plain(inner) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {name: inner.lower() if name == "type" and isinstance(inner, str) else _plain(inner) for name, inner in schema.items()}


def _prompt(contents: list[Json]) -> str:
    """What the last user content says. After a function's response it no longer dictates."""
    last: list[Json] = next((content["parts"] for content in reversed(contents) if content.get("role") != "model"), [])
    if any("functionResponse" in part for part in last):
        return ""
    return "\n".join(part["text"] for part in last if "text" in part)


def _counted(content: Json) -> Json:
    parts = [{name: inner for name, inner in part.items() if name != "thoughtSignature"} for part in content["parts"]]
    for part in parts:
        if "inlineData" in part:
            part["inlineData"] = {"data": f"data:{part['inlineData'].get('data', '')}"}  # counted as an inlined image is
    return content | {"parts": parts}
