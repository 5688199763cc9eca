"""What a body of Bedrock's Converse and ConverseStream may hold, and how Bedrock says that it may not.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re
from collections.abc import Callable

from .shape import ANYTHING, OBJECT, Shape, Wrong

STRING = Shape((str,), "STRING_VALUE")
TEXT = Shape((str,), "STRING_VALUE", least=1)
BOOLEAN = Shape((bool,), "TRUE_VALUE")
ID = Shape((str,), "STRING_VALUE", least=1, most=64, pattern=re.compile(r"[a-zA-Z0-9_.:-]+"))
NAME = Shape((str,), "STRING_VALUE", least=1, most=64, pattern=re.compile(r"[a-zA-Z0-9_-]+"))


def _record(*required: str, **fields: Shape) -> Shape:
    return Shape((dict,), fields=fields, required=required)


def _union(**fields: Shape) -> Shape:
    """Of which exactly one is there."""
    return Shape((dict,), fields=fields, one_of=tuple(fields))


def _list(items: Shape, least: int | None = None, most: int | None = None) -> Shape:
    return Shape((list,), "list", items=items, least=least, most=most)


def _one_of(*choices: str) -> Shape:
    return Shape((str,), "STRING_VALUE", choices=choices)


S3 = _record("uri", uri=Shape((str,), pattern=re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?")), bucketOwner=STRING)
CACHE_POINT = _record("type", type=_one_of("default"), ttl=_one_of("5m", "1h"))
IMAGE = _record("format", "source", format=_one_of("png", "jpeg", "gif", "webp"), source=_union(bytes=TEXT, s3Location=S3))
DOCUMENT = _record(
    "name",
    "source",
    format=_one_of("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"),
    name=Shape((str,), "STRING_VALUE", least=1, most=200),
    source=_union(bytes=TEXT, s3Location=S3, text=STRING, content=_list(OBJECT)),
    context=STRING,
    citations=_record("enabled", enabled=BOOLEAN),
)
TOOL_USE = _record("toolUseId", "name", "input", toolUseId=ID, name=NAME, input=ANYTHING, type=STRING)
TOOL_RESULT = _record(
    "toolUseId",
    "content",
    toolUseId=ID,
    content=_list(_union(json=ANYTHING, text=STRING, image=IMAGE, document=DOCUMENT, video=OBJECT, searchResult=OBJECT)),
    status=_one_of("success", "error"),
    type=STRING,
)
REASONING = _union(reasoningText=_record("text", text=STRING, signature=STRING), redactedContent=STRING)
BLOCK = _union(
    text=STRING,
    image=IMAGE,
    document=DOCUMENT,
    video=OBJECT,
    audio=OBJECT,
    toolUse=TOOL_USE,
    toolResult=TOOL_RESULT,
    guardContent=OBJECT,
    cachePoint=CACHE_POINT,
    reasoningContent=REASONING,
    citationsContent=OBJECT,
    searchResult=OBJECT,
)
TOOL = _union(
    toolSpec=_record("name", "inputSchema", name=NAME, description=TEXT, inputSchema=_union(json=OBJECT), strict=BOOLEAN),
    systemTool=_record("name", name=NAME),
    cachePoint=CACHE_POINT,
)
NOTHING = _record()
JSON_SCHEMA = _record("schema", schema=STRING, name=STRING, description=STRING)
CONVERSE = _record(
    messages=_list(_record("role", "content", role=_one_of("user", "assistant"), content=_list(BLOCK))),
    system=_list(_union(text=TEXT, guardContent=OBJECT, cachePoint=CACHE_POINT)),
    inferenceConfig=_record(
        maxTokens=Shape((int,), "NUMBER_VALUE", least=1),
        temperature=Shape((int, float), "NUMBER_VALUE", least=0, most=1),
        topP=Shape((int, float), "NUMBER_VALUE", least=0, most=1),
        stopSequences=_list(TEXT, 0, 2500),
    ),
    toolConfig=_record(
        "tools",
        tools=_list(TOOL, 1),
        toolChoice=_union(auto=NOTHING, any=NOTHING, tool=_record("name", name=NAME)),
    ),
    guardrailConfig=OBJECT,
    additionalModelRequestFields=OBJECT,
    promptVariables=OBJECT,
    additionalModelResponseFieldPaths=_list(Shape((str,), "STRING_VALUE", least=1, most=256), 0, 10),
    requestMetadata=Shape((dict,), least=1, most=16),
    performanceConfig=_record(latency=_one_of("standard", "optimized")),
    serviceTier=_record("type", type=_one_of("priority", "default", "flex", "reserved")),
    outputConfig=_record(
        textFormat=_record("type", "structure", type=_one_of("json_schema"), structure=_union(jsonSchema=JSON_SCHEMA)),
        effort=Shape((str,), "STRING_VALUE", most=16),
    ),
)


def said(found: Wrong) -> tuple[str, str]:
    """The kind of the exception, and its message."""
    if found.why == "type":
        return "SerializationException", f"{_got(found.value)} can not be converted to {_wanted(found.shape)}"
    if found.why == "one_of":
        here, fields = _dotted(found), ", ".join(found.shape.one_of)
        return (
            "ValidationException",
            f"The format of the value at {here} is invalid. Provide exactly one of the following fields: {fields}.",
        )
    if found.why == "unknown":
        return "ValidationException", f"Malformed input request: #/{_slashed(found)}: extraneous key [{found.where[-1]}] is not permitted"
    constraint = _CONSTRAINTS[found.why](found)
    value = "null" if found.why == "missing" else f"'{found.value}'"
    told = f"1 validation error detected: Value {value} at '{_dotted(found)}' failed to satisfy constraint: {constraint}"
    return "ValidationException", told


def _dotted(found: Wrong) -> str:
    return ".".join(f"{step + 1}.member" if isinstance(step, int) and found.why != "one_of" else str(step) for step in found.where)


def _slashed(found: Wrong) -> str:
    return "/".join(map(str, found.where[:-1]))


def _got(value: object) -> str:
    names = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", list: "START_ARRAY", dict: "START_OBJECT"}
    return names.get(type(value), "NULL_VALUE")


def _wanted(shape: Shape) -> str:
    return {str: "String", bool: "Boolean", int: "Integer", float: "Float", list: "List"}.get(shape.types[-1], "Structure")


def _bounded(found: Wrong) -> str:
    few = found.why == "least"
    what = "value" if isinstance(found.value, int | float) else "length"
    bound = found.shape.least if few else found.shape.most
    return f"Member must have {what} {'greater' if few else 'less'} than or equal to {bound}"


_CONSTRAINTS: dict[str, Callable[[Wrong], str]] = {
    "missing": lambda found: "Member must not be null",
    "choice": lambda found: f"Member must satisfy enum value set: [{', '.join(found.shape.choices)}]",
    "pattern": lambda found: (
        f"Member must satisfy regular expression pattern: {found.shape.pattern.pattern if found.shape.pattern else ''}"
    ),
    "least": _bounded,
    "most": _bounded,
}
