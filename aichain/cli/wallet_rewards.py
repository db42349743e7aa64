"""`aichain wallet rewards`: what is on its way to a validator, and what it was paid for blocks."""

from typing import Any

import click

from aichain.cli.client import RpcClient
from aichain.cli.key_choice import address_named
from aichain.cli.options import KeyFolder, json_option, key_folder_options, rpc_option
from aichain.cli.output import coins, show
from aichain.rpc.results.result import json_members
from genesis.limits import CERTIFICATE_WINDOW_BLOCKS

BLOCKS_MAX = 16 * CERTIFICATE_WINDOW_BLOCKS
AMOUNTS = ("pending", "accruing", "nextProposal", "paid")


@click.command()
@click.argument("who", metavar="ADDRESS|KEY")
@click.option(
    "--blocks",
    type=click.IntRange(1, BLOCKS_MAX),
    default=CERTIFICATE_WINDOW_BLOCKS,
    show_default=True,
    help="Of how many of the last blocks to add up what was paid for them.",
)
@rpc_option
@key_folder_options
@json_option
def rewards(who: str, blocks: int, rpc: str, folder: KeyFolder, as_json: bool) -> None:
    """What a validator is about to be paid for its votes, and was paid for its blocks."""
    with RpcClient(rpc) as client:
        status = client.status()
        address = address_named(who, network=status.network, folder=folder.path)
        pending = client.rewards(address)
        first = max(1, status.first_height, status.height - blocks + 1)
        paid = list(client.block_rewards(address, first, status.height))
    shown: dict[str, Any] = json_members(pending) | {
        "firstBlock": first,
        "lastBlock": status.height,
        "proposed": len(paid),
        "paid": str(sum(each.amount for each in paid)),
    }
    if not as_json:
        shown |= {name: coins(int(shown[name])) for name in AMOUNTS}
    show(shown, as_json=as_json)
