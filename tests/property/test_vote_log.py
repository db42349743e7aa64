"""The vote log on a disk that fails: what was acknowledged is there, and nothing half done is."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aichain.errors import StoreFailed, WalDamaged, WalForeign
from aichain.store.wal import VoteWal, empty_log
from genesis.units import Address
from tests.simulation.log_disk import LogDisk, LogFault, PowerLost

OWNER = Address(b"\x01" * 20)
RECORDS = st.builds(bytes.__mul__, st.sampled_from([bytes(20) + b"v", b"v"]), st.integers(1, 60))
"""No record of ours holds a whole sector of zeros, which is how unwritten ones are known."""

GROUPS = st.lists(RECORDS, min_size=1, max_size=3)
IN_APPEND = st.sampled_from([None, None, LogFault.POWER, LogFault.FULL, LogFault.SYNC])


class LogOnAFailingDisk(RuleBasedStateMachine):
    """Every fault may hit every call; after each the log is opened again, as a restart would."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        below = random.Random(seed).randrange
        self.disk = LogDisk(OWNER, empty_log(OWNER), below, lambda _: None)
        self.wal = VoteWal(self.disk, OWNER)
        self.acknowledged: list[bytes] = []

    @rule(group=GROUPS, fault=IN_APPEND)
    def append(self, group: list[bytes], fault: LogFault | None) -> None:
        self.disk.armed = fault
        try:
            self.wal.append(*group)
        except (PowerLost, StoreFailed):
            self.restart([*self.acknowledged, *group])
        else:
            self.acknowledged += group
            self.disk.armed = None

    @rule(is_hit=st.booleans(), modulus=st.integers(2, 5))
    def rewrite(self, is_hit: bool, modulus: int) -> None:
        kept = [record for record in self.acknowledged if len(record) % modulus]
        self.disk.armed = LogFault.REWRITE if is_hit else None
        try:
            self.wal.prune(lambda record: bool(len(record) % modulus))
        except PowerLost:
            self.restart(kept)
        else:
            self.acknowledged = kept

    @rule()
    def lose_power(self) -> None:
        self.restart(self.acknowledged)

    @rule()
    def change_a_bit(self) -> None:
        good = self.disk.read()
        self.disk.change_a_bit()
        with pytest.raises((WalDamaged, WalForeign)):
            VoteWal(self.disk, OWNER)
        self.disk.replace(good)

    def restart(self, all_done: list[bytes]) -> None:
        """Either what was under way is there as a whole, or nothing of it."""
        self.disk.armed = None
        self.disk.lose_power()
        self.wal = VoteWal(self.disk, OWNER)
        found = list(self.wal.records())
        assert found in (self.acknowledged, all_done)
        self.acknowledged = found

    @invariant()
    def all_that_was_acknowledged_is_there(self) -> None:
        assert list(self.wal.records()) == self.acknowledged


TestLogOnAFailingDisk = LogOnAFailingDisk.TestCase
TestLogOnAFailingDisk.settings = settings(max_examples=100, stateful_step_count=30)
