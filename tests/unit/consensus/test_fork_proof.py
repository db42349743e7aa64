"""Two disclosures make a proof that anybody can check, and that no one can bend."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from consensus.certificates import QuorumCertificate
from consensus.errors import ForkUnproven, NoFork
from consensus.fork_files import (
    decode_disclosure,
    decode_fork_proof,
    encode_disclosure,
    encode_fork_proof,
)
from consensus.fork_proof import Disclosure, Epoch, ForkProof, prove_fork, verify_fork_proof
from consensus.votes import VotePhase, cancel_vote
from genesis.validators import ValidatorSet
from native.errors import DecodeError
from native.signatures import SignatureItem, verify
from tests.builders_light import FOUR, GENESIS_HASH, LightChain, make_set, sign
from vm.blocks import Header


def check(items: Sequence[SignatureItem]) -> list[bool]:
    return [verify(item.public_key, item.message, item.context, item.signature) for item in items]


def grown(salt: int, height: int = 4) -> LightChain:
    """Chains of different salts have blocks 0 to 2 in common."""
    chain = LightChain.of(2)
    chain.salt = salt
    chain.extend(height)
    return chain


ONE, OTHER = grown(1), grown(2)
EPOCH = Epoch(GENESIS_HASH, 0, ONE.headers[0].id, FOUR)


def certify(header: Header, phase: VotePhase, *voters: int) -> QuorumCertificate:
    return sign(header, FOUR, EPOCH.start_id, voters=voters, phase=phase)


def disclosure(chain: LightChain, *voters: int) -> Disclosure:
    """A side in which these voters took part."""
    held = [
        certify(chain.headers[height], phase, *voters)
        for height in (3, 4)
        for phase in (VotePhase.PREFER, VotePhase.COMMIT)
    ]
    return Disclosure(EPOCH, tuple(chain.headers[1:]), tuple(held))


LEFT, RIGHT = disclosure(ONE, 0, 1, 2), disclosure(OTHER, 1, 2, 3)
PROOF = prove_fork([LEFT, RIGHT], check)


def test_two_sides_name_the_fork_and_who_made_it() -> None:
    verify_fork_proof(PROOF, check)
    assert PROOF.height == 3
    assert PROOF.offenders == {1: 100, 2: 100}
    assert PROOF.convicted_percent == 50
    assert PROOF.lacking == ()
    assert [side.headers[-1].id for side in PROOF.sides] == [ONE.headers[3].id, OTHER.headers[3].id]


def test_files_come_back_as_they_were() -> None:
    assert decode_disclosure(encode_disclosure(LEFT)) == LEFT
    assert decode_fork_proof(encode_fork_proof(PROOF)) == PROOF
    with pytest.raises(DecodeError):
        decode_fork_proof(encode_disclosure(LEFT))
    bare = replace(PROOF, sides=(PROOF.sides[0], replace(PROOF.sides[1], headers=())))
    with pytest.raises(DecodeError):
        decode_fork_proof(encode_fork_proof(bare))
    empty = replace(LEFT, epoch=replace(LEFT.epoch, validators=ValidatorSet(())))
    with pytest.raises(DecodeError):  # of no stake nothing is 69 %, and no signature too few
        decode_disclosure(encode_disclosure(empty))


def test_one_chain_is_no_fork() -> None:
    with pytest.raises(NoFork):
        prove_fork([LEFT, disclosure(ONE, 0, 2, 3)], check)
    with pytest.raises(NoFork):
        prove_fork([LEFT, replace(RIGHT, epoch=replace(EPOCH, number=1))], check)


def test_a_side_that_nobody_made_final_is_no_fork() -> None:
    notars = tuple(each for each in RIGHT.certificates if each.phase is VotePhase.PREFER)
    with pytest.raises(NoFork):
        prove_fork([LEFT, replace(RIGHT, certificates=notars)], check)


def test_a_third_source_adds_what_it_holds() -> None:
    """The third was on the right side, and holds other voters of the same view."""
    more = prove_fork([LEFT, RIGHT, disclosure(OTHER, 0, 1, 3)], check)
    verify_fork_proof(more, check)
    assert sorted(more.offenders) == [0, 1, 2]


def test_forged_certificates_of_a_source_convict_nobody() -> None:
    """Somebody sends a file in which the honest 0 voted on the right side, too."""
    false = certify(OTHER.headers[3], VotePhase.COMMIT, 0, 1, 3)
    borrowed = certify(OTHER.headers[4], VotePhase.COMMIT, 0, 1, 3)
    false = replace(false, signatures=borrowed.signatures)
    liar = replace(RIGHT, certificates=(*RIGHT.certificates, false))
    assert sorted(prove_fork([LEFT, liar], check).offenders) == [1, 2]


def test_a_source_of_inventions_hides_no_fork() -> None:
    """Blocks that nobody made final, below the true fork, and FINALs that nobody signed."""
    invented = grown(3).headers
    false = certify_falsely(invented[2])
    strange = replace(invented[1], timestamp_ms=invented[1].timestamp_ms + 1)
    liar = Disclosure(EPOCH, (strange, *invented[2:]), (false, *LEFT.certificates))
    near = replace(LEFT, certificates=(certify_falsely(ONE.headers[3]), *LEFT.certificates))
    for sources in ([liar, LEFT, RIGHT], [LEFT, liar, RIGHT], [near, RIGHT]):
        proof = prove_fork(sources, check)
        verify_fork_proof(proof, check)
        assert proof.height == 3


def certify_falsely(header: Header) -> QuorumCertificate:
    return replace(certify(header, VotePhase.COMMIT, 0, 1, 2), signatures=(bytes(3309),) * 3)


def test_a_false_null_is_still_lacking() -> None:
    right = replace(RIGHT, certificates=(certify(OTHER.headers[4], VotePhase.COMMIT, 1, 2, 3),))
    null = replace(certify_falsely(ONE.headers[3]), phase=VotePhase.CANCEL)
    vote = cancel_vote(EPOCH.instance_id, 3)
    null = replace(null, height=vote.height, block_id=vote.block_id)
    assert null.vote == vote
    left = replace(LEFT, certificates=(certify(ONE.headers[3], VotePhase.COMMIT, 0, 1, 2), null))
    assert prove_fork([left, right], check).lacking == (vote,)


def test_what_nobody_brought_is_named() -> None:
    """Two FINALs of two views: the NULL of the lower view must have existed, and is not here."""
    late = OTHER.headers[4]
    right = replace(RIGHT, certificates=(certify(late, VotePhase.COMMIT, 1, 2, 3),))
    left = replace(LEFT, certificates=(certify(ONE.headers[3], VotePhase.COMMIT, 0, 1, 2),))
    proof = prove_fork([left, right], check)
    assert proof.convicted_percent == 0
    assert proof.lacking == (cancel_vote(EPOCH.instance_id, 3),)


def bent(**changes: object) -> ForkProof:
    return replace(PROOF, **changes)  # type: ignore[arg-type]  # each test names its fields


def sides_bent(**changes: object) -> ForkProof:
    one, other = PROOF.sides
    return bent(sides=(replace(one, **changes), other))  # type: ignore[arg-type]


FALSE_PROOFS = {
    "one side twice": bent(sides=(PROOF.sides[0], PROOF.sides[0])),
    "a NOTAR for a FINAL": sides_bent(certificate=LEFT.certificates[0]),
    "too few signers": sides_bent(certificate=certify(ONE.headers[3], VotePhase.COMMIT, 0, 1)),
    "another block's certificate": sides_bent(certificate=LEFT.certificates[3]),
    "headers that do not follow": sides_bent(headers=(ONE.headers[3], ONE.headers[1])),
    "another set": bent(epoch=replace(EPOCH, validators=make_set(0, 1, 2, 4))),
    "another start": bent(epoch=replace(EPOCH, start_id=ONE.headers[1].id)),
    "one named twice": bent(evidence=PROOF.evidence * 2),
    "another accused": bent(
        evidence=(
            replace(
                PROOF.evidence[0],
                first=replace(PROOF.evidence[0].first, voter_index=0),
                second=replace(PROOF.evidence[0].second, voter_index=0),
            ),
        )
    ),
    "nobody accused": bent(
        evidence=(
            replace(
                PROOF.evidence[0],
                first=replace(PROOF.evidence[0].first, voter_index=9),
                second=replace(PROOF.evidence[0].second, voter_index=9),
            ),
        )
    ),
}


@pytest.mark.parametrize("lie", FALSE_PROOFS)
def test_a_bent_proof_is_refused(lie: str) -> None:
    with pytest.raises(ForkUnproven):
        verify_fork_proof(FALSE_PROOFS[lie], check)
