"""An engine that lies under a running node: OpenSSL's verdicts, a line in the log, a figure."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from aichain.metrics import Metrics
from aichain.node.verifier import Verifier
from native import backends, batch
from native.cpu import OpenSSLEngine
from native.panel import Judged, Panel, Refusal
from native.signatures import SignatureItem
from tests.unit.aichain.node.test_verifier import item
from tests.unit.native.liars import Liar, accepts_all, refuses_all


class Rig:
    """A verifier whose engine lies from now on."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        lie: Callable[[bool], bool],
        *,
        audits: bool,
    ) -> None:
        self.liar = Liar(lie)
        self.panel = Panel(OpenSSLEngine(1), self.liar, draw=lambda n: 0 if audits else n - 1)
        self.liar.lies = True
        self.metrics = Metrics(network="test", version="0")
        self.verifier = Verifier(trio.to_thread.run_sync, self.metrics)
        for module in (backends, batch):
            monkeypatch.setattr(module, "select_panel", lambda: self.panel)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Verifier]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.verifier.run)
            yield self.verifier
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["consensus", "block", "bulk"])
async def test_an_engine_that_refuses_what_is_good_costs_nobody_anything(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    rig = Rig(monkeypatch, refuses_all, audits=False)
    async with rig.running() as verifier:
        verify = getattr(verifier, f"verify_{kind}")
        assert await verify([item(1), item(2), item(3, good=False)]) == [True, True, False]
        assert await verify([item(4)]) == [True]
    assert "liar is in quarantine: it refused a signature that OpenSSL finds valid" in caplog.text
    assert len(caplog.records) == 1
    text = rig.metrics.text().decode()
    assert 'aichain_engine_faults_total{engine="liar"} 1.0' in text
    assert 'engine="openssl",lane="' in text


async def test_an_engine_that_accepts_what_is_bad_is_found_by_an_audit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(monkeypatch, accepts_all, audits=True)
    async with rig.running() as verifier:
        assert await verifier.verify_consensus([item(1, good=False)]) == [False]
        assert await verifier.verify_consensus([item(2)]) == [True]
    assert "liar is in quarantine: it accepted a signature that OpenSSL refuses" in caplog.text


async def test_what_an_engine_said_before_it_was_found_wrong_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It accepts the first of two bad ones; OpenSSL looks at the second, and an audit of another
    batch finds the engine wrong meanwhile."""
    lies = iter([True])
    rig = Rig(monkeypatch, lambda truth: next(lies, truth), audits=False)
    confirm = rig.panel.confirm

    def found_meanwhile(refusals: Sequence[Refusal]) -> Judged:
        rig.panel._quarantine("liar", "it accepted a signature that OpenSSL refuses")
        return confirm(refusals)

    monkeypatch.setattr(rig.panel, "confirm", found_meanwhile)
    async with rig.running() as verifier:
        items = [item(1, good=False), item(2, good=False)]
        assert await verifier.verify_bulk(items) == [False, False]


async def test_a_flood_of_bad_signatures_delays_itself_alone(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """Each refusal takes OpenSSL a tenth of a second here, in virtual time."""
    rig = Rig(monkeypatch, lambda truth: truth, audits=False)
    confirmed, order = list[int](), list[str]()

    async def run_here(
        work: Callable[..., object], items: list[SignatureItem], limiter: object = None
    ) -> object:
        if work is batch.confirm_refusals:
            confirmed.append(len(items))
            await trio.sleep(0.1 * len(items))
        return work(items)

    rig.verifier = Verifier(run_here, rig.metrics)  # type: ignore[arg-type]
    bad, good = [item(1, good=False)] * 50, [item(2)]

    async def forge() -> None:
        assert await rig.verifier.verify_bulk(bad) == [False] * 50
        order.append("bad")

    async with rig.running() as verifier, trio.open_nursery() as asking:
        for _ in range(40):
            asking.start_soon(forge)
        await trio.sleep(0.01)
        for _ in range(5):
            assert await verifier.verify_bulk(good) == [True]
            order.append("good")
        assert await verifier.verify_consensus(bad[:1]) == [False]
        order.append("vote")
    assert order[:5] == ["good"] * 5
    assert order.index("vote") < 10
    assert sum(confirmed) == 40 + 1
    assert trio.current_time() > 40 * 0.1 * 3, "it rests three times as long as it works"
