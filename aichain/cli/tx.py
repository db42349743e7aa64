"""`aichain tx`: send coins, stake them, and become a validator."""

import click

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import signing_key
from aichain.cli.sending import Sending, Signer, recipient, send, sending_options
from aichain.cli.values import MEMO, PEER_ID, POSITIVE_AMOUNT
from aichain.keystore import onion_seed_of
from aichain.rpc.results.validators import RegisteredValidator
from genesis.limits import MEMO_MAX_BYTES
from genesis.onion import DEFAULT_ONION_LENGTH, onion_head
from genesis.units import format_address, format_amount
from native.node_keys import parse_peer_id, peer_id_text
from native.signatures import SigningKey
from vm.transactions import (
    Body,
    RegisterValidator,
    Role,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    sign_possession,
)


@click.group()
def tx() -> None:
    """Send coins, stake them, and become a validator.

    A key is named by its label in the folder of keys, by its file, or as account:0 on test
    networks.
    """


@tx.command("send")
@click.option("--to", required=True, metavar="ADDRESS|KEY")
@click.option("--amount", type=POSITIVE_AMOUNT, required=True, metavar="AI", help="For example 1.5")
@click.option(
    "--memo",
    type=MEMO,
    default="",
    metavar="TEXT",
    help=f"At most {MEMO_MAX_BYTES} bytes, public for ever.",
)
@sending_options
def send_coins(to: str, amount: int, memo: bytes, sending: Sending) -> None:
    """Send coins to an address."""

    def body(_: RpcClient, signer: Signer) -> Body:
        return Transfer(recipient(to, signer.network, sending.folder), amount, memo)

    send(sending, body)


@tx.command()
@click.option("--amount", type=POSITIVE_AMOUNT, required=True, metavar="AI")
@sending_options
def stake(amount: int, sending: Sending) -> None:
    """Lock more coins in your own validator."""
    send(sending, lambda _, signer: Stake(Role.VALIDATOR, signer.address, amount))


@tx.command()
@click.option("--amount", type=POSITIVE_AMOUNT, required=True, metavar="AI")
@sending_options
def unstake(amount: int, sending: Sending) -> None:
    """Start to free coins from your validator; `withdraw` takes them when unbonding is over."""
    send(sending, lambda _, signer: Unstake(Role.VALIDATOR, signer.address, amount))


@tx.command()
@sending_options
def withdraw(sending: Sending) -> None:
    """Take back all coins whose unbonding is over."""
    send(sending, lambda _, __: Withdraw())


@tx.command()
@sending_options
def unjail(sending: Sending) -> None:
    """Become a candidate again once the jail term is over."""
    send(sending, lambda _, __: Unjail())


@tx.command("register-validator")
@click.option(
    "--stake",
    "amount",
    type=POSITIVE_AMOUNT,
    default="2000",
    show_default=True,
    metavar="AI",
)
@click.option(
    "--peer-id",
    type=PEER_ID,
    metavar="ID",
    help="Of your node; without it, that of the node at --rpc.",
)
@click.option("--commission-bps", type=click.IntRange(0, 10_000), default=0, show_default=True)
@click.option("--validator-key", help="The key that votes; without it, the sender's.")
@sending_options
def register_validator(
    amount: int,
    peer_id: bytes | None,
    commission_bps: int,
    validator_key: str | None,
    sending: Sending,
) -> None:
    """Register as a validator: the key that votes, its proof of possession, and a stake."""

    def body(client: RpcClient, signer: Signer) -> Body:
        voter = _voter(validator_key, signer, sending)
        node = peer_id or parse_peer_id(client.status().node_id)
        if not sending.as_json:
            shown = f"{peer_id_text(node)} with {format_amount(amount)} AI"
            click.echo(f"registering node {shown}", err=True)
        return RegisterValidator(
            public_key=voter.public_key,
            possession=sign_possession(signer.network_id, signer.address, voter),
            peer_id=node,
            commission_bps=commission_bps,
            onion_head=onion_head(onion_seed_of(voter), DEFAULT_ONION_LENGTH),
            onion_length=DEFAULT_ONION_LENGTH,
            stake=amount,
        )

    send(sending, body)


@tx.command("renew-onion")
@click.option("--validator-key", help="The key that votes; without it, the sender's.")
@sending_options
def renew_onion(validator_key: str | None, sending: Sending) -> None:
    """Commit to new reveals for the beacon before the old ones are used up.

    They count two epochs later. A validator that has nothing to reveal cannot propose.
    """

    def body(client: RpcClient, signer: Signer) -> Body:
        voter = _voter(validator_key, signer, sending)
        registered = _registration(client, signer)
        seed = onion_seed_of(voter, registered.onion_renewals + 1)
        return RegisterValidator(
            public_key=voter.public_key,
            possession=sign_possession(signer.network_id, signer.address, voter),
            peer_id=parse_peer_id(registered.peer_id),
            commission_bps=registered.commission_bps,
            onion_head=onion_head(seed, DEFAULT_ONION_LENGTH),
            onion_length=DEFAULT_ONION_LENGTH,
            stake=0,
        )

    send(sending, body)


def _voter(validator_key: str | None, signer: Signer, sending: Sending) -> SigningKey:
    if validator_key is None:
        return signer.key
    return signing_key(validator_key, network=signer.network, folder=sending.folder)


def _registration(client: RpcClient, signer: Signer) -> RegisteredValidator:
    """What the node says of the sender's validator."""
    own = format_address(signer.address)
    for row in client.validators().registered or ():
        if row.address == own:
            return row
    raise CommandError(
        f"{own} has not registered a validator",
        "name its owner with --from, or run `aichain tx register-validator` first",
        CommandExit.USAGE,
    )
