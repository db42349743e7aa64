"""What can be set, each with what it means: keys of a config.toml, and of its variables."""

from collections.abc import Mapping
from typing import Final

KEYS: Final[Mapping[str, str]] = {
    "network": "devnet, testnet, mainnet, or the path of a genesis document",
    "moniker": "the name this node shows to people",
    "index": "none, tx (transactions by hash) or full (those of an account, too)",
    "index_url": "postgresql://USER@HOST/DATABASE: where index = full is kept instead of the home",
    "keep": "full, or how many of the last blocks to keep (at least 1024)",
    "sync": "full, or snapshot: who is far behind fetches a recent state instead of all blocks",
    "snapshots": "make a snapshot of each epoch's end for peers that join; false needs less disk",
    "trust": "HEIGHT:HASH of a recent block to start from; needs sync = snapshot",
    "webhooks": "file of webhooks: where this node posts what becomes final",
    "rpc.listen": "HOST:PORT of JSON-RPC, WebSocket, health and metrics",
    "rpc.cors": "origins a browser may call from; empty allows none",
    "rpc.hosts": "host names under which this node may be called, besides localhost",
    "rpc.tokens": "file of tokens, one a line; callers then send Authorization: Bearer TOKEN",
    "rpc.explorer": "serve the block explorer there; without it, test networks do",
    "p2p.listen": "HOST:PORT for peers",
    "p2p.announce": "address peers should dial, if it is not p2p.listen: /ip4/203.0.113.7/tcp/3691",
    "p2p.bootstrap": "multiaddrs of nodes to find the network through",
    "validator.key_file": "key file (aichain keys new) to vote with",
    "validator.founder": "vote as public founder I of a test network (loopback only)",
    "fleet.registry": "headquarters: file of the nodes whose heartbeats are taken",
    "fleet.hq": "address of the headquarters' RPC, where a heartbeat goes each minute",
    "log.format": "human or json",
    "log.level": "debug, info, warning or error",
    "log.file": "also write the log to this file",
    "consensus.delta_ms": "expected network delay, the unit of view timers; test networks only",
    "faults.allow": "serve the fault-injection methods of localnet",
    "faults.regions": "peers are as far away as cloud regions are; needs faults.allow",
    "faults.clock_offset_ms": "how far this node's clock is ahead; needs faults.allow",
    "faults.fsync_delay_ms": "how much longer an fsync takes; needs faults.allow",
}

SECRET_KEYS: Final = frozenset({"index_url"})
"""Their values are never repeated."""
