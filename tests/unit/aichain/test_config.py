"""Settings: which layer wins, what is misspelt, and what a network with public keys forbids."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from aichain.config import (
    KEYS,
    RESERVED_ENVIRONMENT,
    Endpoint,
    Faults,
    LogFormat,
    NodeConfig,
    Origin,
    Settings,
    SyncMode,
    TrustPoint,
    load_document,
    read_config_file,
    read_environment,
    resolve_settings,
)
from aichain.config_values import IndexMode
from aichain.errors import ConfigError
from aichain.homes import default_home
from genesis.document import GenesisAccount, render_document
from genesis.errors import InvalidGenesis, MainnetNotLaunched
from genesis.networks import local_document, packaged_document
from genesis.units import Address
from native.hashing import Hash32

PEER = "12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc"
Layers: TypeAlias = tuple[Mapping[str, object], Mapping[str, str], Mapping[str, object]]


def resolved(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Mapping[str, object] | None = None,
) -> Settings:
    return resolve_settings(flags or {}, environ or {}, file or {})


def make_config(**given: Any) -> NodeConfig:
    settings: dict[str, Any] = {
        "home": Path("home"),
        "document": local_document("testnet", 1, onion_length=8),
        "node_seed": bytes(32),
        "validator_key": None,
        "rpc_listen": Endpoint("127.0.0.1", 3690),
        "p2p_listen": Endpoint("127.0.0.1", 3691),
    }
    return NodeConfig(**settings | given)


def test_flags_win_over_environment_over_file_over_defaults() -> None:
    flags = {"rpc.listen": "127.0.0.1:1111"}
    environ = {"AICHAIN_RPC__LISTEN": "127.0.0.1:2222"}
    file = {"rpc.listen": "127.0.0.1:3333"}
    layers: list[Layers] = [
        (flags, environ, file),
        ({}, environ, file),
        ({}, {}, file),
        ({}, {}, {}),
    ]
    ports = [resolved(*layer).rpc_listen.port for layer in layers]
    assert ports == [1111, 2222, 3333, 3690]
    origins = [resolved(*layer).origins["rpc.listen"] for layer in layers]
    assert origins == [Origin.FLAG, Origin.ENVIRONMENT, Origin.FILE, Origin.DEFAULT]


def test_a_flag_that_was_not_given_does_not_win() -> None:
    settings = resolved({"moniker": None}, {"AICHAIN_MONIKER": "anna"})
    assert (settings.moniker, settings.origins["moniker"]) == ("anna", Origin.ENVIRONMENT)


def test_every_value_knows_its_origin() -> None:
    origins = resolved({"index": False}).origins
    assert origins["index"] is Origin.FLAG
    assert origins["log.level"] is Origin.DEFAULT


def test_a_founder_listens_on_its_own_ports() -> None:
    settings = resolved({"validator.founder": 2})
    assert (settings.rpc_listen.port, settings.p2p_listen.port) == (3710, 3711)
    assert settings.moniker == "founder-2"


def test_lists_and_switches_are_read_from_texts() -> None:
    address = f"/ip4/10.0.0.1/tcp/3691/p2p/{PEER}"
    environ = {
        "AICHAIN_P2P__BOOTSTRAP": f"{address}, {address}",
        "AICHAIN_INDEX": "no",
        "AICHAIN_LOG__FORMAT": "json",
        "AICHAIN_RPC__CORS": "",
    }
    settings = resolved({}, environ)
    assert settings.bootstrap == (address, address)
    assert settings.index is IndexMode.NONE
    assert settings.log_format is LogFormat.JSON
    assert settings.rpc_cors == ()


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("none", IndexMode.NONE),
        ("tx", IndexMode.TX),
        ("full", IndexMode.FULL),
        ("true", IndexMode.TX),
        (False, IndexMode.NONE),
    ],
)
def test_an_index_is_of_three_kinds_and_was_of_two(text: object, mode: IndexMode) -> None:
    assert resolved({"index": text}).index is mode
    assert resolved({}).index is IndexMode.TX


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rpc.listen", "3690"),
        ("rpc.listen", "127.0.0.1:0"),
        ("rpc.listen", "127.0.0.1:70000"),
        ("rpc.listen", "somewhere:3690"),
        ("rpc.listen", 3690),
        ("rpc.cors", ["example.com"]),
        ("rpc.cors", ["https://example.com/app"]),
        ("rpc.hosts", ["a b"]),
        ("rpc.hosts", ["http://a"]),
        ("p2p.bootstrap", ["10.0.0.1:3691"]),
        ("p2p.bootstrap", "/ip4/10.0.0.1/tcp/3691"),
        ("p2p.bootstrap", "/ip4/10.0.0.1/tcp/3691/p2p/xx"),
        ("p2p.bootstrap", f"/ip4/10.0.0.999/tcp/3691/p2p/{PEER}"),
        ("p2p.bootstrap", f"/ip4/0.0.0.0/tcp/3691/p2p/{PEER}"),
        ("p2p.bootstrap", f"/ip4/10.0.0.1/tcp/0/p2p/{PEER}"),
        ("p2p.bootstrap", f"/ip4/10.0.0.1/udp/3691/p2p/{PEER}"),
        ("p2p.bootstrap", 5),
        ("p2p.announce", "203.0.113.7:3691"),
        ("p2p.announce", "/ip4/0.0.0.0/tcp/3691"),
        (
            "p2p.announce",
            f"/ip4/203.0.113.7/tcp/1/p2p/{PEER}",
        ),
        ("index", "perhaps"),
        ("keep", "some"),
        ("keep", 1023),
        ("keep", "-5"),
        ("keep", ""),
        ("sync", "fast"),
        ("sync", ""),
        ("trust", "12"),
        ("trust", "12:0x77"),
        ("trust", f"{2**64}:0x" + "77" * 32),
        ("log.level", "loud"),
        ("log.format", "xml"),
        ("validator.founder", -1),
        ("validator.founder", True),
        ("validator.founder", "one"),
        ("validator.founder", "9" * 5_000),
        ("consensus.delta_ms", 0),
        ("consensus.delta_ms", 60_001),
        ("moniker", ""),
        ("moniker", "a\nb"),
    ],
)
def test_a_wrong_value_names_its_key_and_its_origin(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved({}, {}, {key: value})
    assert caught.value.reason.startswith(f"{key} = ")
    assert "(config.toml)" in caught.value.reason
    assert key in caught.value.fix


def test_the_one_of_many_that_is_wrong_is_named() -> None:
    good = f"/ip4/10.0.0.1/tcp/3691/p2p/{PEER}"
    with pytest.raises(ConfigError) as caught:
        resolved({"p2p.bootstrap": (good, "xx", good)})
    assert "'xx': expected /ip4/HOST" in caught.value.reason


def test_a_misspelt_key_in_the_file_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[rpc]\nlistn = "127.0.0.1:1"\n')
    with pytest.raises(ConfigError) as caught:
        read_config_file(path)
    assert "rpc.listn" in caught.value.reason
    assert caught.value.fix.startswith("did you mean rpc.listen?")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("AICHAIN_RPC__LISTN", "AICHAIN_RPC__LISTEN"),
        ("AICHAIN_RPC_LISTEN", "AICHAIN_RPC__LISTEN"),
        ("AICHAIN_RPCURL", "AICHAIN_RPC_URL"),
        ("AICHAIN_NETWROK", "AICHAIN_NETWORK"),
        ("AICHAIN_LOG__COLOUR", "AICHAIN_LOG__"),
        ("AICHAIN_NATVE", "AICHAIN_NATIVE"),
        ("AICHAIN_Q", ""),
        ("AICHAIN_", ""),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known_one(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_environment({name: "x"})
    assert f"{name} in the environment" in caught.value.reason
    assert near in caught.value.fix


def test_variables_of_others_are_left_alone() -> None:
    environ = {"HOME": "/root", "AICHAINS": "1", "MY_AICHAIN_HOME": "x"}
    assert read_environment(environ | dict.fromkeys(RESERVED_ENVIRONMENT, "x")) == {}


def test_every_variable_that_the_program_reads_is_known() -> None:
    """Whatever our sources and scripts call AICHAIN_… is a setting or reserved."""
    known = {*RESERVED_ENVIRONMENT, *("AICHAIN_" + key.replace(".", "__").upper() for key in KEYS)}
    root = Path(__file__).parents[3]
    folders = ("aichain", "consensus", "vm", "p2p", "genesis", "native", "localnet", "benchmarks")
    sources = [path for name in folders for path in (root / name).rglob("*") if path.is_file()]
    texts = [path.read_text(errors="replace") for path in sources if path.suffix != ".pyc"]
    used = {name for text in texts for name in re.findall(r"\bAICHAIN_[A-Z][A-Z_]+[A-Z]\b", text)}
    assert {"AICHAIN_NATIVE", "AICHAIN_FAIL_AT", "AICHAIN_RPC_URL"} <= used
    assert used <= known


def test_a_missing_file_is_no_settings_and_a_broken_one_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert read_config_file(path) == {}
    path.write_text("network = [")
    with pytest.raises(ConfigError, match="not TOML"):
        read_config_file(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read"):
        read_config_file(path)


def test_what_stands_in_the_place_of_a_file_is_not_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for name in (".", "fifo", "loop"):
        with pytest.raises(ConfigError, match="not a file"):
            read_config_file(tmp_path / name)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="larger than"):
        read_config_file(path)


def test_packaged_networks_and_paths_give_documents(tmp_path: Path) -> None:
    assert load_document("devnet").hash == packaged_document("devnet").hash
    with pytest.raises(MainnetNotLaunched):
        load_document("mainnet")
    with pytest.raises(ConfigError) as caught:
        load_document("tesnet")
    assert caught.value.fix == "did you mean testnet?"
    (tmp_path / "g.toml").write_text("name = 5")
    with pytest.raises(InvalidGenesis):
        load_document(str(tmp_path / "g.toml"))


def test_a_document_may_be_as_large_as_documents_are(tmp_path: Path) -> None:
    accounts = tuple(
        GenesisAccount(Address(index.to_bytes(20, "big")), 1, "x" * 64)
        for index in range(1, 10_001)
    )
    document = replace(local_document("testnet", 1, onion_length=8), accounts=accounts)
    (tmp_path / "g.toml").write_text(render_document(document))
    assert (tmp_path / "g.toml").stat().st_size > 1 << 20
    assert load_document(str(tmp_path / "g.toml")).hash == document.hash
    (tmp_path / "g.toml").write_bytes(b"#" * (16 << 20) + b"#")
    with pytest.raises(ConfigError, match="larger than"):
        load_document(str(tmp_path / "g.toml"))


def test_a_broken_document_is_named(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text("name = 5")
    with pytest.raises(InvalidGenesis, match=r"g\.toml: "):
        load_document(str(tmp_path / "g.toml"))


def test_origins_and_hosts_are_compared_in_lower_case() -> None:
    settings = resolved({"rpc.cors": ["https://Example.com:8080"], "rpc.hosts": ["Node.Example"]})
    assert settings.rpc_cors == ("https://example.com:8080",)
    assert settings.rpc_hosts == ("node.example",)
    assert resolved({"rpc.cors": "*", "rpc.hosts": "*"}).rpc_cors == ("*",)


@pytest.mark.parametrize("listen", ["rpc_listen", "p2p_listen"])
def test_public_keys_bind_loopback(listen: str) -> None:
    with pytest.raises(ConfigError, match="public"):
        make_config(**{listen: Endpoint("0.0.0.0", 3690)})
    assert make_config(**{listen: Endpoint("::1", 3690)}).loopback_only


def test_a_network_of_ones_own_may_listen_anywhere_but_has_no_test_switches() -> None:
    document = replace(local_document("testnet", 1, onion_length=8), name="mine", public_keys=False)
    config = make_config(document=document, rpc_listen=Endpoint("0.0.0.0", 3690))
    assert not config.loopback_only
    for switch in ({"allow_faults": True}, {"delta_ms": 10}):
        with pytest.raises(ConfigError, match="do not exist"):
            make_config(document=document, **switch)


def test_faults_are_for_nodes_that_allow_them() -> None:
    given = {
        "faults.regions": True,
        "faults.clock_offset_ms": -300,
        "faults.fsync_delay_ms": "40",
    }
    faults = resolved(given).faults
    assert faults == Faults(regions=True, clock_offset_ms=-300, fsync_delay_ms=40)
    assert make_config(faults=faults, allow_faults=True).faults == faults
    for fault in (
        Faults(regions=True),
        Faults(clock_offset_ms=1),
        Faults(fsync_delay_ms=1),
    ):
        with pytest.raises(ConfigError, match="need faults"):
            make_config(faults=fault)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("faults.clock_offset_ms", 10**9),
        ("faults.clock_offset_ms", "soon"),
        ("faults.fsync_delay_ms", -1),
        ("faults.fsync_delay_ms", 10**6),
    ],
)
def test_a_fault_out_of_its_range_is_named(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        resolved({key: value})


def test_a_config_does_not_show_the_nodes_secret() -> None:
    assert "node_seed" not in repr(make_config(node_seed=b"s" * 32))


def test_endpoints_have_texts_and_multiaddrs() -> None:
    assert str(Endpoint("::1", 5)) == "[::1]:5"
    assert Endpoint("::1", 5).multiaddr == "/ip6/::1/tcp/5"
    assert Endpoint("127.0.0.1", 5).multiaddr == "/ip4/127.0.0.1/tcp/5"
    assert resolved({"rpc.listen": "[::1]:9"}).rpc_listen == Endpoint("::1", 9)
    assert resolved({"rpc.listen": "localhost:9"}).rpc_listen == Endpoint("127.0.0.1", 9)


def test_the_home_follows_xdg() -> None:
    assert default_home("devnet", {"XDG_DATA_HOME": "/d"}) == Path("/d/aichain/devnet")
    assert default_home("devnet", {"HOME": "/h"}) == Path("/h/.local/share/aichain/devnet")
    relative = {"XDG_DATA_HOME": "not/absolute", "HOME": "/h"}
    assert default_home("devnet", relative) == Path("/h/.local/share/aichain/devnet")


@pytest.mark.parametrize(("given", "keep"), [("full", None), ("5000", 5000), (1024, 1024)])
def test_keep_is_full_or_a_number_of_blocks(given: object, keep: int | None) -> None:
    assert resolved({"keep": given}).keep == keep
    assert resolved({}).keep is None


def test_a_trusted_block_goes_with_a_snapshot() -> None:
    block = "1200:0x" + "7A" * 32
    settings = resolved({"sync": "snapshot", "trust": block})
    assert settings.sync is SyncMode.SNAPSHOT
    assert settings.trust == TrustPoint(1200, Hash32(b"\x7a" * 32))
    assert (resolved({}).sync, resolved({}).trust) == (SyncMode.FULL, None)


def test_a_trusted_block_without_a_snapshot_is_refused() -> None:
    point = TrustPoint(1200, Hash32(b"\x7a" * 32))
    with pytest.raises(ConfigError) as refused:
        make_config(trust=point)
    assert "--sync snapshot" in refused.value.fix
    assert make_config(trust=point, sync=SyncMode.SNAPSHOT).trust == point


def test_snapshots_are_made_unless_somebody_says_no() -> None:
    assert resolved({}).snapshots
    assert not resolved({}, {"AICHAIN_SNAPSHOTS": "false"}).snapshots
    assert resolved({"snapshots": True}, {"AICHAIN_SNAPSHOTS": "false"}).snapshots
