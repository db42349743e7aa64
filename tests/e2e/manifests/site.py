"""A local network that knows which of its nodes are down or silent on purpose."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from aichain.cli.localnet_nodes import CHECKOUT, STOP_TIMEOUT_S, log_tail
from aichain.cli.localnet_state import LocalnetState, ProcessId
from aichain.errors import ExitCode
from tests.e2e.networks import Network, wait_until


class Site(Network):
    """Nodes in processes of their own, and what was asked of each."""

    def __init__(self, state: LocalnetState) -> None:
        super().__init__(state)
        self.down: set[int] = set()
        """Told to end: that their processes are gone is nobody's fault."""
        self.paused: set[int] = set()
        """Stopped in the middle of whatever they did."""
        self.checkouts: dict[int, Path] = {}
        """Nodes that run the code of another checkout, until they are upgraded."""
        self.loads = 0

    def start(
        self,
        index: int,
        *,
        vouch: bool = False,
        options: Sequence[str] = (),
        checkout: Path | None = None,
    ) -> None:
        checkout = checkout or self.checkouts.get(index, CHECKOUT)
        super().start(index, vouch=vouch, options=options, checkout=checkout)
        self.down.discard(index)

    def kill(self, index: int) -> None:
        self.down.add(index)
        super().kill(index)

    def stop(self, index: int) -> None:
        """SIGTERM: it ends by itself, with code 0."""
        self.down.add(index)
        process = self._process(index)
        process.send(signal.SIGTERM)
        wait_until(lambda: not process.is_alive, f"node {index} ends", STOP_TIMEOUT_S)
        code = exit_code(process)
        assert code == ExitCode.OK, f"node {index} ended with code {code} when it was told to end"

    def pause(self, index: int) -> None:
        """SIGSTOP: it does nothing, and its connections stay."""
        self.paused.add(index)
        self._process(index).send(signal.SIGSTOP)

    def resume(self, index: int) -> None:
        """SIGCONT."""
        self._process(index).send(signal.SIGCONT)
        self.paused.discard(index)

    def ended(self) -> list[str]:
        """The nodes that ended although nobody asked for it, with their codes and last words."""
        return [
            f"node {node.index} ended by itself with code {exit_code(node.process)}: "
            f"{log_tail(node)}"
            for node in self.state.nodes
            if node.process is not None
            and not node.process.is_alive
            and node.index not in self.down
        ]

    def _process(self, index: int) -> ProcessId:
        process = self.state.node(index).process
        assert process is not None, f"node {index} was started"
        return process


def exit_code(child: ProcessId) -> int | None:
    """How a child ended, negative for a signal; None where somebody has collected it already."""
    try:
        _, status = os.waitpid(child.pid, 0)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status)
