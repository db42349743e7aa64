"""Nodes of two wire versions tell each other so, and part in peace."""

from dataclasses import replace
from typing import Any

import pytest
import trio

from p2p import libp2p_serving
from p2p.libp2p_network import Libp2pNetwork
from p2p.settings import NetworkSettings
from p2p.wire.encoding import WIRE_VERSION, encode_message
from p2p.wire.messages import Hello
from tests.integration.libp2p_nodes import (
    LOOPBACK,
    eventually,
    make_identity,
    make_network,
    running,
)


@pytest.mark.parametrize("dials", [0, 1])
async def test_a_node_of_another_wire_version_is_told_ours_and_not_banned(
    dials: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dials; the other one is new here, and says so in its first byte."""

    def encode(message: Any) -> bytes:
        payload = encode_message(message)
        if isinstance(message, Hello) and message.agent == "newer":
            return bytes((WIRE_VERSION + 1,)) + payload[1:]
        return payload

    monkeypatch.setattr(libp2p_serving, "encode_message", encode)
    first = make_network(0)
    newer = Libp2pNetwork(replace(make_identity(1), agent="newer"), NetworkSettings(LOOPBACK))
    async with running(first, newer):
        (first, newer)[dials].connect((newer, first)[dials].address)
        await eventually(lambda: "is not for us" in caplog.text)
        await trio.sleep(2.0)  # it is dialled again and again
        assert not first.peers()
        assert first.counters.penalties == 0, "an hour of that would be a ban"
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    its = f"another wire version: ours is {WIRE_VERSION}, its is {WIRE_VERSION + 1}"
    assert said == [f"peer {newer.peer_id} is not for us: {its}"]
