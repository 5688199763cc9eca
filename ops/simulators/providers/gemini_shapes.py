"""What a body of generateContent may hold, here and on Vertex, and how Google says that it may not. Names may be in either case.

https://ai.google.dev/api/generate-content  https://ai.google.dev/api/caching#Content
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .shape import ANYTHING, OBJECT, Shape, Wrong

STRING = Shape((str,), "TYPE_STRING")
BOOLEAN = Shape((bool,), "TYPE_BOOL")
INTEGER = Shape((int,), "TYPE_INT32")
NUMBER = Shape((int, float), "TYPE_FLOAT")
BYTES = Shape((str,), "TYPE_BYTES", pattern=re.compile(r"[A-Za-z0-9+/_-]*={0,2}"))


def _record(*required: str, **fields: Shape) -> Shape:
    return Shape((dict,), fields=fields, required=required)


def _list(items: Shape) -> Shape:
    return Shape((list,), "list", items=items)


def _enum(called: str, *choices: str) -> Shape:
    return Shape((str,), called, choices=choices)


TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_schema_fields: dict[str, Shape] = {}
SCHEMA = Shape((dict,), fields=_schema_fields)  # refers to itself
_schema_fields |= {
    "type": _enum("Type", *TYPES, *map(str.lower, TYPES)),
    "items": SCHEMA,
    "anyOf": _list(SCHEMA),
    "properties": Shape(),
    "enum": _list(STRING),
    "required": _list(STRING),
    "propertyOrdering": _list(STRING),
    "nullable": BOOLEAN,
    "minimum": NUMBER,
    "maximum": NUMBER,
    "default": ANYTHING,
    "example": ANYTHING,
    **dict.fromkeys(("format", "title", "description", "pattern"), STRING),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"), Shape((int, str), "TYPE_INT64")),
}

PART_DATA = (
    *("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"),
    *("toolCall", "toolResponse"),
)
PART = Shape(
    (dict,),
    fields={
        "text": STRING,
        "inlineData": _record(mimeType=STRING, data=BYTES, displayName=STRING),
        "fileData": _record(mimeType=STRING, fileUri=STRING, displayName=STRING),
        "functionCall": _record(id=STRING, name=STRING, args=OBJECT),
        "functionResponse": _record(id=STRING, name=STRING, response=OBJECT, willContinue=BOOLEAN, scheduling=STRING, parts=_list(OBJECT)),
        **dict.fromkeys(("executableCode", "codeExecutionResult", "toolCall", "toolResponse", "videoMetadata", "partMetadata"), OBJECT),
        "mediaResolution": ANYTHING,
        "thought": BOOLEAN,
        "thoughtSignature": BYTES,
    },
    one_of=PART_DATA,
)
CONTENT = _record(role=STRING, parts=_list(PART))
DECLARATION = _record(
    name=STRING,
    description=STRING,
    parameters=SCHEMA,
    parametersJsonSchema=ANYTHING,
    response=SCHEMA,
    responseJsonSchema=ANYTHING,
    behavior=STRING,
)
GOOGLE_TOOLS = (
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "googleMaps",
    "computerUse",
    "fileSearch",
    "mcpServers",
)
TOOL = Shape((dict,), fields={"functionDeclarations": _list(DECLARATION), **dict.fromkeys(GOOGLE_TOOLS, ANYTHING)})
CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")
LEVELS = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
CONFIG = _record(
    stopSequences=Shape((list,), "list", most=5, items=STRING),
    responseMimeType=STRING,
    responseSchema=SCHEMA,
    responseJsonSchema=ANYTHING,
    responseFormat=ANYTHING,
    responseModalities=_list(STRING),
    candidateCount=Shape((int,), "TYPE_INT32", least=1, most=8),
    maxOutputTokens=Shape((int,), "TYPE_INT32", least=1),
    temperature=Shape((int, float), "TYPE_FLOAT", least=0, most=2),
    topP=Shape((int, float), "TYPE_FLOAT", least=0, most=1),
    topK=Shape((int, float), "TYPE_INT32", least=1),
    seed=INTEGER,
    presencePenalty=Shape((int, float), "TYPE_FLOAT", least=-2, most=2),
    frequencyPenalty=Shape((int, float), "TYPE_FLOAT", least=-2, most=2),
    responseLogprobs=BOOLEAN,
    logprobs=Shape((int,), "TYPE_INT32", least=0, most=20),
    enableEnhancedCivicAnswers=BOOLEAN,
    speechConfig=OBJECT,
    imageConfig=OBJECT,
    mediaResolution=STRING,
    thinkingConfig=_record(
        includeThoughts=BOOLEAN, thinkingBudget=INTEGER, thinkingLevel=_enum("ThinkingLevel", *LEVELS, *map(str.lower, LEVELS))
    ),
)
FIELDS: Mapping[str, Shape] = {
    "contents": _list(CONTENT),
    "systemInstruction": CONTENT,
    "tools": _list(TOOL),
    "toolConfig": _record(
        functionCallingConfig=_record(
            mode=_enum("Mode", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"), allowedFunctionNames=_list(STRING)
        ),
        retrievalConfig=OBJECT,
        includeServerSideToolInvocations=BOOLEAN,
    ),
    "safetySettings": _list(
        _record(category=_enum("HarmCategory", *(f"HARM_CATEGORY_{name}" for name in CATEGORIES)), threshold=STRING, method=STRING)
    ),
    "generationConfig": CONFIG,
    "cachedContent": STRING,
}
GENERATE = Shape((dict,), fields={**FIELDS, "model": STRING, "serviceTier": STRING, "store": BOOLEAN})
ON_VERTEX = Shape((dict,), fields={**FIELDS, "labels": OBJECT, "modelArmorConfig": OBJECT})
EMBED = _record(
    "content",
    model=STRING,
    content=CONTENT,
    taskType=STRING,
    title=STRING,
    outputDimensionality=Shape((int,), "TYPE_INT32", least=1, most=3072),
)
EMBED_BATCH = _record("requests", requests=Shape((list,), "list", least=1, most=100, items=replace(EMBED, required=("model", "content"))))


def in_camel_case(value: Any, shape: Shape) -> Any:
    """The body with the names of its fields as the documentation has them, whichever of both cases they came in."""
    if isinstance(value, list) and shape.items:
        return [in_camel_case(item, shape.items) for item in value]
    if isinstance(value, dict) and shape.fields is not None:
        named = {_camel(name) if name not in shape.fields else name: inner for name, inner in value.items() if inner is not None}
        return {name: in_camel_case(inner, shape.fields.get(name, ANYTHING)) for name, inner in named.items()}
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _snake(step: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda letter: "_" + letter[1].lower(), step)


def path_of(where: tuple[str | int, ...], snake: bool = True) -> str:
    found = ""
    for step in where:
        found += f"[{step}]" if isinstance(step, int) else ("." if found else "") + (_snake(step) if snake else step)
    return found


def said(found: Wrong) -> str:
    """As Google's error says it."""
    here = path_of(found.where)
    match found.why:
        case "unknown":
            at = f" at '{path_of(found.where[:-1])}'" if found.where[1:] else ""
            return f'Invalid JSON payload received. Unknown name "{found.where[-1]}"{at}: Cannot find field.'
        case "type" if isinstance(found.value, list):
            return f'Invalid JSON payload received. Unknown name "{found.where[-1]}": Proto field is not repeating, cannot start list.'
        case "type" if dict in found.shape.types or list in found.shape.types:
            return f"Invalid value at '{here}' (type.googleapis.com/google.ai.generativelanguage.v1beta), {found.value!r}"
        case "type" | "choice":
            return f"Invalid value at '{here}' ({found.shape.called}), \"{found.value}\""
        case "pattern":
            return f"Invalid value at '{here}' (TYPE_BYTES), Base64 decoding failed"
        case "one_of":
            given = "must have one initialized field" if not set(found.value) & set(found.shape.one_of) else "is already set"
            return f"* GenerateContentRequest.{here}.data: required oneof field 'data' {given}"
        case "missing":
            return f"* {here}: must be specified"
    bound = f"least {found.shape.least:g}" if found.shape.least is not None and found.why == "least" else f"most {found.shape.most or 0:g}"
    return f"Unable to submit request because {here} must be at {bound}. Update the value and try again."
