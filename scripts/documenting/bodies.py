"""The body of a request, as the OpenAPI document has it, as a table of its fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from documenting.text import code, table

Schema = Mapping[str, Any]

_HEADERS = ("field of the body", "type", "from", "to", "default", "what")
_LOWEST = {"minimum": "", "exclusiveMinimum": "above "}
_HIGHEST = {"maximum": "", "exclusiveMaximum": "below "}


def body_table(operation: Schema, schemas: Mapping[str, Schema]) -> str:
    """Return what the body of *operation* holds; empty if it takes none.

    Args:
        operation: One of a path's.
        schemas: Those that others refer to, by name.
    """
    if "requestBody" not in operation:
        return ""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    is_list = schema.get("type") == "array"
    name = (schema["items"] if is_list else schema)["$ref"].rpartition("/")[2]
    said = "The body is a list of these:\n\n" if is_list else ""
    return said + table(_HEADERS, _rows(schemas[name]))


def _rows(schema: Schema) -> Iterator[tuple[str, ...]]:
    needed = schema.get("required", ())
    # Those that must be given first; else in the order in which they are declared.
    fields = schema["properties"].items()
    for name, field in sorted(fields, key=lambda each: each[0] not in needed):
        is_needed = name in needed
        yield (
            code(name) + (" (required)" if is_needed else ""),
            _type(field),
            _bound(field, _LOWEST),
            _bound(field, _HIGHEST),
            "" if is_needed else code(json.dumps(field.get("default"))),
            field.get("description", ""),
        )


def _type(field: Schema) -> str:
    if "enum" in field:
        return ", ".join(code(each) for each in field["enum"])
    kinds = [each["type"] for each in field.get("oneOf", (field,))]
    text = " or ".join(kinds)
    if "maxLength" in field:
        text += f", {field.get('minLength', 0)} to {field['maxLength']} characters"
    if "pattern" in field:
        text += f", {code(field['pattern'])}"
    return text


def _bound(field: Schema, names: Mapping[str, str]) -> str:
    """Return the one of *names* that the field has, with the word before it."""
    found = [(word, field[name]) for name, word in names.items() if name in field]
    return "".join(f"{word}{value:,}".removesuffix(".0") for word, value in found)
