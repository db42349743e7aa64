"""Accidents of machines at their times: crashes, failing disks, lost logs; and their repair."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Protocol

from aichain.errors import WalDamaged, WalForeign
from tests.simulation.checkers import Violation
from tests.simulation.disk import Disk
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.log_disk import LogDisk, LogFault
from tests.simulation.scenario import Accident, Loss, Scenario
from tests.simulation.shell import Node

HEAD_START_MS = 300
"""Founders start before block 0's time: they say hello before anything can become final."""

BOOT_MS = 50
REPAIR_MS = 1_000
UNTIL_LIVING_MS = 200

FOREIGN_LOG = "log of another key"


class Stage(Protocol):
    """The world, as far as accidents change it."""

    scenario: Scenario
    now: int
    faults: Counter[str]
    nodes: list[Node]
    honest: list[Node]

    def at(self, time: int, action: Callable[[], None]) -> None: ...
    def fault(self, kind: str) -> None: ...
    def below(self, bound: int) -> int: ...
    def chance(self, probability: float) -> bool: ...


class Accidents:
    """Plans them all at the start; a node that is down at its time has no accident."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._plan = stage.scenario.accidents
        self._own_logs: dict[str, LogDisk] = {}
        self._losses: dict[Loss, Callable[[Accident], None]] = {
            Loss.DISK: self._lose_disk,
            Loss.LOG: self._change_log,
            Loss.DATABASE: self._lose_database,
        }

    def schedule(self) -> None:
        stage, plan = self._stage, self._plan
        late = {each.member: each for loss, each in plan.losses if loss is Loss.LATE}
        for node in stage.nodes:
            if node.member in late:
                stage.fault(Loss.LATE.value)
                stage.at(late[node.member].at_ms, node.boot)
            else:
                stage.at(stage.below(BOOT_MS) - HEAD_START_MS, node.boot)
        for each in plan.crashes:
            stage.at(each.at_ms, partial(self._crash, each))
        for time in plan.crash_all:
            stage.at(time, self._crash_all)
        for fault, each in plan.log_faults:
            stage.at(each.at_ms, partial(self._arm, fault, each))
        for loss, each in plan.losses:
            if loss in self._losses:
                stage.at(each.at_ms, partial(self._losses[loss], each))
        if plan.swap is not None:
            stage.at(plan.swap.at_ms, partial(self._swap_log, plan.swap))
        if plan.wrong_clock is not None:
            self._set_clock_wrong(*plan.wrong_clock)

    def heal(self) -> None:
        """Clocks are right again; evil beyond what liveness bears becomes honest, one copy each."""
        scenario = self._stage.scenario
        for node in self._stage.nodes:
            node.skew_ms = scenario.skew_ms[node.member]
            if node.member in scenario.reformed:
                if node.copy == 0:
                    node.reform()
                elif node.is_up:
                    node.crash(power=False)

    # --- what nodes tell ------------------------------------------------------------------------

    def on_opened(self, node: Inhabitant) -> None:
        """A log that is not as it was written must not be opened."""
        if node.disk.log.is_changed or node.disk.log.is_foreign:
            kind = Loss.LOG.value if node.disk.log.is_changed else FOREIGN_LOG
            raise Violation("log accepted", f"node {node.name}: {kind}")

    def on_refused(self, node: Inhabitant, refusal: WalDamaged | WalForeign) -> None:
        """What the refusal asks of the operator: another log, or the right one."""
        log = node.disk.log
        if log.is_foreign:
            self._stage.fault(FOREIGN_LOG)
            node.disk.log = self._own_logs.pop(node.name)
        elif log.is_changed:
            self._stage.fault(Loss.LOG.value)
            node.disk.log = node.new_log()
        else:
            raise Violation("log refused", f"node {node.name}: {refusal}")
        self.repair(node)

    def repair(self, node: Inhabitant) -> None:
        self._stage.at(self._stage.now + 10 + self._stage.below(REPAIR_MS), node.boot)

    # --- accidents ------------------------------------------------------------------------------

    def _victims(self, accident: Accident) -> list[Node]:
        return [n for n in self._stage.honest if n.member == accident.member and n.is_up]

    def _stop(self, node: Node, accident: Accident, *, power: bool) -> None:
        node.crash(power=power)
        self._stage.at(self._stage.now + accident.rest_ms, node.boot)

    def _crash(self, accident: Accident) -> None:
        for node in self._victims(accident):
            power = self._stage.chance(0.5)
            self._stage.fault("power failure" if power else "crash")
            self._stop(node, accident, power=power)

    def _crash_all(self) -> None:
        stage = self._stage
        stage.fault("crash of everybody")
        for node in stage.honest:
            if node.is_up:
                node.crash(power=stage.chance(0.5))
                stage.at(stage.now + 10 + stage.below(500), node.boot)

    def _arm(self, fault: LogFault, accident: Accident) -> None:
        for node in self._victims(accident):
            node.disk.log.armed = fault

    def _lose_disk(self, accident: Accident) -> None:
        if self._is_too_early(self._lose_disk, accident):
            return
        for node in self._victims(accident):
            self._stage.fault(Loss.DISK.value)
            self._stop(node, accident, power=False)
            node.disk = Disk(node.new_log())

    def _change_log(self, accident: Accident) -> None:
        if self._is_too_early(self._change_log, accident):
            return
        for node in self._victims(accident):
            self._stop(node, accident, power=False)
            node.disk.log.change_a_bit()

    def _lose_database(self, accident: Accident) -> None:
        """The chain is moved away and synced again; the log of signatures stays."""
        for node in self._victims(accident):
            self._stage.fault(Loss.DATABASE.value)
            self._stop(node, accident, power=False)
            node.disk.lose_database()

    def _swap_log(self, accident: Accident) -> None:
        """The disk of another validator is mounted here; ours lies safe elsewhere."""
        for node in self._victims(accident):
            others = [each for each in self._stage.nodes if each.member != node.member]
            other = others[self._stage.below(len(others))]
            self._stop(node, accident, power=False)
            self._own_logs[node.name] = node.disk.log
            node.disk.log = node.disk.log.swap(other.disk.log)

    def _set_clock_wrong(self, member: int, off_ms: int) -> None:
        for node in self._stage.honest:
            if node.member == member:
                self._stage.fault("clock far off")
                node.skew_ms = off_ms

    def _is_too_early(self, loss: Callable[[Accident], None], accident: Accident) -> bool:
        """Who signed before all knew a final block must keep its log: a new one looks like that of
        a chain that has just begun (consensus/README.md)."""
        is_early = any(node.state.final.height == 0 for node in self._stage.honest)
        if is_early:
            self._stage.at(self._stage.now + UNTIL_LIVING_MS, partial(loss, accident))
        return is_early
