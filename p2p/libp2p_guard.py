"""Runs other people's code so that its failure is a result: request handlers, the libp2p stack."""

import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import trio

from native.errors import AIChainError
from p2p.network import RequestHandler
from p2p.wire.encoding import Refused
from p2p.wire.messages import AnyRequest, Response

E = TypeVar("E", bound=Exception)
T = TypeVar("T")
P = ParamSpec("P")

log = logging.getLogger("aichain.p2p")


async def answer_or_refuse(
    handler: RequestHandler, peer: str, request: AnyRequest
) -> Response | Refused:
    """The node's answer. A handler that fails costs the peer its answer and us a log line."""
    try:
        return await handler(peer, request)
    except AIChainError as error:
        log.debug("request of %s refused: %s", peer, error)
    except Exception:  # a peer's question must not be able to stop the node
        log.exception("answering %s to %s failed", type(request).__name__, peer)
    return Refused()


class OwnBugs:
    """Tells a broken assertion of ours from libp2p's, which fails under peers' bytes.

    Ours says that this node is wrong and has to stop, but the guards and libp2p catch whatever
    passes through them. So it is noted where the node's functions are called, and the scope that
    libp2p runs in is cancelled.
    """

    def __init__(self) -> None:
        self.found: AssertionError | None = None
        self.scope = trio.CancelScope()

    def watch(self, call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """`call`, whose broken assertions are noted on their way."""

        async def watched(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return await call(*args, **kwargs)
            except AssertionError as error:
                self.found = self.found or error
                self.scope.cancel()
                raise

        return watched


async def run_contained(run: Callable[[], Awaitable[None]]) -> Exception | None:
    """What ended `run`, if it was not cancelled: libp2p's services fail in groups of errors."""
    try:
        await run()
    except Exception as error:  # whatever libp2p failed with, the caller starts it again
        return error
    return None


def find_error(error: Exception, wanted: type[E]) -> E | None:
    """The first error of a kind in a tree of exception groups."""
    if isinstance(error, wanted):
        return error
    for inner in getattr(error, "exceptions", ()):
        found = find_error(inner, wanted)
        if found is not None:
            return found
    return None
