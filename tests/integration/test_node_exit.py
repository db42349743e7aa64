"""What stops a node becomes an exit code, one line of cause and one of what to do."""

from pathlib import Path

import pytest

from aichain.config import Endpoint, NodeConfig
from aichain.errors import ExitCode
from aichain.node import ballots
from aichain.node.run import run_node
from consensus.errors import DoubleSign
from consensus.guard import SignedSlots
from consensus.records import ProposalCast, VoteCast
from genesis.networks import founder_key, local_document
from p2p.memory_network import MemoryHub


def test_a_refused_signature_ends_the_process_with_a_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_signed: SignedSlots, _record: VoteCast | ProposalCast) -> None:
        raise DoubleSign(epoch=0, view=1, reason="a second PREFER")

    monkeypatch.setattr(ballots, "may_cast", refuse)
    config = NodeConfig(
        home=tmp_path,
        document=local_document("testnet", 1, onion_length=16),
        node_seed=bytes(32),
        validator_key=founder_key("testnet", 0),
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )
    hub = MemoryHub()
    code = run_node(config, lambda identity, _settings: hub.join(identity))
    said = capsys.readouterr().err
    assert code == ExitCode.DOUBLE_SIGN
    assert "signing_refused" in said or "SigningRefused" in said
    assert "a second PREFER" in said
    assert "fix: keep the data directory" in said
    assert "Traceback" not in said
