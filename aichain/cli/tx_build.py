"""`aichain tx build`: a transaction for a key that is on another machine."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from aichain.cli.drafting import Drafting, drafting_options
from aichain.cli.key_choice import address_named, signing_key
from aichain.cli.options import KeyFolder
from aichain.cli.output import write_out
from aichain.cli.refusals import refused_here
from aichain.cli.values import FILE
from aichain.client.drafts import VALID_BLOCKS, Sender, draft
from aichain.client.offline import UnsignedFile
from genesis.limits import VALIDITY_WINDOW_BLOCKS
from vm.bodies import Body, Role, Stake, Unjail, Unstake, Withdraw
from vm.errors import InvalidTransaction


@dataclass(frozen=True, slots=True)
class Building:
    """The options that every `tx build` command has."""

    drafting: Drafting
    valid_blocks: int
    out: Path | None

    @property
    def folder(self) -> KeyFolder:
        return self.drafting.folder


@click.group()
def build() -> None:
    """Make a transaction for a key that is elsewhere: a file of JSON, or a pipe.

    The node says the account's nonce and today's price; no key is needed here but, for a
    validator, the one that votes. Give the file to `aichain tx sign`.
    """


def building_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--from`, fees, `--rpc`, `--out` and the rest, handed to the command as one `building`."""

    @functools.wraps(command)
    def with_building(*args: Any, drafting: Drafting, **given: Any) -> None:  # noqa: ANN401 click
        building = Building(drafting, given.pop("valid_blocks"), given.pop("out"))
        command(*args, building=building, **given)

    out = click.option("--out", type=FILE, help="The file to write; without it, the output.")
    valid_blocks = click.option(
        "--valid-blocks",
        type=click.IntRange(1, VALIDITY_WINDOW_BLOCKS),
        default=VALID_BLOCKS,
        show_default=True,
        help="For how many blocks it is good: two a second.",
    )
    return drafting_options(
        valid_blocks(out(with_building)), sender="ADDRESS|KEY", sender_help="Whose coins."
    )


@build.command("send")
@transfer_options(required=True)
@building_options
def build_send(to: str, amount: int, memo: bytes, building: Building) -> None:
    """Coins to an address."""
    _write(building, lambda _, sender: transfer(to, amount, memo, sender, building.folder))


@build.command("stake")
@amount_option
@building_options
def build_stake(amount: int, building: Building) -> None:
    """More stake in the sender's validator."""
    _write(building, lambda _, sender: Stake(Role.VALIDATOR, sender.address, amount))


@build.command("unstake")
@amount_option
@building_options
def build_unstake(amount: int, building: Building) -> None:
    """Less stake; `withdraw` takes it when unbonding is over."""
    _write(building, lambda _, sender: Unstake(Role.VALIDATOR, sender.address, amount))


@build.command("withdraw")
@building_options
def build_withdraw(building: Building) -> None:
    """All coins whose unbonding is over."""
    _write(building, lambda _, __: Withdraw())


@build.command("unjail")
@building_options
def build_unjail(building: Building) -> None:
    """A candidate again once the jail term is over."""
    _write(building, lambda _, __: Unjail())


@build.command("register-validator")
@registration_options
@click.option("--validator-key", required=True, help="The key that votes; it is needed here.")
@building_options
def build_register_validator(
    amount: int,
    peer_id: bytes | None,
    commission_bps: int,
    validator_key: str,
    building: Building,
) -> None:
    """A validator of the sender's: the key that votes is here, the sender's is not."""

    def body(client: RpcClient, sender: Sender) -> Body:
        voter = signing_key(validator_key, network=sender.network, folder=building.folder)
        return registration(
            client, sender, voter, amount=amount, peer_id=peer_id, commission_bps=commission_bps
        )

    _write(building, body)


@build.command("renew-onion")
@click.option("--validator-key", required=True, help="The key that votes; it is needed here.")
@building_options
def build_renew_onion(validator_key: str, building: Building) -> None:
    """New reveals for the beacon."""

    def body(client: RpcClient, sender: Sender) -> Body:
        voter = signing_key(validator_key, network=sender.network, folder=building.folder)
        return renewal(client, sender, voter)

    _write(building, body)


def _write(building: Building, make_body: Callable[[RpcClient, Sender], Body]) -> None:
    drafting = building.drafting
    with drafting.client() as client:
        status = client.status()
        address = address_named(
            drafting.sender, network=status.network, folder=building.folder.path
        )
        sender = client.sender(address, status)
        try:
            made = draft(
                sender,
                make_body(client, sender),
                fee_max=drafting.fee_max,
                tip=drafting.tip,
                valid_blocks=building.valid_blocks,
            )
        except InvalidTransaction as error:
            raise refused_here(error) from None
    text = UnsignedFile(made, sender.must_reveal).to_json()
    write_out(building.out, text)
    if building.out is not None:
        click.echo(f"{building.out} waits for `aichain tx sign {building.out}`", err=True)
