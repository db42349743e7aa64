"""The table of methods: a name, a parameter type that is also the documentation, a function."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar, get_type_hints

import msgspec

from aichain.clock import Clock
from aichain.rpc.backend import Backend
from aichain.rpc.block_logs import BlockLogs
from aichain.rpc.errors import MethodNotFound
from aichain.rpc.filters import FilterTable
from aichain.rpc.interests import Interest
from aichain.rpc.jsonrpc import parse_params
from aichain.rpc.price_history import PriceHistory
from aichain.rpc.rendering import Renderer, announced


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Parameters of a method, by name or by position in the order of the fields."""


class NoParams(Params, frozen=True):
    """The method takes none."""


class Subscriber(Protocol):
    """The WebSocket connection that a call came over."""

    def subscribe(self, interest: Interest) -> str: ...

    def unsubscribe(self, subscription: str) -> bool: ...


def _charge_nobody(_calls: int) -> None:
    """Who has no budget."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a method may use; `subscriber` is None over plain HTTP."""

    backend: Backend
    clock: Clock
    subscriber: Subscriber | None = None
    filters: FilterTable = field(default_factory=FilterTable)
    renderer: Renderer = field(default_factory=Renderer)
    logs: BlockLogs = field(default_factory=BlockLogs)
    prices: PriceHistory = field(default_factory=PriceHistory)
    """What was found out about old prices, for all callers of a server."""
    charge: Callable[[int], None] = _charge_nobody
    """Count so many calls more: what was read for one may be worth many."""


P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Method:
    """One entry: `call` takes raw JSON params, and raises InvalidData to refuse."""

    name: str
    summary: str
    params: type[Params]
    result: object
    """The type of what `call` returns."""
    call: Callable[[Context, bytes], Awaitable[object]]
    answer: Callable[[Context, bytes], object] | None = None
    """The same for a method that never waits: nothing has to bound its time."""


def method(name: str, params: type[P], run: Callable[[Context, P], Awaitable[object]]) -> Method:
    """An entry for `run`: its docstring's first line is the summary, its annotation the result."""
    read = _reader_of(params)

    async def call(context: Context, raw: bytes) -> object:
        return await run(context, read(raw))

    return Method(name, _summary_of(name, run), params, _result_of(run), call)


def instant_method(name: str, params: type[P], run: Callable[[Context, P], object]) -> Method:
    """The same of what is in memory: called often, and a deadline would cost more than the call."""
    read = _reader_of(params)

    def answer(context: Context, raw: bytes) -> object:
        return run(context, read(raw))

    async def call(context: Context, raw: bytes) -> object:
        return answer(context, raw)

    return Method(name, _summary_of(name, run), params, _result_of(run), call, answer)


def _reader_of(params: type[P]) -> Callable[[bytes], P]:
    decoder = msgspec.json.Decoder(params)
    names = tuple(field.encode_name for field in msgspec.structs.fields(params))
    return lambda raw: parse_params(decoder, names, raw)


def _result_of(run: Callable[..., object]) -> object:
    return announced(get_type_hints(run)["return"])


def _summary_of(name: str, run: Callable[..., object]) -> str:
    assert run.__doc__, f"{name} has no documentation"
    return run.__doc__.strip().splitlines()[0]


class Registry:
    """The methods of one server; built once, read only."""

    def __init__(self, methods: Iterable[Method]) -> None:
        table: dict[str, Method] = {}
        for entry in methods:
            assert entry.name not in table, f"{entry.name} is registered twice"
            table[entry.name] = entry
        self.methods: Mapping[str, Method] = MappingProxyType(table)

    def find(self, name: str) -> Method:
        try:
            return self.methods[name]
        except KeyError:
            raise MethodNotFound(method=name) from None
