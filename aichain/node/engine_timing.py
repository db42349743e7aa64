"""What each verification engine takes here: measured once when the program starts."""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

from native.engine import Engine
from native.panel import Panel
from native.placement import Cost, fit_cost
from native.signatures import PUBLIC_KEY_BYTES, Algorithm, SignatureItem, SigningKey

REPEATS: Final = 3
MANY: Final = 64
FLOOD: Final = 1_024
"""Of an accelerator, whose calls take longer than 64 signatures and vary by as much."""
FEW: Final = 4
"""Of OpenSSL, which takes as long for each as for the first."""
_KEYS: Final = 16


def time_engines(panel: Panel) -> str:
    """Tell the panel what its engines take; a line for people. Blocks for some 20 ms, longer with
    an accelerator.

    The machine may be busy: of a few repeats the shortest counts. A key is known from its third
    sight on.
    """

    def cost_of(engine: Engine) -> Cost:
        if panel.is_reference(engine.name):
            return _cost_of(engine, FEW)
        return _cost_of(engine, FLOOD if engine.name in panel.accelerators else MANY)

    panel.set_costs(cost_of)
    return "; ".join(f"{name}: {cost}" for name, cost in panel.costs.items())


def _cost_of(engine: Engine, count: int) -> Cost:
    known = _with_keys(_random_keys(_KEYS), count)
    for _ in range(3):
        engine.verify(known)
    return fit_cost(
        _shortest_ns(engine, lambda: known[:1]),
        count,
        known_ns=_shortest_ns(engine, lambda: known),
        new_ns=_shortest_ns(engine, lambda: _with_keys(_random_keys(count), count)),
    )


def _shortest_ns(engine: Engine, make_items: Callable[[], Sequence[SignatureItem]]) -> int:
    return min(_elapsed_ns(engine, make_items()) for _ in range(REPEATS))


def _elapsed_ns(engine: Engine, items: Sequence[SignatureItem]) -> int:
    began = time.perf_counter_ns()
    engine.verify(items)
    return time.perf_counter_ns() - began


def _random_keys(count: int) -> list[bytes]:
    """Any bytes of the right length are a key, and a false signature takes as long as a true."""
    size = PUBLIC_KEY_BYTES[Algorithm.ML_DSA_65]
    return [secrets.token_bytes(size) for _ in range(count)]


def _with_keys(keys: Sequence[bytes], count: int) -> list[SignatureItem]:
    signer = SigningKey.from_seed(bytes(32))
    signature = signer.sign(b"", b"")
    return [SignatureItem(keys[index % len(keys)], b"", b"", signature) for index in range(count)]
