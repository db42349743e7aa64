"""Ports for processes that are told where to listen."""

import os
from itertools import count

from aichain.cli.run_plan import is_taken
from aichain.config import Endpoint

_PORTS = range(12_000, 25_000)
_places = count(97 * os.getpid())


def free_port() -> int:
    """One that nothing uses, below those that the kernel hands out by itself.

    A port that the kernel named and that was let go may be another test's before it is used.
    """
    for place in _places:
        port = _PORTS[place % len(_PORTS)]
        if not is_taken(Endpoint("127.0.0.1", port)):
            return port
    raise AssertionError("unreachable: the places go on for ever")
