"""A key signs in one home of a machine, unless the genesis document makes it everybody's."""

from pathlib import Path

import pytest

from aichain.config import Endpoint, NodeConfig
from aichain.errors import WalLocked
from aichain.node.home import open_log
from genesis.networks import founder_key, local_document
from native.hashing import derive_hash
from native.signatures import SigningKey


def _config(home: Path) -> NodeConfig:
    return NodeConfig(
        home=home,
        document=local_document("testnet", 4, onion_length=16),
        node_seed=derive_hash("aichain/test/node", b""),
        validator_key=None,
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )


def test_a_key_of_ones_own_is_locked_on_a_public_network_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    own = SigningKey.from_seed(bytes(31) + b"\x05").public_key
    first = open_log(_config(tmp_path / "one"), own)
    with pytest.raises(WalLocked):
        open_log(_config(tmp_path / "two"), own)
    first.close()
    open_log(_config(tmp_path / "two"), own).close()


def test_a_key_that_the_document_publishes_may_sign_in_many_homes(tmp_path: Path) -> None:
    public = founder_key("testnet", 0).public_key
    logs = [open_log(_config(tmp_path / name), public) for name in ("one", "two")]
    for log in logs:
        log.close()
