"""What real connections are held to: announcements are short, and strangers pay for answers."""

import pytest

from genesis.limits import ANNOUNCEMENT_MAX_BYTES
from p2p.toll import Toll
from p2p.wire.encoding import encode_message
from p2p.wire.framing import LENGTH_BYTES, frame
from p2p.wire.messages import AnyRequest, BlockData, BlockRange, GetRange, Response
from tests.integration.libp2p_attacker import TOPICS, attacking, besieged
from tests.integration.libp2p_nodes import eventually, make_certificate

ANSWER = BlockRange((BlockData(b"head", b"body"),) * 3, (b"above",) * 2, make_certificate())


async def give(_peer: str, _request: AnyRequest) -> Response:
    return ANSWER


async def test_a_long_announcement_is_refused_at_its_length() -> None:
    async with besieged() as victim, attacking(victim) as attacker:
        stream = await attacker.open(TOPICS.announcements)
        await stream.write((2 * ANNOUNCEMENT_MAX_BYTES).to_bytes(LENGTH_BYTES, "big"))
        await eventually(lambda: victim.counters.malformed == 1)


async def test_each_answer_is_paid_for_with_its_bytes_and_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paid: list[tuple[int, int]] = []
    pay = Toll.pay_for_answer

    async def noted(toll: Toll, size: int, headers: int) -> None:
        paid.append((size, headers))
        await pay(toll, size, headers)

    monkeypatch.setattr(Toll, "pay_for_answer", noted)
    async with besieged() as victim, attacking(victim) as attacker:
        victim.set_handler(give)
        stream = await attacker.open(TOPICS.requests)
        await stream.write(frame(encode_message(GetRange(1, 3))))
        await eventually(lambda: (len(frame(encode_message(ANSWER))), 5) in paid)
