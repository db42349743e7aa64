"""What `aichain run` decides before anything listens: home, chain, keys, whom to look for."""

import os
import shlex
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from aichain import __version__
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.init import render_config
from aichain.cli.run import again_with_key, run
from aichain.cli.run_plan import (
    RunPlan,
    default_bootstrap,
    plan_run,
    require_free,
    temporary_home,
)
from aichain.config import Endpoint, Origin
from aichain.config_values import IndexMode
from aichain.errors import ConfigError, ExitCode
from aichain.keystore import KeyFileInvalid, save_key
from aichain.node.assemble import network_settings, node_identity
from genesis.document import render_document
from genesis.errors import InvalidGenesis, MainnetNotLaunched
from genesis.limits import AGENT_MAX_BYTES
from genesis.networks import founder_key, founder_node_seed, local_document, packaged_document
from native.node_keys import peer_id_of_seed, peer_id_text
from native.signatures import SigningKey

MakePlan: TypeAlias = Callable[..., RunPlan]

OWN = SigningKey.from_seed(b"\6" * 32)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlan:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def make(
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        password_file: Path | None = None,
        **flags: object,
    ) -> RunPlan:
        given = {key.replace("__", "."): value for key, value in flags.items()}
        surroundings = {"XDG_DATA_HOME": str(tmp_path / "xdg")} | dict(environ or {})
        return plan_run(
            given,
            surroundings,
            home=home,
            password_file=password_file,
            temporary=temporary_home(),
        )

    return make


@pytest.mark.parametrize("home", [None, "a home"])
def test_the_line_that_makes_a_full_node_vote_can_be_pasted(
    tmp_path: Path, home: str | None
) -> None:
    root = tmp_path / (home or "xdg/aichain")
    (root / "keys").mkdir(parents=True)
    save_key(root / "keys" / "validator.key", OWN, passphrase=None, label="validator")
    environ = {"XDG_DATA_HOME": str(tmp_path / "xdg")}
    environ |= {"AICHAIN_HOME": str(tmp_path / home)} if home else {}
    given_now = ["run", "--network", "testnet", "--sync-again", "--moniker", "it's me"]
    line = again_with_key(given_now, environ)
    program, command, *arguments = shlex.split(line)
    assert (program, command) == ("aichain", run.name)
    given = run.make_context("run", arguments).params
    assert (given["network"], given["moniker"]) == ("testnet", "it's me")
    assert not given["sync_again"], "the home has a chain by then"
    assert given["validator__key_file"] == root / "keys" / "validator.key"


def test_devnet_alone_is_a_whole_chain_that_leaves_nothing_behind(
    plan: MakePlan, tmp_path: Path
) -> None:
    made = plan(network="devnet")
    assert made.is_ephemeral
    assert made.validator_index == 0
    assert made.config.founder == 0
    assert made.config.bootstrap == ()
    assert made.config.loopback_only
    assert made.config.home.is_dir()
    assert made.config.home.parent == tmp_path / "tmp"
    assert not (tmp_path / "xdg").exists()


def test_devnet_with_a_home_stays(plan: MakePlan, tmp_path: Path) -> None:
    made = plan(home=tmp_path / "h", network="devnet")
    assert (made.is_ephemeral, made.config.home) == (False, tmp_path / "h")
    assert made.validator_index == 0


def test_testnet_without_a_key_follows_the_founders_of_this_machine(
    plan: MakePlan, tmp_path: Path
) -> None:
    made = plan(network="testnet")
    config = made.config
    assert config.validator_key is None
    assert config.home == tmp_path / "xdg/aichain/testnet"
    peer = peer_id_text(peer_id_of_seed(founder_node_seed("testnet", 1)))
    assert config.bootstrap[1] == f"/ip4/127.0.0.1/tcp/3701/p2p/{peer}"
    assert len(config.bootstrap) == 4
    assert (config.home / "node.key").read_bytes() == config.node_seed


def test_a_founder_has_its_key_its_peer_id_and_its_ports(plan: MakePlan, tmp_path: Path) -> None:
    made = plan(home=tmp_path / "h", network="testnet", validator__founder=2)
    config = made.config
    assert made.validator_index == 2
    assert config.validator_key is not None
    assert config.validator_key.public_key == founder_key("testnet", 2).public_key
    assert peer_id_of_seed(config.node_seed) == config.document.validators[2].peer_id
    assert (config.rpc_listen.port, config.p2p_listen.port) == (3710, 3711)
    assert len(config.bootstrap) == 3
    assert not any("/3711/" in address for address in config.bootstrap)


def test_bootstrap_addresses_that_were_given_replace_the_known_ones(plan: MakePlan) -> None:
    address = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc"
    made = plan(network="testnet", p2p__bootstrap=(address,))
    assert made.config.bootstrap == (address,)


def test_the_name_and_the_outside_address_reach_the_peers(plan: MakePlan) -> None:
    config = plan(
        network="testnet", moniker="anna", p2p__announce="/ip4/203.0.113.7/tcp/3691"
    ).config
    assert node_identity(config).agent == f"aichain/{__version__} (anna)"
    assert network_settings(config).announce == "/ip4/203.0.113.7/tcp/3691"
    long = plan(network="testnet", moniker="ä" * 100).config
    assert len(node_identity(long).agent.encode()) <= AGENT_MAX_BYTES
    assert node_identity(long).agent.endswith("ä)")


def test_a_devnet_node_with_a_bootstrap_follows(plan: MakePlan) -> None:
    address = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc"
    made = plan(network="devnet", p2p__bootstrap=(address,))
    assert made.config.validator_key is None


def test_a_key_file_votes(plan: MakePlan, tmp_path: Path) -> None:
    save_key(tmp_path / "v.key", OWN, passphrase="pw")
    (tmp_path / "pw").write_text("pw\n")
    made = plan(
        network="testnet",
        validator__key_file=tmp_path / "v.key",
        password_file=tmp_path / "pw",
    )
    assert made.config.validator_key is not None
    assert made.config.validator_key.public_key == OWN.public_key
    assert made.validator_index is None


def test_a_key_file_in_the_config_lies_beside_it(plan: MakePlan, tmp_path: Path) -> None:
    home = tmp_path / "h"
    save_key(home / "keys/v.key", OWN, passphrase=None)
    text = render_config({"network": "testnet", "validator.key_file": "keys/v.key"})
    (home / "config.toml").write_text(text)
    own = plan(home=home).config.validator_key
    assert own is not None
    assert own.public_key == OWN.public_key


def test_a_genesis_file_is_a_network(plan: MakePlan, tmp_path: Path) -> None:
    document = local_document("testnet", 2, onion_length=8)
    (tmp_path / "g.toml").write_text(render_document(document))
    made = plan(network=str(tmp_path / "g.toml"), validator__founder=1)
    assert made.config.document.hash == document.hash
    assert made.config.home.name == f"testnet-{document.hash.hex()[:8]}"


def test_the_config_file_names_the_network_and_its_document(plan: MakePlan, tmp_path: Path) -> None:
    home = tmp_path / "h"
    home.mkdir()
    document = local_document("testnet", 2, onion_length=8)
    (home / "genesis.toml").write_text(render_document(document))
    (home / "config.toml").write_text(render_config({"network": "genesis.toml", "index": False}))
    config = plan(home=home).config
    assert (config.document.hash, config.index) == (document.hash, IndexMode.NONE)
    assert config.origins["index"] is Origin.FILE


def test_the_network_may_come_from_the_environment(plan: MakePlan) -> None:
    made = plan(environ={"AICHAIN_NETWORK": "testnet"})
    assert made.config.document.name == "testnet"


def test_mainnet_says_what_to_do(plan: MakePlan) -> None:
    with pytest.raises(MainnetNotLaunched, match="aichain genesis new"):
        plan(network="mainnet")


def test_a_draft_that_nobody_signed_is_not_run(plan: MakePlan, tmp_path: Path) -> None:
    document = local_document("testnet", 1, onion_length=8)
    text = render_document(document)
    start = text.index("possession =")
    (tmp_path / "g.toml").write_text(text[:start] + 'possession = "0x"\n')
    with pytest.raises(InvalidGenesis, match="proof of possession"):
        plan(network=str(tmp_path / "g.toml"))


def test_no_network_is_a_usage_error(plan: MakePlan, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        plan()
    assert caught.value.exit_code == CommandExit.USAGE
    with pytest.raises(CommandError, match="does not say which network"):
        plan(home=tmp_path / "empty")


@pytest.mark.parametrize("flags", [{"validator__founder": 4}, {"validator__founder": 99}])
def test_a_founder_that_does_not_exist_is_refused(plan: MakePlan, flags: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="no founder"):
        plan(network="testnet", **flags)


def test_a_founder_does_not_vote_with_another_key(plan: MakePlan, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both a founder and a validator key"):
        plan(network="testnet", validator__founder=0, validator__key_file=tmp_path / "v.key")


def test_a_founder_does_not_leave_loopback(plan: MakePlan) -> None:
    with pytest.raises(ConfigError, match="public"):
        plan(network="testnet", validator__founder=0, p2p__listen="0.0.0.0:3691")


@pytest.mark.parametrize("name", ["none.key", "fifo.key", "empty.key"])
def test_a_validator_key_that_cannot_be_used_is_named(
    plan: MakePlan, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / "fifo.key")
    (tmp_path / "empty.key").touch()
    with pytest.raises(KeyFileInvalid) as caught:
        plan(network="testnet", validator__key_file=tmp_path / name)
    assert caught.value.path == tmp_path / name


@pytest.mark.parametrize(
    ("rpc", "p2p"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "::")],
)
def test_two_services_do_not_share_a_port(rpc: str, p2p: str) -> None:
    endpoints = (("--rpc-listen", Endpoint(rpc, 9)), ("--p2p-listen", Endpoint(p2p, 9)))
    with pytest.raises(CommandError) as caught:
        require_free(endpoints)
    assert caught.value.exit_code == ExitCode.CONFIG
    assert "--p2p-listen" in caught.value.fix


def test_a_taken_port_is_named_with_the_flag_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        endpoint = Endpoint("127.0.0.1", holder.getsockname()[1])
        with pytest.raises(CommandError) as caught:
            require_free((("--rpc-listen", endpoint),))
    assert caught.value.exit_code == ExitCode.NETWORK
    assert str(endpoint) in caught.value.cause
    assert "--rpc-listen 127.0.0.1:PORT" in caught.value.fix
    require_free((("--rpc-listen", endpoint),))


def test_a_network_with_keys_of_its_own_has_no_known_addresses() -> None:
    assert len(default_bootstrap(packaged_document("testnet"), None)) == 4
    assert default_bootstrap(packaged_document("devnet"), 0) == ()


@pytest.mark.parametrize("token", ["secret\r", "secr\u00e9t"])
def test_a_token_that_no_heartbeat_can_carry_is_refused_at_the_start_and_not_shown(
    plan: MakePlan, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("AICHAIN_RPC_TOKEN", token)
    assert plan(network="devnet").config.fleet_token == ""
    with pytest.raises(ConfigError) as caught:
        plan(network="devnet", fleet__hq="http://hq.example:3690")
    assert "secr" not in f"{caught.value} {caught.value.fix}"
