"""What a body of Anthropic's Messages API may hold, here and on Vertex, and how Anthropic says that it may not.

https://platform.claude.com/docs/en/api/messages
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from .shape import ANYTHING, OBJECT, Shape, Wrong

STRING = Shape((str,), "string")
TEXT = Shape((str,), "string", least=1)
BOOLEAN = Shape((bool,), "boolean")
DICTIONARY = "dictionary"


def _integer(least: int, most: int | None = None) -> Shape:
    return Shape((int,), "integer", least=least, most=most)


def _one_of(*choices: str, nullable: bool = False) -> Shape:
    return Shape((str,), "string", choices=choices, nullable=nullable)


def _record(required: tuple[str, ...] = (), nullable: bool = False, **fields: Shape) -> Shape:
    return Shape((dict,), DICTIONARY, fields=fields, required=required, nullable=nullable)


def _tagged(**shapes: Shape) -> Shape:
    """By `type`, which each of them may hold beside its own."""
    tagged = {
        tag: Shape((dict,), DICTIONARY, fields={"type": STRING, **(shape.fields or {})}, required=shape.required)
        for tag, shape in shapes.items()
    }
    return Shape((dict,), DICTIONARY, tag="type", tagged=tagged)


CACHE_CONTROL = _record(("type",), nullable=True, type=_one_of("ephemeral"), ttl=_one_of("5m", "1h"))
CITED = Shape((list,), "list", items=OBJECT, nullable=True)
SWITCH = _record(nullable=True, enabled=BOOLEAN)

MEDIA = ("image/jpeg", "image/png", "image/gif", "image/webp")
IMAGE_SOURCE = _tagged(
    base64=_record(("media_type", "data"), media_type=_one_of(*MEDIA), data=TEXT),
    url=_record(("url",), url=TEXT),
    file=_record(("file_id",), file_id=TEXT),
)
DOCUMENT_SOURCE = _tagged(
    base64=_record(("media_type", "data"), media_type=_one_of("application/pdf"), data=TEXT),
    text=_record(("media_type", "data"), media_type=_one_of("text/plain"), data=STRING),
    url=_record(("url",), url=TEXT),
    file=_record(("file_id",), file_id=TEXT),
    content=_record(("content",), content=Shape((str, list), "list")),
)
TEXT_BLOCK = _record(("text",), text=STRING, cache_control=CACHE_CONTROL, citations=CITED)
IMAGE_BLOCK = _record(("source",), source=IMAGE_SOURCE, cache_control=CACHE_CONTROL, transformations=ANYTHING)
NULLABLE_STRING = Shape((str,), "string", nullable=True)
DOCUMENT_BLOCK = _record(
    ("source",),
    source=DOCUMENT_SOURCE,
    cache_control=CACHE_CONTROL,
    citations=SWITCH,
    context=NULLABLE_STRING,
    title=NULLABLE_STRING,
)
SEARCH_BLOCK = _record(
    ("content", "source", "title"),
    content=Shape((list,), "list", items=OBJECT),
    source=STRING,
    title=STRING,
    citations=SWITCH,
    cache_control=CACHE_CONTROL,
)
TOOL_RESULT_PART = _tagged(text=TEXT_BLOCK, image=IMAGE_BLOCK, document=DOCUMENT_BLOCK, search_result=SEARCH_BLOCK)
BLOCK = _tagged(
    text=TEXT_BLOCK,
    image=IMAGE_BLOCK,
    document=DOCUMENT_BLOCK,
    search_result=SEARCH_BLOCK,
    thinking=_record(("thinking", "signature"), thinking=STRING, signature=STRING),
    redacted_thinking=_record(("data",), data=STRING),
    tool_use=_record(
        ("id", "name", "input"),
        id=Shape((str,), "string", pattern=re.compile(r"[a-zA-Z0-9_-]+")),
        name=Shape((str,), "string", least=1, most=200),
        input=Shape((dict,), DICTIONARY),
        cache_control=CACHE_CONTROL,
        caller=OBJECT,
    ),
    tool_result=_record(
        ("tool_use_id",),
        tool_use_id=Shape((str,), "string", pattern=re.compile(r"[a-zA-Z0-9_-]+")),
        content=Shape((str, list), "list", items=TOOL_RESULT_PART),
        is_error=BOOLEAN,
        cache_control=CACHE_CONTROL,
    ),
)
SYSTEM_BLOCK = _tagged(text=TEXT_BLOCK)
MESSAGE = _record(("role", "content"), role=_one_of("user", "assistant"), content=Shape((str, list), "list", items=BLOCK))
TOOL = _record(
    ("name", "input_schema"),
    name=Shape((str,), "string", pattern=re.compile(r"[a-zA-Z0-9_-]{1,128}")),
    type=_one_of("custom", nullable=True),
    description=STRING,
    input_schema=Shape((dict,), DICTIONARY),
    cache_control=CACHE_CONTROL,
    strict=BOOLEAN,
    defer_loading=BOOLEAN,
    allowed_callers=Shape((list,), "list"),
    eager_input_streaming=Shape((bool,), "boolean", nullable=True),
    input_examples=Shape((list,), "list", items=OBJECT),
)
DISPLAY = _one_of("summarized", "omitted", nullable=True)
FORMAT = Shape((dict,), DICTIONARY, fields={"type": _one_of("json_schema"), "schema": OBJECT}, required=("type", "schema"), nullable=True)
COMMON: Mapping[str, Shape] = {
    "messages": Shape((list,), "list", least=1, items=MESSAGE),
    "max_tokens": _integer(1),
    "system": Shape((str, list), "list", items=SYSTEM_BLOCK),
    "temperature": Shape((int, float), "number", 0, 1),
    "top_p": Shape((int, float), "number", 0, 1),
    "top_k": _integer(0),
    "stop_sequences": Shape((list,), "list", items=STRING),
    "stream": BOOLEAN,
    "tools": Shape((list,), "list", items=OBJECT),
    "tool_choice": _tagged(
        auto=_record(disable_parallel_tool_use=BOOLEAN),
        any=_record(disable_parallel_tool_use=BOOLEAN),
        tool=_record(("name",), name=STRING, disable_parallel_tool_use=BOOLEAN),
        none=_record(),
    ),
    "thinking": _tagged(
        enabled=_record(("budget_tokens",), budget_tokens=_integer(1024), display=DISPLAY),
        adaptive=_record(display=DISPLAY),
        disabled=_record(),
    ),
    "metadata": _record(user_id=Shape((str,), "string", most=512, nullable=True)),
    "output_config": _record(effort=_one_of("low", "medium", "high", "xhigh", "max", nullable=True), format=FORMAT),
    "cache_control": CACHE_CONTROL,
}
REQUIRED = ("max_tokens", "messages")
DIRECT = Shape(
    (dict,),
    DICTIONARY,
    fields={
        **COMMON,
        "model": TEXT,
        "service_tier": _one_of("auto", "standard_only"),
        "container": ANYTHING,
        "inference_geo": NULLABLE_STRING,
        "speed": _one_of("standard", "fast", nullable=True),
    },
    required=("model", *REQUIRED),
)
SAMPLING = ("temperature", "top_p", "top_k")
WITHOUT_SAMPLING = replace(DIRECT, fields={name: shape for name, shape in (DIRECT.fields or {}).items() if name not in SAMPLING})
ON_VERTEX = Shape(
    (dict,),
    DICTIONARY,
    fields={**COMMON, "anthropic_version": _one_of("vertex-2023-10-16"), "anthropic_beta": Shape((list,), "list", items=STRING)},
    required=("anthropic_version", *REQUIRED),
)
NEWER = "2026-10-21"  # on Vertex too it names itself, without the platform
ON_VERTEX_NEWER = replace(
    ON_VERTEX,
    fields={name: shape for name, shape in (ON_VERTEX.fields or {}).items() if name not in SAMPLING}
    | {"anthropic_version": _one_of(NEWER)},
)


def said(found: Wrong) -> str:
    """As Anthropic's error says it, with the way there."""
    return f"{'.'.join(map(str, found.where))}: {_WORDS[found.why](found)}"


def _listed(choices: Iterable[str]) -> str:
    quoted = [f"'{choice}'" for choice in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)


def _out_of_bounds(found: Wrong) -> str:
    few = found.why == "least"
    bound = found.shape.least if few else found.shape.most
    if isinstance(found.value, list | str):
        kind, unit = ("List", "item") if isinstance(found.value, list) else ("String", "character")
        return f"{kind} should have at {'least' if few else 'most'} {bound} {unit}{'' if bound == 1 else 's'}"
    return f"Input should be {'greater' if few else 'less'} than or equal to {bound}"


def _wrong_tag(found: Wrong) -> str:
    if found.value is None:
        return "Unable to extract tag using discriminator 'type'"
    tags = ", ".join(f"'{tag}'" for tag in found.shape.tagged)
    return f"Input tag '{found.value}' found using 'type' does not match any of the expected tags: {tags}"


_WORDS: dict[str, Callable[[Wrong], str]] = {
    "missing": lambda found: "Field required",
    "unknown": lambda found: "Extra inputs are not permitted",
    "type": lambda found: f"Input should be a valid {found.shape.called or 'dictionary'}",
    "choice": lambda found: f"Input should be {_listed(found.shape.choices)}",
    "least": _out_of_bounds,
    "most": _out_of_bounds,
    "pattern": lambda found: f"String should match pattern '^{found.shape.pattern.pattern if found.shape.pattern else ''}$'",
    "tag": _wrong_tag,
}
