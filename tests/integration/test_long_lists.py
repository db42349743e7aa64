"""What takes long to decode is decoded for validators only, and paid for by those, too."""

from consensus.proposals import ProposalMessage
from consensus.votes import ReceivedVote
from genesis.limits import BODY_TRANSACTIONS_MAX
from native.hashing import blake3_256
from p2p.wire.encoding import encode_message
from p2p.wire.framing import frame
from tests.integration.libp2p_attacker import TOPICS, attacking, besieged
from tests.integration.libp2p_nodes import make_vote, receive, signing_key

VALIDATORS = frozenset(signing_key(number).public_key for number in range(3))
STRANGER = 50


def longest_proposal() -> bytes:
    ids = tuple(blake3_256(number.to_bytes(4, "big")) for number in range(BODY_TRANSACTIONS_MAX))
    return frame(encode_message(ProposalMessage(0, 1, 0, 0, b"", ids, b"")))


async def test_a_proposal_of_a_stranger_is_not_decoded() -> None:
    """Four strangers, each within its quota, had two thirds of the thread's time."""
    async with besieged() as victim:
        victim.set_validators(VALIDATORS)
        async with attacking(victim, number=STRANGER) as attacker:
            stream = await attacker.open(TOPICS.consensus)
            await stream.write(longest_proposal() + frame(encode_message(make_vote())))
            heard = await receive(victim)
            assert isinstance(heard.message, ReceivedVote), "of who has just left the set, perhaps"
            assert victim.counters.penalties == 0


async def test_a_proposal_of_a_validator_is_heard() -> None:
    async with besieged() as victim:
        victim.set_validators(VALIDATORS | {signing_key(STRANGER).public_key})
        async with attacking(victim, number=STRANGER) as attacker:
            stream = await attacker.open(TOPICS.consensus)
            await stream.write(longest_proposal())
            heard = await receive(victim)
            assert isinstance(heard.message, ProposalMessage)
            assert len(heard.message.tx_ids) == BODY_TRANSACTIONS_MAX
