"""Checks signatures in batches off the loop, each kind of work in a lane of its own."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import trio

from aichain.machine import RunBlocking
from aichain.metrics import Metrics
from aichain.node.verify_lane import LaneShape, VerifyLane
from genesis import limits
from native.backends import engine_faults
from native.batch import (
    confirm_refusals,
    first_refusal,
    is_trusted,
    judge_many,
    judge_votes,
    pin_keys,
)
from native.panel import Judged, Refusal
from native.signatures import SignatureItem

log = logging.getLogger(__name__)

Judge: TypeAlias = Callable[[Sequence[SignatureItem]], Judged]

_RESTS: Final = 3
"""Refusals of the pool's transactions are confirmed in a quarter of the time: anybody can make
bad signatures, and OpenSSL takes ten times as long for one as our engines do."""


class Verifier:
    """Three lanes: votes never queue behind blocks, nor blocks behind the pool's transactions.

    What an engine refuses is confirmed by OpenSSL, the first item of a request, before it costs
    anybody anything; what it refuses after that must not. Who waits for OpenSSL waits beside the
    lane: a flood of bad signatures delays itself, by one confirmation for each peer that it bans.
    """

    def __init__(self, run_blocking: RunBlocking, metrics: Metrics) -> None:
        def lane(name: str, judge: Judge = judge_many) -> VerifyLane[SignatureItem]:
            inline, batch = limits.VERIFY_INLINE_ITEMS, limits.VERIFY_BATCH_ITEMS
            shape = LaneShape(name, batch, inline_items=inline)
            return VerifyLane(shape, judge, run_blocking, metrics)

        def confirming_lane(name: str, *, rests: int = 0) -> VerifyLane[Refusal]:
            shape = LaneShape(name, limits.VERIFY_CONFIRM_ITEMS, rests=rests)
            return VerifyLane(shape, confirm_refusals, run_blocking, metrics)

        self._consensus = lane("consensus", judge_votes)
        self._blocks, self._bulk = lane("blocks"), lane("bulk")
        self._confirm = confirming_lane("confirm")
        self._confirm_bulk = confirming_lane("confirm_bulk", rests=_RESTS)
        self._run_blocking = run_blocking
        self._metrics = metrics
        self._faults_told = 0
        self._validators = frozenset[bytes]()
        self._validators_changed = trio.Event()
        self._tell_faults()  # of who knew no answers; here nothing waits for the loop yet

    def pin(self, validators: frozenset[bytes]) -> None:
        """Whose signatures will come again and again: the engine keeps their keys expanded."""
        if validators != self._validators:
            self._validators = validators
            self._validators_changed.set()

    async def run(self) -> None:
        """Serve every lane until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pin)
            for lane in (self._consensus, self._blocks, self._bulk):
                nursery.start_soon(lane.run)
            nursery.start_soon(self._confirm.run)
            nursery.start_soon(self._confirm_bulk.run)

    async def _pin(self) -> None:
        while True:
            await self._validators_changed.wait()
            self._validators_changed = trio.Event()
            await self._run_blocking(pin_keys, sorted(self._validators))

    async def verify_consensus(self, items: Sequence[SignatureItem]) -> list[bool]:
        """Verdicts for votes, proposals and certificates, in the order of the items.

        Of items that are verified together one author is to blame for all.
        """
        return await self._verify(items, self._consensus, self._confirm)

    async def verify_block(self, items: Sequence[SignatureItem]) -> list[bool]:
        """Verdicts for the witnesses of a block that a vote waits for."""
        return await self._verify(items, self._blocks, self._confirm)

    async def verify_bulk(self, items: Sequence[SignatureItem]) -> list[bool]:
        """Verdicts for the pool, of many authors: only the first refusal is sure to hold."""
        return await self._verify(items, self._bulk, self._confirm_bulk)

    async def _verify(
        self,
        items: Sequence[SignatureItem],
        lane: VerifyLane[SignatureItem],
        confirm: VerifyLane[Refusal],
    ) -> list[bool]:
        """Again, by others, if the engine was found wrong: each time there is one engine less."""
        while True:
            judged = await lane.judge(items)
            refusal = first_refusal(items, judged)
            if refusal is None:
                is_wrong = False
            else:
                (is_wrong,) = (await confirm.judge([refusal])).verdicts
            self._tell_faults()
            if not is_wrong and is_trusted(judged.engine):
                return judged.verdicts

    def _tell_faults(self) -> None:
        faults = engine_faults()
        for fault in faults[self._faults_told :]:
            log.error("%s; the others verify now, OpenSSL in doubt", fault)
            self._metrics.engine_failed(fault.engine)
        self._faults_told = len(faults)
