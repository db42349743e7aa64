"""Tells a service manager what the node is at, by systemd's notify protocol: texts on a socket."""

import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Self

import trio

from aichain.rpc.backend import NodeStatus

log = logging.getLogger(__name__)

STATUS_EVERY_S: Final = 5.0


class Supervisor:
    """Silent where nobody listens (`NOTIFY_SOCKET` is not set). No call waits, none fails."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        """`watchdog_s`: who hears nothing for so long kills the process; None: nobody does."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_s = min(STATUS_EVERY_S, watchdog_s / 2) if watchdog_s else STATUS_EVERY_S
        self._watched = watchdog_s is not None
        self.status: Callable[[], NodeStatus] | None = None
        """Of the node that runs; None while one is built."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """As systemd sets the variables of a service."""
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = environ.get("WATCHDOG_USEC", "")
        is_set = ours and watchdog.isascii() and watchdog.isdecimal() and int(watchdog) > 0
        return cls(environ.get("NOTIFY_SOCKET", ""), int(watchdog) / 1e6 if is_set else None)

    def tell(self, **states: str) -> None:
        """READY="1", STATUS="…", STOPPING="1": one message."""
        if not self._address:
            return
        text = "\n".join(f"{name}={value}" for name, value in states.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), self._address)

    async def run(self) -> None:
        """Tell again and again that the loop turns, and where the node stands."""
        while self._address:
            told = {} if self.status is None else {"STATUS": status_line(self.status())}
            if self._watched:
                told["WATCHDOG"] = "1"
            if told:
                self.tell(**told)
            await trio.sleep(self._every_s)


def status_line(status: NodeStatus) -> str:
    """For `systemctl status`."""
    place = f"{status.network} height {status.height}"
    if status.syncing:
        place += f" of {status.target_height}, syncing"
    return f"{place}, {status.peers} peers, votes: {status.voting}"
