"""JSON schemas as Claude can be held to them. https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations"""

from ...request import Json

# Bounds that cannot be held, and are an error if sent. What is left is wider: every answer that fits the whole schema fits it.
UNHELD = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems",
        "minProperties", "maxProperties",
    }
)  # fmt: skip
NAMED = ("properties", "$defs", "definitions")  # hold schemas by names, which may be those of bounds
AS_IT_IS = ("enum", "const", "default", "examples")
FEW_ITEMS = (0, 1)  # all that minItems may be


def held(schema: Json) -> Json:
    """The schema without what cannot be held. An object that does not say whether it is open is closed, as it must be said."""
    if isinstance(schema, list):
        return [held(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    written = {name: _inner(name, value) for name, value in schema.items() if name not in UNHELD and not _many(name, value)}
    if schema.get("type") == "object":
        written.setdefault("additionalProperties", False)
    return written


def _inner(name: str, value: Json) -> Json:
    if name in NAMED and isinstance(value, dict):
        return {key: held(inner) for key, inner in value.items()}
    return value if name in AS_IT_IS else held(value)


def _many(name: str, value: Json) -> bool:
    return name == "minItems" and value not in FEW_ITEMS
