"""One instance of a JSON schema, always the same: what the simulated models write where JSON is asked for.

https://json-schema.org/draft/2020-12/json-schema-validation
"""

from typing import Any

DEEPEST = 12  # a schema may refer to itself
MOST_ITEMS = 16

SCALARS: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def instance(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """Objects get every property that is declared, arrays as many items as they must have, at least one."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return instance(_resolved(schema["$ref"], root), root, depth + 1)
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return instance(schema[union][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: instance(inner, root, depth + 1) for name, inner in properties.items()}
    if kind == "array":
        return [instance(schema.get("items", {}), root, depth + 1)] * min(max(1, schema.get("minItems", 1)), MOST_ITEMS)
    if kind in ("integer", "number"):
        return schema.get("minimum", SCALARS[kind])
    return SCALARS.get(kind)


def _resolved(reference: str, root: Any) -> Any:
    found = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if isinstance(found, dict) and step else found
    return found
