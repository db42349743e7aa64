"""The ledger after a block: an immutable overlay on its parent, with its commitment made lazily."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from genesis.document import GenesisDocument
from genesis.limits import HEADER_MAX_BYTES, MMR_PEAKS_MAX, TIP_RECORD_MAX_BYTES
from genesis.validators import ValidatorSet
from native import codec
from native.errors import DecodeError
from native.hashing import HASH_BYTES, Hash32, hash32
from vm.blocks import Header, decode_header
from vm.commitment import StateTree
from vm.epochs import Epoch, epoch_key, read_epoch
from vm.errors import TipMismatch
from vm.mmr import HeaderMmr
from vm.receipts import Receipt, receipts_root
from vm.records import BASE_FEE, counter_key, decode_amount_record
from vm.records import StateReader as StateReader

_TIP_VERSION = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What executing a block produced: the records it wrote or removed, and its receipts."""

    changes: Mapping[bytes, bytes | None]
    receipts: tuple[Receipt, ...]


class State:
    """The state after `head`. Every field but the caches is fixed when it is made.

    Reading goes through the changes of this block, then of its unfinalized ancestors, then of the
    reader. The tree, the roots and the base fee are computed once, when first asked for.
    """

    __slots__ = (
        "_base",
        "_base_fee",
        "_epochs",
        "_parent",
        "_receipts",
        "_receipts_root",
        "_tree",
        "changes",
        "document",
        "head",
        "mmr",
    )

    def __init__(
        self,
        document: GenesisDocument,
        head: Header,
        mmr: HeaderMmr,
        base: StateReader,
    ) -> None:
        self.document = document
        self.head = head
        self.mmr = mmr
        """The header MMR over every block up to and including `head`."""
        self.changes: Mapping[bytes, bytes | None] = {}
        """What this block alone wrote (None: removed); empty again once it is collapsed."""
        self._base = base
        self._parent: State | None = None
        self._tree: StateTree | None = None
        self._receipts: tuple[Receipt, ...] = ()
        self._receipts_root: Hash32 | None = None
        self._base_fee: int | None = None
        self._epochs: dict[int, Epoch] = {}

    @classmethod
    def initial(
        cls, document: GenesisDocument, head: Header, records: Mapping[bytes, bytes]
    ) -> Self:
        """The state of block 0: all its records are its changes."""
        mmr = HeaderMmr().append(head.id)
        state = cls(document, head, mmr, _NOTHING)
        state.changes = dict(records)
        state._tree = StateTree.build(records.items())
        return state

    def after(self, head: Header, outcome: Outcome) -> "State":
        """The state of a child block."""
        child = State(self.document, head, self.mmr.append(head.id), self)
        child.changes = outcome.changes
        child._parent = self
        child._receipts = outcome.receipts
        child._epochs = {
            number: epoch
            for number, epoch in tuple(self._epochs.items())  # another thread may be adding one
            if epoch_key(number) not in outcome.changes
        }
        return child

    @classmethod
    def load(
        cls, document: GenesisDocument, reader: StateReader, tree: StateTree, tip_record: bytes
    ) -> Self:
        """The state that `tip_record` was written for, its records in `reader`.

        TipMismatch when the document or the tree rebuilt from the records is not that state's:
        this is the check of the whole database at every start (storage.md §2.1).
        """
        fields = codec.decode(tip_record, max_bytes=TIP_RECORD_MAX_BYTES, max_items=6, max_depth=1)
        version, header_raw, root, receipts, count, peaks = codec.array(fields, 6)
        if version != _TIP_VERSION:
            raise DecodeError(f"tip record version {version!r}")
        head = decode_header(codec.bounded(header_raw, HEADER_MAX_BYTES))
        if head.genesis_hash != document.hash:
            raise TipMismatch("genesis hash", document.hash, head.genesis_hash)
        if tree.root != hash32(root):
            raise TipMismatch("state root", hash32(root), tree.root)
        mmr = HeaderMmr(codec.uint(count), _peaks(peaks))
        state = cls(document, head, mmr, reader)
        state._tree = tree
        state._receipts_root = hash32(receipts)
        return state

    @classmethod
    def joined(
        cls,
        document: GenesisDocument,
        reader: StateReader,
        tree: StateTree,
        *,
        head: Header,
        child: Header,
        mmr: HeaderMmr,
    ) -> Self:
        """The state after `head`, all of whose records came from elsewhere.

        `child`, the next header, carries its roots, also that of `mmr`.
        """
        if head.genesis_hash != document.hash:
            raise TipMismatch("genesis hash", document.hash, head.genesis_hash)
        for name, expected, given in (
            ("parent", child.parent_id, head.id),
            ("state root", child.parent_state_root, tree.root),
            ("header range", child.header_mmr_root, mmr.root),
        ):
            if expected != given:
                raise TipMismatch(name, expected, given)
        state = cls(document, head, mmr, reader)
        state._tree = tree
        state._receipts_root = child.parent_receipts_root
        return state

    def tip_record(self) -> bytes:
        """What `load` needs besides the records; `TipRecord` of a store's batch."""
        return codec.encode(
            [
                _TIP_VERSION,
                self.head.raw,
                self.root,
                self.receipts_root,
                self.mmr.count,
                b"".join(self.mmr.peaks),
            ]
        )

    def get(self, key: bytes, /) -> bytes | None:
        """The record under a key. A loop, because hundreds of blocks may wait for finality."""
        state = self
        while True:
            changes = state.changes
            if key in changes:
                return changes[key]
            base = state._base
            if not isinstance(base, State):
                return base.get(key)
            state = base

    @property
    def tree(self) -> StateTree:
        """The commitment to all records. Hashing happens here, once, off the path of the votes.

        What it is made of is read before the cache, so that a thread hashing ahead and a thread
        collapsing this state cannot mislead each other.
        """
        changes, parent, tree = self.changes, self._parent, self._tree
        if tree is None:
            assert parent is not None, "a state without a tree has a parent that has one"
            tree = parent.tree.update(changes)
            self._tree = tree
        return tree

    @property
    def root(self) -> Hash32:
        """The state root; a child's header carries it as parent_state_root."""
        return self.tree.root

    @property
    def receipts_root(self) -> Hash32:
        """The root over this block's receipts; a child's header carries it."""
        receipts, root = self._receipts, self._receipts_root
        if root is None:
            root = receipts_root(receipts)
            self._receipts_root = root
        return root

    @property
    def base_fee(self) -> int:
        """The price of a unit of weight in the next block."""
        fee = self._base_fee
        if fee is None:
            raw = self.get(counter_key(BASE_FEE))
            assert raw is not None, "genesis sets the base fee"
            fee = decode_amount_record(raw)
            self._base_fee = fee
        return fee

    def epoch(self, number: int) -> Epoch | None:
        """The voters and the seed of one of three epochs: that of the next block, its neighbours.

        Made of the records once and handed from parent to child, so that a block costs nothing.
        """
        epoch = self._epochs.get(number)
        if epoch is None:
            epoch = read_epoch(self, number)
            if epoch is not None:
                self._epochs[number] = epoch
        return epoch

    def validators_of(self, epoch: int) -> ValidatorSet | None:
        """The voters of an epoch that this state knows."""
        known = self.epoch(epoch)
        return None if known is None else known.validators

    def collapse(self, reader: StateReader) -> None:
        """Drop the overlay after `changes` were written to `reader`; nothing else changes.

        From then on this state reads what `reader` holds, so it is good until the next block is
        written there: keep the newest collapsed state only.
        """
        assert self.tree is not None, "the tree is made while its parent is known"
        assert self.receipts_root is not None, "and so are the receipts"
        self._base = reader
        self._parent = None
        self._receipts = ()
        self.changes = {}


class _Nothing:
    """The reader below genesis."""

    def get(self, key: bytes, /) -> bytes | None:
        return None


_NOTHING = _Nothing()


def _peaks(value: codec.Value) -> tuple[Hash32, ...]:
    joined = codec.bounded(value, HASH_BYTES * MMR_PEAKS_MAX)
    return tuple(
        hash32(joined[start : start + HASH_BYTES]) for start in range(0, len(joined), HASH_BYTES)
    )
