"""`aichain query`: what a node knows about the chain, read over JSON-RPC."""

from collections.abc import Sequence
from typing import Any, Final, get_args

import click

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import address_named
from aichain.cli.options import KeyFolder, json_option, key_folder_options, rpc_option
from aichain.cli.output import coins, is_amount, show
from aichain.cli.values import BLOCK, HASH, HEIGHT, LATEST
from aichain.rpc.results.transactions import PhaseName
from genesis.limits import (
    CERTIFICATE_WINDOW_BLOCKS,
    RPC_HISTORY_ENTRIES_MAX,
    RPC_LISTED_EVIDENCE_MAX,
    VIEWS_BEHIND_MAX,
)
from genesis.units import format_address

VALIDATOR_COLUMNS: Final = (
    "index",
    "registration",
    "address",
    "stake",
    "commissionBps",
    "jailedUntil",
    "peerId",
)
PEER_COLUMNS: Final = ("peerId", "address", "direction", "finalHeight", "rttMs", "score")
HISTORY_COLUMNS: Final = ("height", "index", "kind", "sender", "to", "amount", "error", "hash")
HEADER_COLUMNS: Final = ("height", "hash", "parentHash")
VOTER_COLUMNS: Final = ("index", "address", "weight", "turns")
PHASES: Final = get_args(PhaseName)
EVIDENCE_COLUMNS: Final = ("hash", "kind", "epoch", "view", "offender", "offenderAddress")


@click.group()
def query() -> None:
    """Read status, blocks, accounts, validators, consensus and supply from a node."""


@query.command()
@rpc_option
@json_option
def status(rpc: str, as_json: bool) -> None:
    """Where the node stands: height, final block, peers, sync."""
    _show_call(rpc, "aichain_status", (), as_json=as_json)


@query.command()
@click.argument("block_id", metavar="HEIGHT|HASH", type=BLOCK, default=LATEST)
@rpc_option
@json_option
def block(block_id: int | str, rpc: str, as_json: bool) -> None:
    """A block by height or hash; the last final one when none is given."""
    with RpcClient(rpc) as client:
        given = _height_of_latest(client) if block_id == LATEST else block_id
        value = client.call("aichain_getBlock", given)
    show(_found(value, f"block {block_id}"), as_json=as_json)


@query.command()
@click.argument("tx_hash", metavar="HASH", type=HASH)
@rpc_option
@json_option
def tx(tx_hash: str, rpc: str, as_json: bool) -> None:
    """A transaction with its status (pending, included, final, failed) and receipt."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_getTransaction", tx_hash)
    show(_found(value, f"transaction {tx_hash}"), as_json=as_json)


@query.command()
@click.argument("who", metavar="ADDRESS|KEY")
@click.option("--proof", is_flag=True, help="The proof of this account against a state root.")
@rpc_option
@key_folder_options
@json_option
def account(who: str, proof: bool, rpc: str, folder: KeyFolder, as_json: bool) -> None:
    """Balance, nonce and stake of an address, of a key by label, or of account:0."""
    with RpcClient(rpc) as client:
        network = client.call("aichain_status")["network"] if ":" in who else None
        address = format_address(address_named(who, network=network, folder=folder.path))
        value = client.call("aichain_getProof" if proof else "aichain_getAccount", address)
    if not as_json and not proof and isinstance(value, dict):
        unbonding = [_unbonding(row, value["height"]) for row in value.get("unbonding", ())]
        value = _with_coins(value | {"unbonding": unbonding})
    show(_found(value, f"account {address}"), as_json=as_json)


@query.command()
@click.argument("who", metavar="ADDRESS|KEY")
@click.option("--limit", type=click.IntRange(1, RPC_HISTORY_ENTRIES_MAX), default=25)
@click.option("--cursor", help="The `next` of a page, to go on below it.")
@rpc_option
@key_folder_options
@json_option
def history(
    who: str, limit: int, cursor: str | None, rpc: str, folder: KeyFolder, as_json: bool
) -> None:
    """An account's final transactions, the newest first (a node with --index full)."""
    with RpcClient(rpc) as client:
        network = client.call("aichain_status")["network"] if ":" in who else None
        address = format_address(address_named(who, network=network, folder=folder.path))
        value = client.call("aichain_getAccountHistory", address, cursor, limit)
    if not as_json:
        value["transactions"] = _brief(value["transactions"], HISTORY_COLUMNS)
    show(value, as_json=as_json)


@query.command()
@click.option("--height", type=HEIGHT, help="The set that votes at this height.")
@rpc_option
@json_option
def validators(height: int | None, rpc: str, as_json: bool) -> None:
    """The validator set with stakes."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_validators", *(() if height is None else (height,)))
    if not as_json:
        rows = {"validators", "registered"} & set(value)
        value = value | {
            name: _brief([_with_term(row) for row in value[name]], VALIDATOR_COLUMNS)
            for name in rows
        }
    show(value if as_json else _with_coins(value), as_json=as_json)


@query.command()
@rpc_option
@json_option
def supply(rpc: str, as_json: bool) -> None:
    """How many coins there are, and where."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_supply")
    show(value if as_json else _with_coins(value), as_json=as_json)


@query.command()
@rpc_option
@json_option
def peers(rpc: str, as_json: bool) -> None:
    """The peers of the node."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_peers")
    show(value if as_json else _brief(value, PEER_COLUMNS), as_json=as_json)


@query.command()
@rpc_option
@json_option
def mempool(rpc: str, as_json: bool) -> None:
    """Transactions that wait for a block."""
    _show_call(rpc, "aichain_mempool", (), as_json=as_json)


@query.command()
@click.argument("height", type=HEIGHT)
@rpc_option
@json_option
def commit(height: int, rpc: str, as_json: bool) -> None:
    """The certificate that made a height final: who signed, and the headers down to it."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_commit", height)
    value = _found(value, f"certificate for height {height}")
    if not as_json:
        certificate = value["certificate"]
        signers = _brief(certificate["signers"], VALIDATOR_COLUMNS)
        value = value | {
            "certificate": _with_coins(certificate | {"signers": signers}),
            "headers": _brief(value["headers"], HEADER_COLUMNS),
        }
    show(value, as_json=as_json)


@query.command()
@click.option(
    "--views",
    type=click.IntRange(1, VIEWS_BEHIND_MAX),
    default=4,
    show_default=True,
    help="How many views to show.",
)
@rpc_option
@json_option
def consensus(views: int, rpc: str, as_json: bool) -> None:
    """What the consensus core holds: view, votes, tallies, certificates, who was heard."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_consensusState", views)
    if not as_json:
        value = _lanes(value) if "terms" in value else _core(value)
    show(value, as_json=as_json)


@query.command()
@click.option("--height", type=HEIGHT, help="Those who vote on this height; else on the next.")
@rpc_option
@json_option
def committee(height: int | None, rpc: str, as_json: bool) -> None:
    """Who votes, with which weight, and whose turn the next views are."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_committee", *(() if height is None else (height,)))
    if not as_json:
        value = _with_coins(value | {"voters": _brief(value["voters"], VOTER_COLUMNS)})
    show(value, as_json=as_json)


@query.command()
@click.option(
    "--limit", type=click.IntRange(1, RPC_LISTED_EVIDENCE_MAX), default=16, show_default=True
)
@click.option("--cursor", type=HASH, help="The `next` of a page, to go on below it.")
@rpc_option
@json_option
def evidence(limit: int, cursor: str | None, rpc: str, as_json: bool) -> None:
    """Evidence of double signatures that the node holds, the newest first; --json has all of it."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_evidence", cursor, limit)
    if not as_json:
        value = value | {"evidence": _brief(value["evidence"], EVIDENCE_COLUMNS)}
    show(value, as_json=as_json)


@query.command()
@click.option(
    "--blocks",
    type=click.IntRange(1, CERTIFICATE_WINDOW_BLOCKS),
    default=256,
    show_default=True,
    help="How many of the last final blocks to look at.",
)
@rpc_option
@json_option
def uptime(blocks: int, rpc: str, as_json: bool) -> None:
    """Per validator: turns taken and missed, and the share of certificates that it signed."""
    with RpcClient(rpc) as client:
        value = client.call("aichain_validatorUptime", blocks)
    show(value, as_json=as_json)


def _show_call(rpc: str, method: str, params: tuple[object, ...], *, as_json: bool) -> None:
    with RpcClient(rpc) as client:
        show(client.call(method, *params), as_json=as_json)


def _height_of_latest(client: RpcClient) -> int:
    height: int = client.call("aichain_status")["height"]
    return height


def _found(value: Any, subject: str) -> Any:  # noqa: ANN401 JSON has no better type
    if value is None:
        raise CommandError(
            f"there is no {subject} here",
            "check the number or hash; `aichain query status` says how far the node is",
            CommandExit.NOT_FOUND,
        )
    return value


def _unbonding(row: dict[str, Any], height: int) -> dict[str, Any]:
    """One part of a stake that is being freed: how much, when, and how long that takes."""
    at = int(row["maturesAt"])
    wait = f"in {at - height - 1} blocks" if at > height + 1 else "now: `aichain tx withdraw`"
    return _with_coins({"amount": row["amount"], "withdrawableAt": at, "withdrawable": wait})


def _with_term(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"jailedUntil": "for ever"} if row.get("tombstoned") else row


def _brief(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """What fits on a line; --json has everything."""
    return [_with_coins({name: row[name] for name in columns if name in row}) for row in rows]


def _lanes(value: dict[str, Any]) -> dict[str, Any]:
    """With two lanes a core decides on checkpoints, and one on the blocks of each term."""
    ballot, terms = value["ballot"], value["terms"]
    others = {name: item for name, item in value.items() if name != "terms"}
    return (
        others
        | {"ballot": ballot | {"core": _core(ballot["core"])}}
        | {f"term {term['number']}": term | {"core": _core(term["core"])} for term in terms}
    )


def _core(value: dict[str, Any]) -> dict[str, Any]:
    return _with_coins(value | {"views": _tallies(value["views"])})


def _tallies(views: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a view: who was to propose, how many voted for what, what we signed."""
    return [
        {
            "view": view["view"],
            "proposer": view["proposer"],
            **{
                phase: "+".join(str(len(each["voters"])) for each in view["votes"][phase]) or "0"
                for phase in PHASES
            },
            "held": " ".join(name for name, held in view["certificates"].items() if held),
            "mine": " ".join(name for name, signed in view["mine"].items() if signed),
        }
        for view in views
    ]


def _with_coins(value: dict[str, Any]) -> dict[str, Any]:
    """Amounts (decimal texts of 10^-18 AI) for people; --json keeps the integers."""
    return {name: coins(int(item)) if is_amount(item) else item for name, item in value.items()}
