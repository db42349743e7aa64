"""An RPC server for light clients without a socket: honest, until a test makes it lie."""

from collections.abc import Callable, Mapping
from typing import Any, Self

from msgspec import to_builtins

from aichain.client.errors import RpcRefused
from aichain.rpc.backend import CertifiedRecord, HeaderProof
from aichain.rpc.render.light import show_certified_record, show_finality, show_header_proof
from aichain.rpc.render.validators import show_validators
from consensus.light import Finality
from genesis.epochs import epoch_of_height, last_height
from tests.builders_light import EPOCH_BLOCKS, LightChain
from vm.queries import RecordProof

Lies = Mapping[str, Callable[[Any], Any]]
"""A method's name to what is made of its honest answer."""


class ServedChain:
    """What `RpcClient` is to the light client; `asked` has every call."""

    def __init__(self, chain: LightChain, lies: Lies | None = None) -> None:
        self.chain = chain
        self.lies = lies or {}
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def head(self) -> int:
        return len(self.chain.headers) - 1

    def call(self, method: str, *params: Any) -> Any:
        self.asked.append(method)
        answer = getattr(self, method.removeprefix("aichain_"))(*params)
        return self.lies[method](answer) if method in self.lies else answer

    def getFinality(self, height: int | None = None) -> Any:  # noqa: N802 the method's name
        return self._show(self._finality(self.head if height is None else height))

    def getAnchors(self, from_epoch: int, count: int) -> Any:  # noqa: N802 the method's name
        assert count == 1
        height = last_height(from_epoch, EPOCH_BLOCKS)
        return [self._show(self.chain.finality(height))] if height <= self.head else []

    def getHeaderProof(self, height: int, at: int) -> Any:  # noqa: N802 the method's name
        if not height < at <= self.head:
            return None
        proof = self.chain.prove(height, at)
        return to_builtins(show_header_proof(HeaderProof(self.chain.headers[height], at, proof)))

    def getStateProof(self, key: str) -> Any:  # noqa: N802 the method's name
        raw, tree = bytes.fromhex(key[2:]), self.chain.tree
        height = self.head - 1
        record = RecordProof(raw, self.chain.records.get(raw), tree.prove(raw), tree.root, height)
        finality = self._finality(height + 1)
        assert finality is not None
        return to_builtins(show_certified_record(CertifiedRecord(record, finality)))

    def validators(self, height: int) -> Any:
        epoch = epoch_of_height(height, EPOCH_BLOCKS)
        return to_builtins(show_validators(height, self.chain.set_of(epoch)))

    def _finality(self, height: int) -> Finality | None:
        if not 0 < height <= self.head:
            return None
        certified = min(self.head, last_height(epoch_of_height(height, EPOCH_BLOCKS), EPOCH_BLOCKS))
        return self.chain.finality(certified, down_to=height)

    def _show(self, finality: Finality | None) -> Any:
        return None if finality is None else to_builtins(show_finality(finality))


class PrunedChain(ServedChain):
    """It keeps no header below its last one."""

    def getHeaderProof(self, height: int, at: int) -> Any:  # noqa: N802 the method's name
        raise RpcRefused(f"{height} {at}", -32001, "history_pruned")
