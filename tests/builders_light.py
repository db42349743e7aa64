"""A chain for light clients: headers with real roots, and certificates with real signatures."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from consensus.certificates import QuorumCertificate, assemble
from consensus.instance import instance_id
from consensus.light import Finality, Trust
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote, Vote, VotePhase
from genesis.checkpoints import Checkpoint
from genesis.epochs import epoch_of_height, last_height
from genesis.units import Address
from genesis.validators import Validator, ValidatorSet
from native.hashing import ZERO_HASH, Hash32, derive_hash
from tests.builders_vm import address, key, key_indices, make_document, peer_id
from vm.blocks import Header
from vm.commitment import StateTree
from vm.mmr import HeaderMmr, MmrProof, prove_ancestor
from vm.records import Account, account_key, encode_account

EPOCH_BLOCKS = 4
GENESIS_MS = 1_790_000_000_000
BLOCK_MS = 500
GENESIS_HASH = make_document().hash
RICH = address(5)
RECORDS = {account_key(RICH): encode_account(Account(3, 10**20)), b"z1": b"one", b"z2": b"two"}


def make_set(*members: int, stake: int = 100) -> ValidatorSet:
    """The set of these test keys, all with one stake."""
    return ValidatorSet(
        tuple(
            Validator(address(member), key(member).public_key, stake, peer_id(member))
            for member in members
        )
    )


FOUR = make_set(0, 1, 2, 3)


@dataclass
class LightChain:
    """`sets[e]` votes in epoch e; the last one goes on for ever."""

    sets: Sequence[ValidatorSet] = (FOUR,)
    records: dict[bytes, bytes] = field(default_factory=lambda: dict(RECORDS))
    salt: int = 0
    has_lanes: bool = False
    """Certificates are of checkpoints, one a block."""
    headers: list[Header] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tree = StateTree.build(self.records.items())
        self.mmr = HeaderMmr()
        self.extend(0)

    @classmethod
    def of(
        cls, height: int, *sets: ValidatorSet, salt: int = 0, has_lanes: bool = False
    ) -> "LightChain":
        chain = cls(sets or (FOUR,), salt=salt, has_lanes=has_lanes)
        chain.extend(height)
        return chain

    def set_of(self, epoch: int) -> ValidatorSet:
        return self.sets[min(epoch, len(self.sets) - 1)]

    def extend(self, height: int) -> None:
        """Blocks up to a height."""
        while len(self.headers) <= height:
            header = self._next()
            self.headers.append(header)
            self.mmr = self.mmr.append(header.id)

    def _next(self) -> Header:
        height = len(self.headers)
        parent = self.headers[-1] if height else None
        epoch = epoch_of_height(height, EPOCH_BLOCKS) if height else 0
        return Header(
            version=1,
            genesis_hash=GENESIS_HASH,
            epoch=epoch,
            view=height,
            height=height,
            parent_id=parent.id if parent else ZERO_HASH,
            parent_view=0,
            proposer_index=0,
            timestamp_ms=GENESIS_MS + BLOCK_MS * height,
            tx_root=derive_hash("aichain/test/tx/v1", bytes([self.salt])),
            witness_root=ZERO_HASH,
            parent_state_root=self.tree.root,
            parent_receipts_root=ZERO_HASH,
            parent_outbox_root=ZERO_HASH,
            header_mmr_root=self.mmr.root,
            vset_hash=self.set_of(epoch).hash,
            next_vset_hash=self.set_of(epoch + 1).hash,
            onion_reveal=ZERO_HASH,
            beacon_mix=ZERO_HASH,
            last_hard_height=0,
            last_hard_id=ZERO_HASH,
        )

    def trust(self, height: int, *, known: bool = True) -> Trust:
        header = self.headers[height]
        return Trust(header, self.set_of(header.epoch) if known else None)

    def start_id(self, epoch: int) -> Hash32:
        return self.headers[epoch * EPOCH_BLOCKS].id

    def finality(
        self,
        height: int,
        *,
        down_to: int | None = None,
        voters: Sequence[int] = (0, 1, 2),
        phase: VotePhase = VotePhase.COMMIT,
    ) -> Finality:
        """An honest server's claim; `voters` are places in the set."""
        header = self.headers[height]
        validators = self.set_of(header.epoch)
        checkpoint = self.checkpoint(height) if self.has_lanes else None
        start_id = self.start_id(header.epoch) if checkpoint is None else checkpoint.parent_id
        certificate = sign(
            header, validators, start_id, voters=voters, phase=phase, checkpoint=checkpoint
        )
        lowest = height if down_to is None else down_to
        path = tuple(self.headers[at] for at in range(height, lowest - 1, -1))
        return Finality(certificate, start_id, path, validators, checkpoint)

    def checkpoint(self, height: int) -> Checkpoint:
        """That which ends at a block."""
        header = self.headers[height]
        following = self.set_of(epoch_of_height(height + 1, EPOCH_BLOCKS))
        return Checkpoint(
            number=height + 7,
            parent_id=derive_hash("aichain/test/checkpoint/v1", bytes([height])),
            block_id=header.id,
            block_height=height,
            is_restart=False,
            next_vset_hash=following.hash,
            epoch=header.epoch,
            view=1,
            proposer_index=0,
            timestamp_ms=header.timestamp_ms,
        )

    def anchor(self, epoch: int, *, voters: Sequence[int] = (0, 1, 2)) -> Finality:
        return self.finality(last_height(epoch, EPOCH_BLOCKS), voters=voters)

    def prove(self, height: int, at: int) -> MmrProof:
        return prove_ancestor([each.id for each in self.headers[:at]], height)


def sign(
    header: Header,
    validators: ValidatorSet,
    start_id: Hash32,
    *,
    voters: Sequence[int],
    phase: VotePhase = VotePhase.COMMIT,
    checkpoint: Checkpoint | None = None,
    lane: Lane = Lane.HARD,
) -> QuorumCertificate:
    """The certificate that these members make of a header, or of the checkpoint that ends there."""
    block_id, height, term = header.id, header.height, 0
    if checkpoint is not None:
        block_id, height, term = checkpoint.id, checkpoint.number, checkpoint.number
    genesis, epoch = header.genesis_hash, header.epoch
    name = instance_id(genesis, epoch, validators.hash, start_id, lane=lane, term=term)
    vote = Vote(name, phase, header.view, height, block_id)
    votes = [
        SignedVote(vote, header.epoch, voter, signature(validators[voter].address, vote))
        for voter in voters
    ]
    return assemble(votes, len(validators))


def signature(owner: Address, vote: Vote) -> bytes:
    return key(key_indices()[owner]).sign(vote.signing_bytes, VOTE_CONTEXT)


def with_signature(claim: Finality, forged: bytes) -> Finality:
    """The claim with another first signature."""
    certificate = claim.certificate
    signatures = (forged, *certificate.signatures[1:])
    return replace(claim, certificate=replace(certificate, signatures=signatures))
