"""What engines take here is measured, printed, and decides where floods go."""

from aichain.node.engine_timing import time_engines
from native.backends import ENGINES
from native.cpu import OpenSSLEngine
from native.panel import Panel


def test_every_engine_is_timed_and_named() -> None:
    engine = next(iter(ENGINES.values()))()
    panel = Panel(OpenSSLEngine(), engine) if engine.name != "openssl" else Panel(engine)
    line = time_engines(panel)
    assert set(panel.costs) == {engine.name, "openssl"}
    for name, cost in panel.costs.items():
        assert f"{name}: {cost}" in line
        assert min(cost.known_ns, cost.new_ns) > 0
