"""The OpenRPC document of a registry: made from the types of its methods, so it cannot be stale.

Source: the OpenRPC specification 1.3.2. Schemas are JSON Schema as msgspec derives it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from aichain.rpc.registry import Method, Params

VERSION = "1.3.2"
_DEFINITIONS = "#/components/schemas/"
_PYTHON_ENDS = (("\\A", "^"), ("\\Z", "$"))
"""JSON Schema has the regular expressions of ECMA-262, whose ^ and $ mean the ends of the text."""


def build_document(methods: Iterable[Method], *, version: str) -> dict[str, Any]:
    """The whole document, as JSON values; `version` is the node's."""
    listed = sorted(methods, key=lambda each: each.name)
    (*results,), definitions = msgspec.json.schema_components(
        [each.result for each in listed], ref_template=_DEFINITIONS + "{name}"
    )
    described = [
        _describe(each, schema, definitions) for each, schema in zip(listed, results, strict=True)
    ]
    return {
        "openrpc": VERSION,
        "info": {"title": "AI-Chain node", "version": version},
        "methods": _portable(described),
        "components": {"schemas": _portable(definitions)},
    }


def _describe(entry: Method, result: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "paramStructure": "either",
        "params": _params(entry.params, definitions),
        "result": {"name": "result", "schema": result},
    }


def _params(params: type[Params], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """One content descriptor a field, in the order in which they are given by position."""
    (schema,), more = msgspec.json.schema_components([params], ref_template=_DEFINITIONS + "{name}")
    own = more.pop(schema["$ref"].removeprefix(_DEFINITIONS))
    definitions.update(more)
    required = own.get("required", ())
    return [
        {"name": name, "required": name in required, "schema": field}
        for name, field in own["properties"].items()
    ]


def _portable(value: Any) -> Any:  # noqa: ANN401 any JSON value
    """The same with patterns that every reader of JSON Schema understands."""
    match value:
        case dict():
            return {
                name: _portable_pattern(each)
                if name == "pattern" and isinstance(each, str)
                else _portable(each)
                for name, each in value.items()
            }
        case list():
            return [_portable(each) for each in value]
        case _:
            return value


def _portable_pattern(pattern: str) -> str:
    for python, portable in _PYTHON_ENDS:
        pattern = pattern.replace(python, portable)
    return pattern
