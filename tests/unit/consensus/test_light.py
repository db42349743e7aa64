"""A light client believes what follows from its trusted header, and names every lie."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from consensus.errors import (
    AncestorUnproven,
    ForeignInstance,
    ForeignValidators,
    NotFinal,
    OlderThanTrusted,
    OtherChain,
    PathBroken,
    QuorumNotReached,
    RecordUnproven,
    TrustContradicted,
    TrustTooOld,
    ValidatorsUnknown,
    VotersMalformed,
)
from consensus.light import (
    TRUST_MAX_MS,
    Finality,
    Trust,
    climb,
    genesis_trust,
    require_recent,
    verify_ancestor_header,
    verify_finality,
    verify_record,
)
from consensus.votes import VotePhase
from native.errors import AIChainError, InvalidSignature
from native.hashing import ZERO_HASH, derive_hash
from native.signatures import SIGNATURE_BYTES, Algorithm, SignatureItem, verify
from tests.builders_light import (
    EPOCH_BLOCKS,
    FOUR,
    RECORDS,
    LightChain,
    make_set,
    sign,
    with_signature,
)
from tests.builders_vm import make_document
from vm.genesis_block import genesis_state

CHAIN = LightChain.of(30)
OTHERS = make_set(10, 11, 12, 13)


def check(items: Sequence[SignatureItem]) -> list[bool]:
    return [verify(item.public_key, item.message, item.context, item.signature) for item in items]


def follow(
    trust: Trust, claim: Finality, serve: Callable[[int], Finality]
) -> tuple[Trust, int, list[int]]:
    """Climb; the trust, the certificates it took, and the epochs whose anchors were asked for."""
    asked: list[int] = []
    steps = climb(trust, claim, check)
    try:
        asked.append(next(steps))
        while True:
            asked.append(steps.send(serve(asked[-1])))
    except StopIteration as ended:
        reached, verified = ended.value
        return reached, verified, asked


def test_one_certificate_leads_to_any_header_under_it() -> None:
    reached = verify_finality(CHAIN.trust(2), CHAIN.finality(4, down_to=3), check)
    assert reached.header == CHAIN.headers[4]
    assert reached.validators == FOUR


def test_the_trusted_block_itself_may_be_the_head() -> None:
    assert verify_finality(CHAIN.trust(3), CHAIN.finality(3), check).header == CHAIN.headers[3]


def test_an_unchanged_set_is_believed_over_any_number_of_epochs() -> None:
    claim = CHAIN.finality(30)
    assert follow(CHAIN.trust(1), claim, CHAIN.anchor) == (Trust(CHAIN.headers[30], FOUR), 1, [])
    assert follow(CHAIN.trust(1, known=False), claim, CHAIN.anchor)[1:] == (1, [])


def test_the_next_set_is_believed_because_the_trusted_header_names_it() -> None:
    chain = LightChain.of(30, FOUR, FOUR, OTHERS)
    claim = chain.finality(4 * EPOCH_BLOCKS)
    assert verify_finality(chain.trust(5, known=False), claim, check).validators == OTHERS


def test_signers_with_38_percent_of_the_trusted_stake_are_enough() -> None:
    """Of epoch 3's signers two of four were trusted: one of them is honest."""
    later = make_set(0, 1, 10, 11)
    chain = LightChain.of(20, FOUR, FOUR, make_set(0, 1, 2, 10), later)
    trust = chain.trust(2)
    claim = chain.finality(20, voters=(0, 1, 2))
    assert follow(trust, claim, chain.anchor)[1:] == (1, [])
    with pytest.raises(ValidatorsUnknown) as raised:
        verify_finality(trust, chain.finality(20, voters=(0, 2, 3)), check)
    assert (raised.value.weight, raised.value.total) == (100, 400)


def test_anchors_are_asked_for_where_the_sets_have_nothing_in_common() -> None:
    chain = LightChain.of(44, *(make_set(*range(5 * e, 5 * e + 4)) for e in range(11)))
    reached, verified, asked = follow(chain.trust(1), chain.finality(44), chain.anchor)
    assert reached.header == chain.headers[44]
    assert verified == 10, "every set is another one, so every epoch is needed"
    assert len(asked) == 9


def test_few_anchors_are_enough_where_sets_move_slowly() -> None:
    chain = LightChain.of(160, *(make_set(*range(e, e + 8)) for e in range(40)))
    claim = chain.finality(160, voters=range(6))
    serve = partial(chain.anchor, voters=range(6))
    reached, _, asked = follow(chain.trust(1), claim, serve)
    assert reached.header == chain.headers[160]
    assert len(asked) < 20


def test_another_epoch_than_asked_for_is_refused() -> None:
    chain = LightChain.of(44, *(make_set(*range(5 * e, 5 * e + 4)) for e in range(11)))
    with pytest.raises(NotFinal):
        follow(chain.trust(1), chain.finality(44), lambda epoch: chain.anchor(epoch + 1))


def test_a_server_that_names_a_far_epoch_is_asked_a_bounded_number_of_times() -> None:
    asked: list[int] = []

    def claim_of(epoch: int) -> Finality:
        asked.append(epoch)
        header = replace(CHAIN.headers[30], epoch=epoch, vset_hash=OTHERS.hash)
        certificate = sign(header, OTHERS, ZERO_HASH, voters=(0, 1, 2))
        return Finality(certificate, ZERO_HASH, (header,), OTHERS)

    with pytest.raises(ForeignValidators):
        follow(CHAIN.trust(1), claim_of(2**62), claim_of)
    assert len(asked) < 64


def forged_signature() -> Finality:
    return with_signature(CHAIN.finality(4), bytes(SIGNATURE_BYTES[Algorithm.ML_DSA_65]))


def signature_of_another_block() -> Finality:
    return with_signature(CHAIN.finality(4), CHAIN.finality(3).certificate.signatures[0])


def too_few_voters() -> Finality:
    return CHAIN.finality(4, voters=(1, 3))


def a_voter_twice() -> Finality:
    claim = CHAIN.finality(4)
    signatures = (*claim.certificate.signatures, claim.certificate.signatures[0])
    return replace(claim, certificate=replace(claim.certificate, signatures=signatures))


def a_set_of_its_own() -> Finality:
    header = replace(CHAIN.headers[4], vset_hash=OTHERS.hash)
    certificate = sign(header, OTHERS, CHAIN.start_id(0), voters=(0, 1, 2))
    return Finality(certificate, CHAIN.start_id(0), (header,), OTHERS)


def a_next_set_of_its_own() -> Finality:
    header = replace(CHAIN.headers[6], vset_hash=OTHERS.hash)
    certificate = sign(header, OTHERS, CHAIN.start_id(1), voters=(0, 1, 2))
    return Finality(certificate, CHAIN.start_id(1), (header,), OTHERS)


def weights_of_its_own() -> Finality:
    return replace(CHAIN.finality(4), validators=make_set(0, 1, 2, 3, stake=200))


def another_start() -> Finality:
    return replace(CHAIN.finality(6), start_id=CHAIN.headers[3].id)


def prefer_votes() -> Finality:
    return CHAIN.finality(4, phase=VotePhase.PREFER)


def another_blocks_certificate() -> Finality:
    return replace(CHAIN.finality(3), headers=(CHAIN.headers[4],))


def a_gap_in_the_path() -> Finality:
    claim = CHAIN.finality(6, down_to=3)
    return replace(claim, headers=(*claim.headers[:1], *claim.headers[2:]))


def a_foreign_header_in_the_path() -> Finality:
    claim = CHAIN.finality(6, down_to=5)
    return replace(claim, headers=(claim.headers[0], replace(claim.headers[1], view=99)))


def another_chain() -> Finality:
    header = replace(CHAIN.headers[4], genesis_hash=derive_hash("aichain/test/other/v1", b""))
    certificate = sign(header, FOUR, CHAIN.start_id(0), voters=(0, 1, 2))
    return Finality(certificate, CHAIN.start_id(0), (header,), FOUR)


def an_older_head() -> Finality:
    return CHAIN.finality(1)


def another_block_where_the_trusted_one_stands() -> Finality:
    return LightChain.of(4, salt=1).finality(3, down_to=2)


@pytest.mark.parametrize(
    ("lie", "refusal"),
    [
        (forged_signature, InvalidSignature),
        (signature_of_another_block, InvalidSignature),
        (too_few_voters, QuorumNotReached),
        (a_voter_twice, VotersMalformed),
        (a_set_of_its_own, ForeignValidators),
        (a_next_set_of_its_own, ForeignValidators),
        (weights_of_its_own, ForeignValidators),
        (another_start, ForeignInstance),
        (prefer_votes, NotFinal),
        (another_blocks_certificate, NotFinal),
        (a_gap_in_the_path, PathBroken),
        (a_foreign_header_in_the_path, PathBroken),
        (another_chain, OtherChain),
        (an_older_head, OlderThanTrusted),
        (another_block_where_the_trusted_one_stands, TrustContradicted),
    ],
)
def test_every_lie_has_a_name(lie: Callable[[], Finality], refusal: type[AIChainError]) -> None:
    with pytest.raises(refusal):
        follow(CHAIN.trust(2), lie(), CHAIN.anchor)


@pytest.mark.parametrize("height", [0, 3, 11, 29])
def test_older_headers_are_proved_under_the_certified_one(height: int) -> None:
    certified, header = CHAIN.headers[30], CHAIN.headers[height]
    verify_ancestor_header(certified, header, CHAIN.prove(height, 30))
    for wrong in (CHAIN.prove((height + 1) % 30, 30), LightChain.of(30, salt=1).prove(height, 30)):
        with pytest.raises(AncestorUnproven):
            verify_ancestor_header(certified, header, wrong)
    if height < 29:
        with pytest.raises(AncestorUnproven):
            verify_ancestor_header(certified, header, CHAIN.prove(height, 29))
    with pytest.raises(AncestorUnproven):
        verify_ancestor_header(certified, replace(header, view=7), CHAIN.prove(height, 30))


def test_a_header_is_its_own_ancestor() -> None:
    verify_ancestor_header(CHAIN.headers[9], CHAIN.headers[9], CHAIN.prove(3, 9))


def test_records_and_their_absence_are_proved_by_the_child_of_the_state() -> None:
    child = CHAIN.headers[8]
    for name, value in RECORDS.items():
        verify_record(child, name, value, CHAIN.tree.prove(name))
        with pytest.raises(RecordUnproven):
            verify_record(child, name, value + b"0", CHAIN.tree.prove(name))
        with pytest.raises(RecordUnproven):
            verify_record(child, name, None, CHAIN.tree.prove(name))
    verify_record(child, b"nothing", None, CHAIN.tree.prove(b"nothing"))
    with pytest.raises(RecordUnproven):
        verify_record(child, b"nothing", b"0", CHAIN.tree.prove(b"nothing"))


def test_a_trusted_block_of_a_fortnight_ago_is_too_old() -> None:
    header = CHAIN.headers[5]
    require_recent(header, header.timestamp_ms + TRUST_MAX_MS)
    with pytest.raises(TrustTooOld):
        require_recent(header, header.timestamp_ms + TRUST_MAX_MS + 1)


def test_block_0_follows_from_the_document() -> None:
    document = make_document()
    assert genesis_trust(document).header == genesis_state(document).head
    assert genesis_trust(document).validators == document.validator_set
