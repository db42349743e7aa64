"""`aichain light`: the chain as an untrusted server tells it, every word of it proved."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from aichain.cli.client import RpcClient
from aichain.cli.light_client import LightClient, Reliance
from aichain.cli.light_server import LightServer
from aichain.cli.options import home_option, rpc_option
from aichain.cli.output import coins, show
from aichain.cli.values import ADDRESS, HEIGHT, RAW_HASH, TRUST_POINT
from aichain.clock import SystemClock
from aichain.config import TrustPoint, load_document
from aichain.homes import data_root, default_home
from aichain.rpc.render.blocks import show_header
from aichain.rpc.results.result import json_members
from genesis.networks import known_networks
from genesis.units import Address, format_address
from native.hashing import Hash32
from native.signatures import Algorithm
from vm.blocks import Header
from vm.records import Account, account_key, decode_account

TRUST_FILE: Final = "light.json"
FOLDER_NAME: Final = "light"
POLL_S: Final = 0.25
STALE_MS: Final = 60_000


@click.group()
@click.option(
    "--trust",
    type=TRUST_POINT,
    metavar="HEIGHT:HASH",
    help="A block that somebody you trust vouches for. Needed once; later the file in --home has "
    "the newest block that was proved.",
)
@rpc_option
@click.option("--network", metavar="NAME|PATH", help="Only this network's chain will do.")
@home_option
@click.option(
    "--allow-old-trust",
    is_flag=True,
    help="Start from a block of more than 14 days ago: who voted then may have taken the stake "
    "that vouched for it, and could make up another chain.",
)
@click.option("--verbose", is_flag=True, help="Say how large the proof was and how long it took.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def light(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 click passes what it has
    """Ask a server that need not be trusted, and believe only what it proves.

    From the trusted block on, each answer is checked: the certificate of 69 % of the stake, the
    headers under it, the way validator sets changed, and the proof of the record.
    """
    ctx.obj = given


@light.command()
@click.argument("address", type=ADDRESS)
@click.pass_obj
def account(given: dict[str, Any], address: Address) -> None:
    """Balance, nonce and stake of an address, proved."""
    with _client(given) as client:
        claim, child = client.record(account_key(address))
        found = Account() if claim.value is None else decode_account(claim.value)
        value: dict[str, object] = {
            "address": format_address(address),
            "exists": claim.value is not None,
            "balance": _amount(given, found.balance),
            "nonce": found.nonce,
            "staked": _amount(given, found.staked),
            "algorithm": Algorithm(found.algorithm).name if found.algorithm else None,
            "height": child.height - 1,
        }
        show(value | _proof(given, client), as_json=given["as_json"])


@light.command()
@click.argument("height", type=HEIGHT)
@click.pass_obj
def header(given: dict[str, Any], height: int) -> None:
    """A final header of any height, proved under the last one."""
    with _client(given) as client:
        value = json_members(show_header(client.header(height)))
        show(value | _proof(given, client), as_json=given["as_json"])


@light.command("tx")
@click.argument("tx_id", metavar="HASH", type=RAW_HASH)
@click.pass_obj
def transaction(given: dict[str, Any], tx_id: Hash32) -> None:
    """A final transaction's place and outcome, proved; the outcome once the next block is final."""
    with _client(given) as client:
        block, index, receipt = client.transaction(tx_id)
        value: dict[str, object] = {
            "hash": "0x" + tx_id.hex(),
            "height": block.height,
            "index": index,
            "timestampMs": block.timestamp_ms,
            "ok": None if receipt is None else receipt.ok,
            "error": None if receipt is None else receipt.error or None,
            "feeBurned": _amount(given, None if receipt is None else receipt.fee_burned),
            "tip": _amount(given, None if receipt is None else receipt.tip),
        }
        show(value | _proof(given, client), as_json=given["as_json"])


@light.command()
@click.option("--count", type=click.IntRange(1), help="Stop after so many heads.")
@click.pass_obj
def follow(given: dict[str, Any], count: int | None) -> None:
    """Print each new final block that the server can prove, until interrupted."""
    with _client(given) as client:
        seen, before = 0, -1
        while count is None or seen < count:
            head = client.advance()
            if head.height > before:
                before, seen = head.height, seen + 1
                _print_head(given, client, head)
            else:
                time.sleep(POLL_S)


def _amount(given: dict[str, Any], amount: int | None) -> str | None:
    if amount is None:
        return None
    return str(amount) if given["as_json"] else coins(amount)


def _print_head(given: dict[str, Any], client: LightClient, head: Header) -> None:
    value = {
        "height": head.height,
        "hash": "0x" + head.id.hex(),
        "timestampMs": head.timestamp_ms,
        **_proof(given, client),
    }
    if given["as_json"]:
        show(value, as_json=True)
    else:
        click.echo("  ".join(str(item) for item in value.values()))


@contextmanager
def _client(given: dict[str, Any]) -> Iterator[LightClient]:
    network = given["network"]
    clock = SystemClock()
    reliance = Reliance(
        trust_file=_home(given["home"], network) / TRUST_FILE,
        point=TrustPoint(*given["trust"]) if given["trust"] else None,
        document=None if network is None else load_document(network),
        now_ms=clock.now_ms,
        allow_old=given["allow_old_trust"],
    )
    with RpcClient(given["rpc"]) as rpc:
        client = LightClient(LightServer(rpc), reliance)
        yield client
        for note in client.effort.notes:
            click.echo(f"note: {note}", err=True)
        age_ms = clock.now_ms() - client.head.timestamp_ms
        if age_ms > STALE_MS:
            click.echo(
                f"note: the last block is {age_ms // 1000} seconds old; the server may be behind, "
                "or the chain may stand",
                err=True,
            )


def _home(home: Path | None, network: str | None) -> Path:
    if home is not None:
        return home
    if network in known_networks():
        return default_home(network, os.environ)
    return data_root(os.environ) / FOLDER_NAME


def _proof(given: dict[str, Any], client: LightClient) -> dict[str, object]:
    """What --verbose adds."""
    if not given["verbose"]:
        return {}
    effort = client.effort
    return {
        "certificates": effort.certificates,
        "proofBytes": effort.proof_bytes,
        "verifyMs": round(effort.verify_ms, 1),
    }
