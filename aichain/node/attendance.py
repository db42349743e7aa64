"""Who proposed and who signed the last final blocks, as their headers and certificates say."""

import itertools
from collections import Counter, OrderedDict
from dataclasses import dataclass

from aichain.rpc.backend import Attendance, Uptime
from aichain.store.blocks import BlockStore
from aichain.store.decisions import Decisions
from consensus.certificates import QuorumCertificate
from consensus.committee import draw_committee
from consensus.electorate import Electorate
from consensus.lanes.messages import Decision
from genesis.beacon import epoch_seed
from genesis.document import GenesisDocument
from genesis.epochs import epoch_of_height, last_height
from genesis.limits import ATTENDANCE_EPOCHS_MAX, CERTIFICATE_WINDOW_BLOCKS
from genesis.units import Address
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class _Row:
    """One final block: whose it is, whose turns passed before it, who is in its certificate."""

    members: tuple[Address, ...]
    proposer: Address
    passed: tuple[Address, ...]
    signers: tuple[Address, ...] | None
    """None for a block that became final through a descendant."""


class AttendanceBook:
    """Reads each block once and remembers the rows of a window. One thread at a time."""

    def __init__(
        self, blocks: BlockStore, document: GenesisDocument, decisions: Decisions | None = None
    ) -> None:
        self._blocks = blocks
        self._decisions = decisions
        self._document = document
        self._rows: OrderedDict[int, _Row] = OrderedDict()
        self._electorates: OrderedDict[int, Electorate] = OrderedDict()
        self._committees: OrderedDict[int, Electorate] = OrderedDict()

    def electorate(self, height: int) -> Electorate | None:
        """Who decides a height of a decided epoch, in which turns; None if nothing here says so."""
        epoch = epoch_of_height(height, self._document.consensus.epoch_blocks)
        known = self._electorates.get(epoch)
        if known is None:
            seed = self._seed(epoch)
            if seed is None:
                return None
            known = Electorate.of(self._blocks.validators_at(height), epoch, seed)
            self._electorates[epoch] = known
            while len(self._electorates) > ATTENDANCE_EPOCHS_MAX:
                self._electorates.popitem(last=False)
        return known

    def over(self, blocks: int, head: int) -> Uptime:
        """The last `blocks` final blocks up to `head`, as far as they are kept."""
        return self._between(max(1, self._blocks.first, head - blocks + 1), head)

    def parts(self, blocks: int, parts: int, head: int) -> tuple[Uptime, ...]:
        """The same window in so many parts of about one length, the oldest first."""
        first = max(1, self._blocks.first, head - blocks + 1)
        edges = [first + (head + 1 - first) * part // parts for part in range(parts + 1)]
        pairs = itertools.pairwise(edges)
        return tuple(self._between(start, end - 1) for start, end in pairs if start < end)

    def _between(self, first: int, last: int) -> Uptime:
        found = (self._row(height) for height in range(first, last + 1))
        rows = [row for row in found if row is not None]
        while len(self._rows) > CERTIFICATE_WINDOW_BLOCKS:
            self._rows.popitem(last=False)
        certified = [row for row in rows if row.signers is not None]
        proposed = Counter(row.proposer for row in rows)
        missed = Counter(address for row in rows for address in row.passed)
        signed = Counter(address for row in certified for address in row.signers or ())
        possible = Counter(address for row in certified for address in row.members)
        members = dict.fromkeys(address for row in rows for address in row.members)
        return Uptime(
            first_height=first,
            last_height=last,
            certificates=len(certified),
            validators=tuple(
                Attendance(
                    address=address,
                    proposed=proposed[address],
                    missed=missed[address],
                    signed=signed[address],
                    certificates=possible[address],
                )
                for address in members
            ),
        )

    def _row(self, height: int) -> _Row | None:
        row = self._rows.get(height) or self._read(height)
        if row is not None:
            self._rows[height] = row
        return row

    def _read(self, height: int) -> _Row | None:
        """None for a block that was pruned since the window was chosen."""
        header, electorate = self._blocks.header_at(height), self.electorate(height)
        if header is None or electorate is None:
            return None
        members = electorate.members
        decision = None if self._decisions is None else self._decisions.covering(height)
        certificate = self._certificate_at(height, decision)
        turns = electorate if decision is None else self._committee(decision, electorate)
        views = range(header.parent_view + 1, header.view)
        return _Row(
            members=members,
            proposer=members[header.proposer_index],
            passed=tuple(turns.members[turns.proposer(view)] for view in views) if turns else (),
            signers=None
            if certificate is None
            else tuple(members[index] for index in certificate.voter_indices),
        )

    def _certificate_at(self, height: int, decision: Decision | None) -> QuorumCertificate | None:
        """The votes that ended at this block: with two lanes, those for a checkpoint."""
        if decision is None:
            return self._blocks.certificate_at(height)
        ends_here = decision.checkpoint.block_height == height
        return decision.certificate if ends_here else None

    def _committee(self, decision: Decision, electorate: Electorate) -> Electorate | None:
        """Whose turns the blocks were that this decision made hard.

        None where the node skipped decisions: any of the terms between may have been theirs.
        """
        number, seed = decision.checkpoint.number, self._seed(electorate.epoch)
        assert self._decisions is not None, "this decision is from there"
        before = self._decisions.next_from(number - 1) if number > 1 else None
        is_next = number == 1 or (before is not None and before.checkpoint.number == number - 1)
        if seed is None or not is_next:
            return None
        if number not in self._committees:
            self._committees[number] = draw_committee(electorate, seed, number)
            while len(self._committees) > ATTENDANCE_EPOCHS_MAX:
                self._committees.popitem(last=False)
        return self._committees[number]

    def _seed(self, epoch: int) -> Hash32 | None:
        """As the last block of the second epoch before decided it (`vm.edges`)."""
        if epoch < 2:
            return epoch_seed(self._document.seed, epoch)
        header = self._blocks.header_at(
            last_height(epoch - 2, self._document.consensus.epoch_blocks)
        )
        return None if header is None else header.beacon_mix
