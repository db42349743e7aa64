"""What a light client downloads and computes: an account from one certificate, an older header."""

import argparse
import random
from functools import partial

from harness import Row, arguments, measure, report

from consensus.certificates import assemble
from consensus.instance import instance_id
from consensus.light import (
    Finality,
    Trust,
    verify_ancestor_header,
    verify_finality,
    verify_record,
)
from consensus.quorum import quorum_weight
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from genesis.checkpoints import Checkpoint
from genesis.networks import founder_key, local_document
from genesis.units import Address
from native.batch import verify_many
from native.codec import encode
from native.hashing import ZERO_HASH, Hash32
from vm.blocks import Header
from vm.commitment import StateTree
from vm.mmr import HeaderMmr, prove_stored
from vm.records import Account, account_key, encode_account

NETWORK = "testnet"
LIMIT_BYTES, WIDE_LIMIT_BYTES, LIMIT_MS = 60_000, 240_000, 100


def main() -> None:
    """One certified header over many accounts and many blocks, and the proofs under it."""
    options = arguments("Light client", _add)
    generator = random.Random(1)
    value = encode_account(Account(7, 10**20))
    accounts = {
        account_key(Address(generator.randbytes(20))): value for _ in range(options.accounts)
    }
    tree = StateTree.build(accounts.items())
    mmr, nodes = HeaderMmr(), dict[tuple[int, int], Hash32]()
    old = _header(ZERO_HASH, ZERO_HASH, ZERO_HASH, 3)
    for height in range(options.blocks):
        block_id = old.id if height == old.height else Hash32(generator.randbytes(32))
        for level, node in enumerate(mmr.completed(block_id)):
            nodes[level, height >> level] = node
        mmr = mmr.append(block_id)
    claim, trust = _certified(options.validators, tree.root, mmr.root, options.blocks)
    header = claim.headers[0]
    key = next(iter(accounts))
    record = tree.prove(key)
    ancestor = prove_stored(lambda *at: nodes.get(at), options.blocks, old.height)
    assert ancestor is not None

    certificate_bytes = len(encode(claim.certificate.encode())) + len(header.raw)
    if claim.checkpoint is not None:
        certificate_bytes += len(encode(claim.checkpoint.encode()))
    record_bytes = len(value) + len(record.encode())
    ancestor_bytes = len(old.raw) + len(ancestor.encode())

    def account() -> None:
        verify_finality(trust, claim, verify_many)
        verify_record(header, key, value, record)

    repeats = options.repeats
    rows: list[Row] = [
        measure(account, repeats=repeats).row("account, from one certificate")
        | {"bytes": certificate_bytes + record_bytes},
        measure(partial(verify_record, header, key, value, record), repeats=repeats).row(
            "the record alone"
        )
        | {"bytes": record_bytes},
        measure(partial(verify_ancestor_header, header, old, ancestor), repeats=repeats).row(
            "an older header alone"
        )
        | {"bytes": ancestor_bytes},
    ]
    report(
        "light",
        rows,
        as_json=options.json,
        validators=options.validators,
        signatures=len(claim.certificate.signatures),
        accounts=options.accounts,
        blocks=options.blocks,
        account_bytes=certificate_bytes + record_bytes,
        limit_bytes=LIMIT_BYTES if claim.checkpoint is None else WIDE_LIMIT_BYTES,
        limit_ms=LIMIT_MS,
    )


def _certified(validators: int, state: Hash32, mmr: Hash32, height: int) -> tuple[Finality, Trust]:
    """A header that a bare quorum of so many equal validators signed.

    With more than can all vote on every block, they signed the checkpoint that ends there.
    """
    document = local_document(NETWORK, validators, onion_length=1)
    voters = document.validator_set
    header = _header(voters.hash, state, mmr, height)
    checkpoint = _checkpoint(header) if document.has_lanes else None
    number = 0 if checkpoint is None else checkpoint.number
    name = instance_id(header.genesis_hash, 0, voters.hash, ZERO_HASH, term=number)
    vote = Vote(name, VotePhase.COMMIT, header.view, header.height, header.id)
    if checkpoint is not None:
        vote = Vote(name, VotePhase.COMMIT, checkpoint.view, checkpoint.number, checkpoint.id)
    votes = [
        SignedVote(
            vote, 0, index, founder_key(NETWORK, index).sign(vote.signing_bytes, VOTE_CONTEXT)
        )
        for index in range(quorum_weight(validators))
    ]
    claim = Finality(assemble(votes, validators), ZERO_HASH, (header,), voters, checkpoint)
    return claim, Trust(_header(voters.hash, state, mmr, 1), voters)


def _checkpoint(header: Header) -> Checkpoint:
    return Checkpoint(
        number=2**40,
        parent_id=ZERO_HASH,
        block_id=header.id,
        block_height=header.height,
        is_restart=False,
        next_vset_hash=header.vset_hash,
        epoch=0,
        view=1,
        proposer_index=3,
        timestamp_ms=header.timestamp_ms,
    )


def _header(voters: Hash32, state: Hash32, mmr: Hash32, height: int) -> Header:
    hashes = dict.fromkeys(
        (
            *("genesis_hash", "parent_id", "tx_root", "witness_root", "parent_receipts_root"),
            *("parent_outbox_root", "onion_reveal", "beacon_mix", "last_hard_id"),
        ),
        Hash32(b"\x11" * 32),
    )
    return Header(
        version=1,
        epoch=0,
        view=2**40 + height,
        height=height,
        parent_view=2**40,
        proposer_index=3,
        timestamp_ms=2**40,
        parent_state_root=state,
        header_mmr_root=mmr,
        vset_hash=voters,
        next_vset_hash=voters,
        last_hard_height=0,
        **hashes,
    )


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=20)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--blocks", type=int, default=100_000)


if __name__ == "__main__":
    main()
