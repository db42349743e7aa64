"""Which verification engines exist here, and which one is used and why."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from native.compiled import ENGINE_VARIABLE
from native.cpu import OpenSSLEngine
from native.errors import InvalidData
from native.signatures import SignatureItem
from native.vector import vector_engines


class Engine(Protocol):
    """What a caller of `verify_many` relies on: the same verdicts from every engine, in order."""

    @property
    def name(self) -> str: ...

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]: ...

    def pin(self, public_keys: Sequence[bytes]) -> None: ...


ENGINES: Mapping[str, Callable[[], Engine]] = {**vector_engines(), "openssl": OpenSSLEngine}
"""The fastest first."""


@dataclass(eq=False)
class EngineUnknown(InvalidData):
    """AICHAIN_NATIVE, or a caller, names an engine that this build does not have."""

    name: str
    known: tuple[str, ...]


def select_engine(name: str | None = None) -> Engine:
    """The engine called `name`, else of AICHAIN_NATIVE, else the fastest; one a process."""
    return _engine(name or os.environ.get(ENGINE_VARIABLE) or next(iter(ENGINES)))


def describe_engine() -> str:
    """One line for the start-up banner and `aichain doctor`."""
    engine = select_engine()
    reason = f"{ENGINE_VARIABLE} asks for it" if os.environ.get(ENGINE_VARIABLE) else "default"
    return f"{engine.name} ({reason}; known: {', '.join(ENGINES)})"


@cache
def _engine(name: str) -> Engine:
    if name not in ENGINES:
        raise EngineUnknown(name=name, known=tuple(ENGINES))
    return ENGINES[name]()
