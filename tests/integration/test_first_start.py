"""Block 0 is made in a home without a past; a chain that is not where it was is missed."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aichain.config import Endpoint, NodeConfig
from aichain.errors import ConfigError, ExitCode, HomeMissing, NodeError
from aichain.keystore import load_or_create_node_seed
from aichain.node.first_log import write_first_log
from aichain.node.first_start import MARK_NAME
from aichain.node.home import open_chain, open_log
from aichain.store.paths import DataPaths
from consensus.records import SigningAllowed, VoteCast, encode_record
from consensus.votes import cancel_vote
from genesis.networks import founder_key, local_document

DOCUMENT = local_document("testnet", 1)
KEY = founder_key("testnet", 0)


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    (tmp_path / "config.toml").write_text("# as `aichain init` leaves it\n")
    return NodeConfig(
        home=tmp_path,
        document=DOCUMENT,
        node_seed=load_or_create_node_seed(tmp_path / "node.key"),
        validator_key=KEY,
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )


def paths_of(config: NodeConfig) -> DataPaths:
    return DataPaths(config.data_dir)


def refusal_of(config: NodeConfig) -> NodeError:
    with pytest.raises(HomeMissing) as raised:
        open_chain(config)
    assert raised.value.exit_code == ExitCode.HOME_MISSING
    assert "--sync-again" in raised.value.fix
    assert not paths_of(config).chain.is_dir()
    return raised.value


def test_a_home_with_keys_and_a_configuration_but_without_a_past_gets_block_0(
    config: NodeConfig,
) -> None:
    open_log(config, KEY.public_key).close()  # an empty log tells of nothing
    open_chain(config).close()
    open_chain(config).close()
    assert DOCUMENT.hash.hex() in (config.home / MARK_NAME).read_text()


def test_a_data_directory_that_is_not_mounted_is_missed(config: NodeConfig) -> None:
    open_chain(config).close()
    shutil.rmtree(config.data_dir)
    config.data_dir.mkdir()
    assert MARK_NAME in str(refusal_of(config))


def test_a_chain_that_is_not_where_the_vote_log_says_is_missed(config: NodeConfig) -> None:
    log = open_log(config, KEY.public_key)
    log.append(encode_record(SigningAllowed(DOCUMENT.hash, 0, 1)))
    log.append(encode_record(VoteCast(cancel_vote(DOCUMENT.hash, 1), 0)))
    log.close()
    assert log.path.name in str(refusal_of(config))


def test_a_log_that_was_made_with_the_chain_tells_of_nothing(config: NodeConfig) -> None:
    write_first_log(config.data_dir, DOCUMENT, KEY.public_key)
    open_chain(config).close()


def test_a_chain_that_left_its_index_behind_is_missed(config: NodeConfig) -> None:
    open_chain(config).close()
    (config.home / MARK_NAME).unlink()
    shutil.rmtree(paths_of(config).chain)
    assert str(paths_of(config).index) in str(refusal_of(config))


def test_a_link_to_a_chain_that_is_gone_is_missed(config: NodeConfig) -> None:
    config.data_dir.mkdir()
    paths_of(config).chain.symlink_to(config.home / "big-disk")
    refusal_of(config)


def test_a_home_from_before_the_mark_gets_it_when_its_chain_is_opened(config: NodeConfig) -> None:
    open_chain(config).close()
    (config.home / MARK_NAME).unlink()
    open_chain(config).close()
    assert (config.home / MARK_NAME).exists()


def test_who_says_that_the_chain_is_gone_starts_from_block_0(config: NodeConfig) -> None:
    open_chain(config).close()
    shutil.rmtree(paths_of(config).chain)
    refusal_of(config)
    chain = open_chain(replace(config, sync_again=True))
    assert chain.head.head.height == 0
    chain.close()


def test_to_sync_again_is_refused_where_a_chain_is(config: NodeConfig) -> None:
    open_chain(config).close()
    with pytest.raises(ConfigError, match="there is a chain at"):
        open_chain(replace(config, sync_again=True))
    open_chain(config).close()


def test_a_link_to_a_vote_log_that_is_gone_is_missed(config: NodeConfig) -> None:
    log = paths_of(config).signer / "votes.wal"
    log.parent.mkdir(parents=True)
    log.symlink_to(config.home / "other-disk" / log.name)
    assert str(log) in str(refusal_of(config))
