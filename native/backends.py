"""Which verification engines exist here, and which ones are used and why."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from native.compiled import ENGINE_VARIABLE, GPU, hashing_set, kernels
from native.cpu import OpenSSLEngine
from native.engine import Engine, EngineFault
from native.errors import InvalidData
from native.gpu.cupy_device import CupyDevice
from native.gpu.engine import GpuEngine
from native.panel import Panel
from native.vector import vector_engines

ENGINES: Mapping[str, Callable[[], Engine]] = {**vector_engines(), "openssl": OpenSSLEngine}
"""Those of this processor, the fastest first."""

ON_REQUEST: Mapping[str, Callable[[], Engine]] = {GPU: lambda: GpuEngine(CupyDevice())}
"""Those that are loaded only when they are named. EngineFailed says what is missing for one."""


@dataclass(eq=False)
class EngineUnknown(InvalidData):
    """AICHAIN_NATIVE, or a caller, names an engine that this build does not have."""

    name: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EngineView:
    """What does the work in this process, for people."""

    verifies: str
    accelerators: tuple[str, ...]
    """Who takes floods of signatures, where that is faster."""
    hashes: str
    known: tuple[str, ...]
    is_named: bool
    """By AICHAIN_NATIVE."""
    is_compiled: bool
    """There was a compiler when this was installed."""
    faults: tuple[EngineFault, ...]

    def __str__(self) -> str:
        reason = f"{ENGINE_VARIABLE} asks for it" if self.is_named else "default"
        text = (
            f"{self.verifies} ({reason}; known: {', '.join(self.known)}), hashes by {self.hashes}"
        )
        if self.accelerators:
            text += f", floods by {', '.join(self.accelerators)}"
        if not self.is_compiled:
            text += "; installed without a C++ compiler"
        return "; ".join([text, *map(str, self.faults)])


def select_engine(name: str | None = None) -> Engine:
    """The engine called `name`, else of AICHAIN_NATIVE, else the fastest; one a process."""
    return _engine(name or _named() or next(iter(ENGINES)))


def select_panel() -> Panel:
    """The engine of `select_engine` with OpenSSL beside it; one a process."""
    return _panel(select_engine().name)


def engine_faults() -> tuple[EngineFault, ...]:
    """Who is not used any more in this process, and why."""
    return select_panel().faults


def key_caches() -> Mapping[str, Mapping[str, int]]:
    """What each engine that is used says of the keys it keeps prepared."""
    return {engine.name: engine.cache_counters() for engine in select_panel().engines}


def view_engines() -> EngineView:
    """For the start-up line, `aichain_status`, `aichain doctor` and `aichain version`."""
    panel = select_panel()
    return EngineView(
        verifies=panel.name,
        accelerators=panel.accelerators,
        hashes=hashing_set() or "libraries",
        known=(*ENGINES, *ON_REQUEST),
        is_named=_named() is not None,
        is_compiled=kernels is not None,
        faults=panel.faults,
    )


def _named() -> str | None:
    return os.environ.get(ENGINE_VARIABLE) or None


@cache
def _engine(name: str) -> Engine:
    known = {**ENGINES, **ON_REQUEST}
    if name not in known:
        raise EngineUnknown(name=name, known=tuple(known))
    return known[name]()


@cache
def _panel(name: str) -> Panel:
    engine = _engine(name)
    if isinstance(engine, OpenSSLEngine):
        return Panel(engine)
    if name not in ON_REQUEST:
        return Panel(OpenSSLEngine(), engine)
    home = _engine(next(iter(ENGINES)))
    if isinstance(home, OpenSSLEngine):
        return Panel(home, accelerators=(engine,))
    return Panel(OpenSSLEngine(), home, (engine,))
