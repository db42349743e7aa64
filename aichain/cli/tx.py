"""`aichain tx`: send coins, stake them, become a validator; build, sign and send apart."""

from pathlib import Path

import click

from aichain.cli.bodies import (
    amount_option,
    registration,
    registration_options,
    renewal,
    transfer,
    transfer_options,
)
from aichain.cli.client import RpcClient
from aichain.cli.key_choice import signing_key
from aichain.cli.sending import Sending, Signer, send, sending_options
from aichain.cli.tx_build import build
from aichain.cli.tx_sign import send_file, sign
from aichain.cli.values import FILE
from genesis.units import format_amount
from native.node_keys import peer_id_text
from native.signatures import SigningKey
from vm.bodies import Body, Role, Stake, Unjail, Unstake, Withdraw


@click.group()
def tx() -> None:
    """Send coins, stake them, and become a validator.

    A key is named by its label in the folder of keys, by its file, or as account:0 on test
    networks. Where the key is on a machine without a network: `tx build` there where the node
    is, `tx sign` where the key is, and `tx send FILE`.
    """


tx.add_command(build)
tx.add_command(sign)


@tx.command("send")
@click.argument("signed", required=False, metavar="[FILE]", type=FILE)
@transfer_options(required=False)
@sending_options(sender_required=False)
def send_coins(
    signed: Path | None, to: str | None, amount: int | None, memo: bytes, sending: Sending
) -> None:
    """Send coins to an address; or a FILE that `tx sign` wrote, - for a pipe.

    Coins need --from, --to and --amount.
    """
    given = {"--from": sending.drafting.sender, "--to": to, "--amount": amount}
    if signed is not None:
        also = [name for name, value in given.items() if value]
        if also:
            raise click.UsageError(f"the file says what is sent: leave out {', '.join(also)}")
        send_file(signed, sending.delivery)
        return
    for name, value in given.items():
        if not value:
            raise click.UsageError(f"Missing option '{name}', or the file of a signed transaction")
    assert to is not None, "it was given"
    assert amount is not None, "it was given"
    recipient, coins = to, amount
    send(
        sending,
        lambda _, who: transfer(recipient, coins, memo, who.account, sending.drafting.folder),
    )


@tx.command()
@amount_option
@sending_options()
def stake(amount: int, sending: Sending) -> None:
    """Lock more coins in your own validator."""
    send(sending, lambda _, signer: Stake(Role.VALIDATOR, signer.address, amount))


@tx.command()
@amount_option
@sending_options()
def unstake(amount: int, sending: Sending) -> None:
    """Start to free coins from your validator; `withdraw` takes them when unbonding is over."""
    send(sending, lambda _, signer: Unstake(Role.VALIDATOR, signer.address, amount))


@tx.command()
@sending_options()
def withdraw(sending: Sending) -> None:
    """Take back all coins whose unbonding is over."""
    send(sending, lambda _, __: Withdraw())


@tx.command()
@sending_options()
def unjail(sending: Sending) -> None:
    """Become a candidate again once the jail term is over."""
    send(sending, lambda _, __: Unjail())


@tx.command("register-validator")
@registration_options
@click.option("--validator-key", help="The key that votes; without it, the sender's.")
@sending_options()
def register_validator(
    amount: int,
    peer_id: bytes | None,
    commission_bps: int,
    validator_key: str | None,
    sending: Sending,
) -> None:
    """Register as a validator: the key that votes, its proof of possession, and a stake."""

    def body(client: RpcClient, signer: Signer) -> Body:
        made = registration(
            client,
            signer.account,
            _voter(validator_key, signer, sending),
            amount=amount,
            peer_id=peer_id,
            commission_bps=commission_bps,
        )
        if not sending.as_json:
            shown = f"{peer_id_text(made.peer_id)} with {format_amount(amount)} AI"
            click.echo(f"registering node {shown}", err=True)
        return made

    send(sending, body)


@tx.command("renew-onion")
@click.option("--validator-key", help="The key that votes; without it, the sender's.")
@sending_options()
def renew_onion(validator_key: str | None, sending: Sending) -> None:
    """Commit to new reveals for the beacon before the old ones are used up.

    They count two epochs later. A validator that has nothing to reveal cannot propose.
    """

    def body(client: RpcClient, signer: Signer) -> Body:
        return renewal(client, signer.account, _voter(validator_key, signer, sending))

    send(sending, body)


def _voter(validator_key: str | None, signer: Signer, sending: Sending) -> SigningKey:
    if validator_key is None:
        return signer.key
    return signing_key(validator_key, network=signer.network, folder=sending.drafting.folder)
