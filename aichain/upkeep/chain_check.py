"""Is what lies on the disk the chain that was decided? Everything is read, nothing is changed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from aichain.errors import StoreCorrupt
from aichain.recovery import load_state, read_tip, require_upgrades, required_record
from aichain.store.blocks import BlockStore
from aichain.store.decisions import finality_by
from aichain.store.keys import ANCHOR, CERTIFICATE, height_in
from aichain.store.state import Tip
from aichain.upkeep.progress import Progress
from aichain.upkeep.read_only import StoredChain
from consensus.certificates import certificate_witnesses
from consensus.light import Finality, Trust, verify_ancestor_header, verify_finality
from genesis.epochs import epoch_of_height
from genesis.limits import DAMAGES_LISTED_MAX
from native.batch import verify_many
from native.errors import InvalidData, InvalidSignature
from vm.blocks import Header, assemble_block, decode_body, decode_header
from vm.receipts import receipts_root
from vm.state import State

T = TypeVar("T")

_SYNC_AGAIN = StoreCorrupt("", "").fix


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not what was written, and what to do."""

    where: str
    reason: str
    fix: str = _SYNC_AGAIN


@dataclass(slots=True)
class CheckReport:
    """What was checked, and what of it is damaged."""

    height: int = 0
    first: int = 0
    blocks: int = 0
    transactions: int = 0
    certificates: int = 0
    damages: list[Damage] = field(default_factory=list)
    """The first DAMAGES_LISTED_MAX of them."""
    damaged: int = 0

    def note(self, where: str, reason: str, fix: str = _SYNC_AGAIN) -> None:
        self.damaged += 1
        if len(self.damages) < DAMAGES_LISTED_MAX:
            self.damages.append(Damage(where, reason, fix))


def check_chain(stored: StoredChain, progress: Progress) -> CheckReport:
    """Every record of the state against its root, every block against its id and roots, every
    certificate against those who may sign it. Blocking. UpgradeMissed, StoreFailed."""
    report = CheckReport(first=stored.blocks.first)
    tip = _tried(report, "the tip", partial(read_tip, stored.paths.state, stored.database))
    if tip is None:
        return report
    report.height = tip.height
    _require_upgrades(stored, tip)
    state = _tried(report, "the state", partial(_state, stored, tip))
    _Blocks(stored, report, tip).check(state, progress)
    for where, certified in _certificates(stored):
        if _tried(report, where, certified):
            report.certificates += 1
    return report


def _require_upgrades(stored: StoredChain, tip: Tip) -> None:
    """A node would not start on it, whole or not."""
    with suppress(StoreCorrupt, InvalidData, AssertionError):  # found again, where it is noted
        head = stored.blocks.header_at(tip.height)
        if head is not None:
            require_upgrades(stored.document, stored.blocks, head)


def _tried(report: CheckReport, where: str, check: Callable[[], T]) -> T | None:
    """What a check answers; None where it found damage, which is in the report then."""
    try:
        return check()
    except StoreCorrupt as error:
        report.note(where, f"{error.reason} ({error.path})", error.fix)
    except (InvalidData, AssertionError) as error:
        report.note(where, str(error))
    return None


def _state(stored: StoredChain, tip: Tip) -> State:
    """It is the one of its tip: all records give its root, and all coins are where they count."""
    required_record(stored.paths, stored.database, tip)
    _, state = load_state(stored.paths, stored.database, stored.document, None)
    return state


class _Blocks:
    """Each block against the one before it, and against the range under the last one."""

    def __init__(self, stored: StoredChain, report: CheckReport, tip: Tip) -> None:
        self._stored = stored
        self._blocks = stored.blocks
        self._report = report
        self._tip = tip
        self._top: Header | None = None

    def check(self, state: State | None, progress: Progress) -> None:
        first, last = self._blocks.first, self._tip.height
        self._top = _tried(self._report, f"block {last}", partial(self._header, last))
        parent: Header | None = None
        for height in range(first, last + 1):
            where, before = f"block {height}", parent
            parent = _tried(self._report, where, partial(self._block, height, before))
            if parent is not None:
                self._report.blocks += 1
            progress(height - first + 1, last - first + 1)
        for key, raw in self._stored.database.iterate(ANCHOR):
            height = height_in(key, ANCHOR)
            _tried(self._report, f"header {height}", partial(self._anchor, height, raw))
        if state is not None and last >= first:
            _tried(self._report, f"receipts of block {last}", partial(self._last, state))

    def _header(self, height: int) -> Header:
        header = self._blocks.header_at(height)
        if header is None:
            raise self._damaged("it is missing")
        return header

    def _block(self, height: int, parent: Header | None) -> Header:
        """Its bytes are its header's, its header is its record's, and its record its child's."""
        record, raw = self._blocks.record_at(height), self._blocks.raw_at(height)
        if record is None or raw is None:
            raise self._damaged("no block is recorded at this height")
        header = decode_header(raw.header_raw)
        if (header.id, header.height) != (record.id, height):
            raise self._damaged("another block lies here")
        if self._blocks.height_of(header.id) != height:
            raise self._damaged("its id leads to another height")
        block = assemble_block(header, decode_body(raw.body_raw))
        self._report.transactions += len(block.transactions)
        receipts = self._blocks.receipts_at(height)
        if len(receipts) != len(block.transactions):
            raise self._damaged(f"{len(receipts)} receipts of {len(block.transactions)}")
        if parent is not None:
            self._require_follows(header, parent)
        self._require_in_range(header)
        return header

    def _require_follows(self, header: Header, parent: Header) -> None:
        if header.parent_id != parent.id:
            raise self._damaged("it does not follow the block below it")
        before = self._blocks.record_at(parent.height)
        if before is None or before.state_root != header.parent_state_root:
            raise self._damaged(f"the root recorded after block {parent.height} is another one")
        if receipts_root(self._blocks.receipts_at(parent.height)) != header.parent_receipts_root:
            raise self._damaged(f"the receipts of block {parent.height} are others")

    def _anchor(self, height: int, raw: bytes) -> Header:
        header = decode_header(raw)
        if header.height != height:
            raise self._damaged("another header lies here")
        self._require_in_range(header)
        return header

    def _require_in_range(self, header: Header) -> None:
        """Block 0 apart, it is proved to be an ancestor of the last block."""
        top = self._top
        if top is None or header.height >= top.height:
            return
        proof = self._blocks.prove_header(header.height, top.height)
        if proof is None:
            raise self._damaged("what proves it under the last block is missing")
        verify_ancestor_header(top, header, proof)

    def _last(self, state: State) -> bool:
        """No child names the receipts of the last block, but the tip does."""
        last = self._tip.height
        if receipts_root(self._blocks.receipts_at(last)) != state.receipts_root:
            raise self._damaged("they are others than the tip names")
        record = self._blocks.record_at(last)
        if record is None or record.state_root != state.root:
            raise self._damaged("the root recorded after it is another one than the state's")
        return True

    def _damaged(self, reason: str) -> StoreCorrupt:
        return StoreCorrupt(path=str(self._stored.paths.chain), reason=reason)


def _certificates(stored: StoredChain) -> Iterator[tuple[str, Callable[[], bool]]]:
    """What each one is of, and its check: each is read only when it is judged."""
    blocks = stored.blocks
    for decision in stored.decisions.from_number(1):
        checkpoint = decision.checkpoint
        claim = partial(finality_by, decision, blocks, checkpoint.block_height)
        yield f"decision {checkpoint.number}", partial(_require_final, claim)
    for key, _ in stored.database.iterate(CERTIFICATE):
        height = height_in(key, CERTIFICATE)
        epoch_blocks = stored.document.consensus.epoch_blocks
        start = epoch_of_height(height, epoch_blocks) * epoch_blocks
        if height < blocks.first and blocks.header_at(start) is None:
            check = partial(_require_signed, blocks, height)  # where a joined chain begins
        else:
            check = partial(_require_final, partial(blocks.finality_of, height))
        yield f"certificate of block {height}", check


def _require_final(claim_of: Callable[[], Finality | None]) -> bool:
    """By the voters of its own epoch; that the header is ours was checked with the blocks."""
    claim = claim_of()
    if claim is None:
        raise StoreCorrupt(path="", reason="the header that it certifies is missing")
    verify_finality(Trust(claim.headers[0], claim.validators), claim, verify_many)
    return True


def _require_signed(blocks: BlockStore, height: int) -> bool:
    """By a quorum of the set that its header names: where its epoch began is not kept."""
    certificate, header = blocks.certificate_at(height), blocks.header_at(height)
    voters = blocks.validators_at(height)
    if certificate is None or header is None or certificate.block_id != header.id:
        raise StoreCorrupt(path="", reason="it is of another block than lies there")
    if voters.hash != header.vset_hash:
        raise StoreCorrupt(path="", reason="its voters are not those that the header names")
    certificate.check_weight([each.stake for each in voters])
    if not all(verify_many(certificate_witnesses(certificate, voters))):
        raise InvalidSignature(subject=f"the certificate of block {height}")
    return True
