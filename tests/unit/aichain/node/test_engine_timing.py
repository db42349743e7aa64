"""What engines take here is measured, printed, and decides where floods go."""

from collections.abc import Sequence

from aichain.node.engine_timing import FLOOD, MANY, time_engines
from native.backends import ENGINES
from native.cpu import OpenSSLEngine
from native.panel import Panel
from native.signatures import SignatureItem


def test_every_engine_is_timed_and_named() -> None:
    engine = next(iter(ENGINES.values()))()
    panel = Panel(OpenSSLEngine(), engine) if engine.name != "openssl" else Panel(engine)
    line = time_engines(panel)
    assert set(panel.costs) == {engine.name, "openssl"}
    for name, cost in panel.costs.items():
        assert f"{name}: {cost}" in line
        assert min(cost.known_ns, cost.new_ns) > 0


def test_an_accelerator_is_timed_with_floods() -> None:
    class Quick(OpenSSLEngine):
        def __init__(self, name: str) -> None:
            super().__init__(1)
            self.name = name
            self.most = 0

        def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
            self.most = max(self.most, len(items))
            return super().verify(items) if len(items) < MANY else [False] * len(items)

    home, device = Quick("home"), Quick("device")
    time_engines(Panel(OpenSSLEngine(1), home, (device,)))
    assert (home.most, device.most) == (MANY, FLOOD)
