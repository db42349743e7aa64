"""On a chain of two lanes a light client believes checkpoints, and no committee."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import pytest

from consensus.errors import ForeignInstance, NotFinal, QuorumNotReached
from consensus.light import Finality, Trust, climb, verify_finality
from consensus.votes import Lane, VotePhase
from native.errors import AIChainError
from native.hashing import ZERO_HASH
from native.signatures import SignatureItem, verify
from tests.builders_light import EPOCH_BLOCKS, FOUR, LightChain, make_set, sign

CHAIN = LightChain.of(30, has_lanes=True)
MOVING = [make_set(*range(5 * epoch, 5 * epoch + 4)) for epoch in range(8)]


def check(items: Sequence[SignatureItem]) -> list[bool]:
    return [verify(item.public_key, item.message, item.context, item.signature) for item in items]


def test_the_certificate_of_a_checkpoint_leads_to_its_block_and_to_those_under_it() -> None:
    claim = CHAIN.finality(4, down_to=2)
    assert claim.height == 4
    reached = verify_finality(CHAIN.trust(2), claim, check)
    assert (reached.header, reached.validators) == (CHAIN.headers[4], FOUR)


def test_the_anchors_in_between_are_checkpoints_too() -> None:
    chain = LightChain.of(7 * EPOCH_BLOCKS, *MOVING, has_lanes=True)
    steps = climb(chain.trust(1), chain.finality(7 * EPOCH_BLOCKS), check)
    asked = [next(steps)]
    trust, verified = serve_anchors(steps, chain, asked)
    assert trust.header == chain.headers[7 * EPOCH_BLOCKS]
    assert verified == len(asked) + 1 == 6


def serve_anchors(
    steps: Generator[int, Finality, tuple[Trust, int]], chain: LightChain, asked: list[int]
) -> tuple[Trust, int]:
    """Serve anchors until the climb ends."""
    try:
        while True:
            asked.append(steps.send(chain.anchor(asked[-1])))
    except StopIteration as ended:
        trust, verified = ended.value
        return trust, verified


def with_checkpoint(**changes: object) -> Finality:
    """The true certificate beside another checkpoint."""
    claim = CHAIN.finality(4)
    assert claim.checkpoint is not None
    return replace(claim, checkpoint=replace(claim.checkpoint, **changes))  # type: ignore[arg-type]


def signed_anew(**changes: object) -> Finality:
    """As if a quorum had signed another checkpoint."""
    checkpoint = replace(CHAIN.checkpoint(4), **changes)  # type: ignore[arg-type]
    header, start_id = CHAIN.headers[4], checkpoint.parent_id
    certificate = sign(header, FOUR, start_id, voters=(0, 1, 2), checkpoint=checkpoint)
    return Finality(certificate, start_id, (header,), FOUR, checkpoint)


def of_the_committee() -> Finality:
    """Signed by everybody as seats, which is nothing to build on."""
    header, start_id = CHAIN.headers[4], CHAIN.headers[2].id
    certificate = sign(header, FOUR, start_id, voters=(0, 1, 2), lane=Lane.FAST)
    return Finality(certificate, start_id, (header,), FOUR)


def without_its_checkpoint() -> Finality:
    return replace(CHAIN.finality(4), checkpoint=None)


def another_start() -> Finality:
    return replace(CHAIN.finality(4), start_id=ZERO_HASH)


@pytest.mark.parametrize(
    ("lie", "refusal"),
    [
        (lambda: with_checkpoint(view=9), NotFinal),
        (lambda: with_checkpoint(number=9), NotFinal),
        (lambda: with_checkpoint(epoch=1), NotFinal),
        (lambda: signed_anew(block_id=CHAIN.headers[3].id), NotFinal),
        (lambda: signed_anew(block_height=3), NotFinal),
        (lambda: signed_anew(next_vset_hash=ZERO_HASH), NotFinal),
        (lambda: signed_anew(epoch=1), NotFinal),
        (of_the_committee, ForeignInstance),
        (without_its_checkpoint, NotFinal),
        (another_start, ForeignInstance),
        (lambda: CHAIN.finality(4, phase=VotePhase.PREFER), NotFinal),
        (lambda: CHAIN.finality(4, voters=(0, 1)), QuorumNotReached),
    ],
)
def test_every_lie_about_a_checkpoint_has_a_name(
    lie: Callable[[], Finality], refusal: type[AIChainError]
) -> None:
    with pytest.raises(refusal):
        verify_finality(CHAIN.trust(2), lie(), check)
