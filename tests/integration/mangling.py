"""A peer whose messages are true but for some field, and whatever it signs has its signature."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar
from unittest.mock import patch

from consensus.headers import block_ref
from consensus.lanes.closes import CLOSE_CONTEXT, CloseMessage
from consensus.lanes.messages import TermProposal
from consensus.proposals import PROPOSAL_CONTEXT, ProposalMessage
from consensus.votes import VOTE_CONTEXT, SignedVote
from genesis.units import U64_MAX
from native.errors import InvalidData
from native.signatures import SigningKey
from p2p.errors import Penalty
from p2p.memory_network import MemoryNetwork
from p2p.network import Audience, RequestHandler
from p2p.wire.encoding import encode_message
from p2p.wire.messages import AnyRequest, Gossiped, LaneVote, Pushed, Response, Status
from vm.blocks import decode_header

M = TypeVar("M")

_TRIES = 10
_REFUSED = (InvalidData, AssertionError, TypeError, ValueError, OverflowError)
"""What a value says of a field that it cannot hold: another one is drawn."""


@dataclass
class Mangler:
    """Draws what is changed. It may be banned by nobody, or it would soon be heard by nobody."""

    key: SigningKey
    rng: random.Random
    peer: str = ""
    """Whose messages; nobody's while this is empty."""
    mangled: int = 0

    def mangle(self, message: M, percent: int) -> M:
        """The message, or one that differs in something and can still be encoded."""
        for _ in range(_TRIES if self.rng.randrange(100) < percent else 0):
            try:
                other = self._signed(self._changed(message))
                encode_message(other)
            except _REFUSED:
                continue
            self.mangled += 1
            return other  # type: ignore[no-any-return]
        return message

    def _changed(self, value: Any) -> Any:
        match value:
            case Enum():
                return self.rng.choice(list(type(value)))
            case int():
                return self.rng.choice((0, value + 1, value - 1, value + 64, 2**63, U64_MAX))
            case bytes():
                return self._changed_bytes(value)
            case tuple():
                return self._changed_tuple(value)
            case _ if is_dataclass(value) and not isinstance(value, type):
                name = self.rng.choice([each.name for each in fields(value) if each.init])
                return replace(value, **{name: self._changed(getattr(value, name))})
            case _:
                return value

    def _changed_bytes(self, value: bytes) -> bytes:
        if len(value) > 400 and self.rng.randrange(2):
            try:
                return bytes(self._changed(decode_header(value)).raw)
            except InvalidData:
                pass
        bent = bytearray(value or b"\0")
        bent[self.rng.randrange(len(bent))] ^= 1 << self.rng.randrange(8)
        return self.rng.choice((bytes(bent), bytes(len(value)), value[:-1], value + b"\0"))

    def _changed_tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            return value
        at = self.rng.randrange(len(value))
        one = (*value[:at], self._changed(value[at]), *value[at + 1 :])
        return self.rng.choice(((), value[:-1], (*value, value[at]), value[::-1], one, one))

    def _signed(self, message: Any) -> Any:
        """With a true signature, where the message alone says what is signed."""
        match message:
            case SignedVote(vote):
                return replace(message, signature=self.key.sign(vote.signing_bytes, VOTE_CONTEXT))
            case LaneVote():
                return replace(message, signed=self._signed(message.signed))
            case TermProposal(_, name, ProposalMessage() as inner):
                bound = inner.bind(name, block_ref(decode_header(inner.header_raw)))
                signature = self.key.sign(bound.proposal.signing_bytes, PROPOSAL_CONTEXT)
                return replace(message, message=replace(inner, signature=signature))
            case CloseMessage():
                close = message.signed.close
                signature = self.key.sign(close.signing_bytes, CLOSE_CONTEXT)
                return replace(message, signed=replace(message.signed, signature=signature))
            case _:
                return message


@contextmanager
def mangling(mangler: Mangler) -> Iterator[None]:
    """As long as this lasts, one peer of the hub says what the mangler makes of it."""
    network = MemoryNetwork
    push, send, gossip = network.push, network.send, network.gossip
    status, handle, penalize = network.set_status, network.set_handler, network.penalize

    def pushed(self: MemoryNetwork, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        if self.peer_id == mangler.peer:
            push(self, mangler.mangle(message, 60), to)
        return push(self, message, to)

    def sent(self: MemoryNetwork, peer: str, message: Pushed) -> bool:
        is_evil = self.peer_id == mangler.peer
        return send(self, peer, mangler.mangle(message, 30) if is_evil else message)

    def gossiped(self: MemoryNetwork, message: Gossiped) -> None:
        if self.peer_id == mangler.peer:
            gossip(self, mangler.mangle(message, 80))
        gossip(self, message)

    def said(self: MemoryNetwork, given: Status) -> None:
        status(self, mangler.mangle(given, 80) if self.peer_id == mangler.peer else given)

    def handled(self: MemoryNetwork, handler: RequestHandler) -> None:
        async def answer(peer: str, request: AnyRequest) -> Response:
            answered = await handler(peer, request)
            return mangler.mangle(answered, 50) if self.peer_id == mangler.peer else answered

        handle(self, answer)

    def penalized(self: MemoryNetwork, peer: str, penalty: Penalty, reason: str) -> None:
        if peer != mangler.peer:
            penalize(self, peer, penalty, reason)

    with (
        patch.object(network, "push", pushed),
        patch.object(network, "send", sent),
        patch.object(network, "gossip", gossiped),
        patch.object(network, "set_status", said),
        patch.object(network, "set_handler", handled),
        patch.object(network, "penalize", penalized),
    ):
        yield
