"""What transactions ask for, as options of `tx` and of `tx build`, and made of them."""

from collections.abc import Callable
from typing import Any, Final

import click

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import address_named
from aichain.cli.options import KeyFolder
from aichain.cli.values import MEMO, PEER_ID, POSITIVE_AMOUNT
from aichain.client.drafts import Sender
from aichain.keystore import onion_seed_of
from aichain.rpc.results.validators import RegisteredValidator
from genesis.limits import MEMO_MAX_BYTES
from genesis.onion import DEFAULT_ONION_LENGTH, onion_head
from genesis.units import format_address
from native.node_keys import parse_peer_id
from native.signatures import SigningKey
from vm.bodies import RegisterValidator, Transfer
from vm.transactions import sign_possession

Command = Callable[..., None]

amount_option: Final = click.option(
    "--amount", type=POSITIVE_AMOUNT, required=True, metavar="AI", help="For example 1.5"
)


def transfer_options(*, required: bool) -> Callable[[Command], Command]:
    """`--to`, `--amount` and `--memo`."""

    def with_options(command: Command) -> Command:
        for option in (
            click.option(
                "--memo",
                type=MEMO,
                default="",
                metavar="TEXT",
                help=f"At most {MEMO_MAX_BYTES} bytes, public for ever.",
            ),
            click.option(
                "--amount",
                type=POSITIVE_AMOUNT,
                required=required,
                metavar="AI",
                help="For example 1.5",
            ),
            click.option("--to", required=required, metavar="ADDRESS|KEY"),
        ):
            command = option(command)
        return command

    return with_options


def registration_options(command: Command) -> Command:
    """`--stake`, `--peer-id` and `--commission-bps` of a validator."""
    for option in (
        click.option(
            "--commission-bps", type=click.IntRange(0, 10_000), default=0, show_default=True
        ),
        click.option(
            "--peer-id",
            type=PEER_ID,
            metavar="ID",
            help="Of your node; without it, that of the node at --rpc.",
        ),
        click.option(
            "--stake",
            "amount",
            type=POSITIVE_AMOUNT,
            default="2000",
            show_default=True,
            metavar="AI",
        ),
    ):
        command = option(command)
    return command


def transfer(to: str, amount: int, memo: bytes, sender: Sender, folder: KeyFolder) -> Transfer:
    """`to` is an address, a key's label or file, or account:1."""
    return Transfer(address_named(to, network=sender.network, folder=folder.path), amount, memo)


def registration(
    client: RpcClient,
    sender: Sender,
    voter: SigningKey,
    **given: Any,  # noqa: ANN401 the options above
) -> RegisterValidator:
    """The key that votes, its proof of possession, and a stake."""
    node = given["peer_id"] or parse_peer_id(client.status().node_id)
    return RegisterValidator(
        public_key=voter.public_key,
        possession=sign_possession(sender.network_id, sender.address, voter),
        peer_id=node,
        commission_bps=given["commission_bps"],
        onion_head=onion_head(onion_seed_of(voter), DEFAULT_ONION_LENGTH),
        onion_length=DEFAULT_ONION_LENGTH,
        stake=given["amount"],
    )


def renewal(client: RpcClient, sender: Sender, voter: SigningKey) -> RegisterValidator:
    """The registration again, with reveals that were not committed to before."""
    registered = _registered(client, sender)
    seed = onion_seed_of(voter, registered.onion_renewals + 1)
    return RegisterValidator(
        public_key=voter.public_key,
        possession=sign_possession(sender.network_id, sender.address, voter),
        peer_id=parse_peer_id(registered.peer_id),
        commission_bps=registered.commission_bps,
        onion_head=onion_head(seed, DEFAULT_ONION_LENGTH),
        onion_length=DEFAULT_ONION_LENGTH,
        stake=0,
    )


def _registered(client: RpcClient, sender: Sender) -> RegisteredValidator:
    """What the node says of the sender's validator."""
    own = format_address(sender.address)
    for row in client.validators().registered or ():
        if row.address == own:
            return row
    raise CommandError(
        f"{own} has not registered a validator",
        "name its owner with --from, or run `aichain tx register-validator` first",
        CommandExit.USAGE,
    )
