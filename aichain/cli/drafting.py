"""What every transaction that is made here is asked for: whose it is, what it may cost, where."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from aichain.cli.client import RpcClient
from aichain.cli.options import KeyFolder, key_folder_options, rpc_option
from aichain.cli.values import AMOUNT


@dataclass(frozen=True, slots=True)
class Drafting:
    """The options that `tx …` and `tx build …` have in common."""

    sender: str
    fee_max: int | None
    """None: enough for today's price, with room."""
    tip: int
    rpc: str
    network_id: int | None
    """None: that of the node, whatever it is."""
    folder: KeyFolder

    def client(self) -> RpcClient:
        """Of the node that says where the account stands."""
        return RpcClient(self.rpc, network_id=self.network_id)


def drafting_options(
    command: Callable[..., None], *, sender: str, sender_help: str, sender_required: bool = True
) -> Callable[..., None]:
    """`--from`, fees, `--network-id`, `--rpc` and the key folder's, handed over as one `drafting`.

    `sender` is what `--from` takes.
    """

    @functools.wraps(command)
    def with_drafting(*args: Any, folder: KeyFolder, **given: Any) -> None:  # noqa: ANN401 click
        drafting = Drafting(
            sender=given.pop("sender") or "",
            fee_max=given.pop("max_fee"),
            tip=given.pop("tip"),
            rpc=given.pop("rpc"),
            network_id=given.pop("network_id"),
            folder=folder,
        )
        command(*args, drafting=drafting, **given)

    wrapped: Callable[..., None] = rpc_option(key_folder_options(with_drafting))
    from_option = click.option(
        "--from", "sender", required=sender_required, metavar=sender, help=sender_help
    )
    for option in (*_OPTIONS, from_option):
        wrapped = option(wrapped)
    return wrapped


_OPTIONS = (
    click.option(
        "--network-id",
        type=click.IntRange(1),
        envvar="AICHAIN_NETWORK_ID",
        metavar="N",
        help="For this network only, whatever the node says it is.",
    ),
    click.option(
        "--tip",
        type=AMOUNT,
        default="0",
        show_default=True,
        metavar="AI",
        help="For the proposer.",
    ),
    click.option(
        "--max-fee",
        type=AMOUNT,
        metavar="AI",
        help="The most that may be burned; without it, 16 times today's price and the fee for "
        "a new account. What is burned is the price of the block.",
    ),
)
