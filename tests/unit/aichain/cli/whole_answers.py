"""Answers with every field that their type has, of which a test names those that matter to it."""

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Struct, UnsetType, structs

from aichain.client.answers import ANSWERS
from aichain.rpc.results.result import AddressHex, AmountText, HashHex, Hex, Quantity

TEXTS: dict[Any, str] = {
    AddressHex: "0x" + "00" * 20,
    AmountText: "0",
    HashHex: "0x" + "00" * 32,
    Hex: "0x",
    Quantity: "0x0",
}


def whole(method: str, members: object) -> Any:
    """The same answer; what is missing in an object of it is zero, empty or null."""
    return _completed(ANSWERS[method], members)


def _completed(kind: Any, given: Any) -> Any:
    parts = get_args(kind)
    match given:
        case dict():
            struct = _struct_of(kind, given)
            return given if struct is None else _members(struct, given)
        case list() if get_origin(kind) is list:
            return [_completed(parts[0], each) for each in given]
        case list() if get_origin(kind) in (types.UnionType, Union):
            lists = [each for each in parts if get_origin(each) is list]
            return _completed(lists[0], given) if lists else given
        case _:
            return given


def _members(struct: type[Struct], given: dict[str, Any]) -> dict[str, Any]:
    config, members = struct.__struct_config__, dict[str, Any]()
    if config.tag_field is not None:
        members[config.tag_field] = config.tag
    for each in structs.fields(struct):
        if each.encode_name in given:
            members[each.encode_name] = _completed(each.type, given[each.encode_name])
        elif each.required:
            members[each.encode_name] = _least(each.type)
    return members | {name: value for name, value in given.items() if name not in members}


def _struct_of(kind: Any, given: dict[str, Any]) -> type[Struct] | None:
    choices = [kind, *get_args(kind)]
    found = [each for each in choices if isinstance(each, type) and issubclass(each, Struct)]
    for each in found:
        config = each.__struct_config__
        if config.tag_field is not None and given.get(config.tag_field) == config.tag:
            return each
    return found[0] if found else None


def _least(kind: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if kind in TEXTS:
        return TEXTS[kind]
    if origin is Annotated:
        return _least(parts[0])
    if origin in (types.UnionType, Union):
        return None if type(None) in parts else _least(parts[0])
    if origin is Literal:
        return parts[0]
    if origin is list:
        return []
    if issubclass(kind, Enum):
        return next(iter(kind)).value
    if issubclass(kind, Struct):
        return _members(kind, {})
    assert kind is not UnsetType, "such a field is not required"
    return kind()
