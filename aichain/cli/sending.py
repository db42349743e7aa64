"""Make, sign and submit one transaction, and wait until it is final."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from aichain.cli.client import RpcClient
from aichain.cli.drafting import Drafting, drafting_options
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import signing_key
from aichain.cli.options import json_option
from aichain.cli.output import coins, show
from aichain.cli.refusals import explain_refusal, refused_here
from aichain.cli.values import SECONDS
from aichain.client.drafts import Sender, draft
from aichain.client.outcomes import Expired, Failed, Final
from aichain.rpc.results.result import json_members
from aichain.rpc.results.transactions import Receipt, Unstaked, Withdrawn
from genesis.units import Address, address_of_key
from native.signatures import SigningKey
from vm.bodies import Body
from vm.errors import InvalidTransaction
from vm.transactions import SignedTransaction, sign_transaction


@dataclass(frozen=True, slots=True)
class Sending:
    """The options that every `tx` command has."""

    drafting: Drafting
    wait: bool
    timeout_s: float
    as_json: bool

    @property
    def delivery(self) -> "Delivery":
        return Delivery(self.drafting.rpc, self.wait, self.timeout_s, self.as_json)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a signed transaction goes, and whether to wait for it."""

    rpc: str
    wait: bool
    timeout_s: float
    as_json: bool


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and where the account stands."""

    key: SigningKey
    account: Sender

    @property
    def address(self) -> Address:
        return self.account.address

    @property
    def network(self) -> str:
        return self.account.network

    @property
    def network_id(self) -> int:
        return self.account.network_id


def sending_options(
    *, sender_required: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--from`, fees, `--wait`, `--rpc` and the rest, handed to the command as one `sending`."""
    return functools.partial(_with_sending_options, sender_required=sender_required)


def _with_sending_options(
    command: Callable[..., None], *, sender_required: bool
) -> Callable[..., None]:
    @functools.wraps(command)
    def with_sending(*args: Any, drafting: Drafting, **given: Any) -> None:  # noqa: ANN401 click
        sending = Sending(drafting, given.pop("wait"), given.pop("timeout_s"), given.pop("as_json"))
        command(*args, sending=sending, **given)

    timeout = click.option(
        "--timeout",
        "timeout_s",
        type=SECONDS,
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="How long --wait waits.",
    )
    wait = click.option("--wait", is_flag=True, help="Return when it is final.")
    return drafting_options(
        wait(timeout(json_option(with_sending))),
        sender="KEY",
        sender_help="Label, file or account:0.",
        sender_required=sender_required,
    )


def send(sending: Sending, make_body: Callable[[RpcClient, Signer], Body]) -> None:
    """Ask the node where the account stands, sign, submit, and wait if that was asked for."""
    with sending.drafting.client() as client:
        signer = _signer(client, sending.drafting)
        try:
            signed = _signed(signer, sending.drafting, make_body(client, signer))
        except InvalidTransaction as error:
            raise refused_here(error) from None
        deliver(client, signed, sending.delivery)


def deliver(client: RpcClient, signed: SignedTransaction, delivery: Delivery) -> None:
    """Submit, and show the hash; or wait, and show what became of it."""
    begun = time.monotonic()
    tx_hash = client.send(signed)
    if not delivery.wait:
        next_step = f"aichain query tx {tx_hash}"
        show({"hash": tx_hash, "status": "pending", "next": next_step}, as_json=delivery.as_json)
        return
    outcome = client.wait_for_final(signed, timeout_s=delivery.timeout_s)
    elapsed_ms = int((time.monotonic() - begun) * 1000)
    if isinstance(outcome, Expired):
        raise CommandError(
            f"the transaction was good up to block {outcome.valid_until}, and no block took it",
            "nothing was charged: send it again",
            CommandExit.NOT_APPLIED,
        )
    _show_outcome(outcome, elapsed_ms, as_json=delivery.as_json)
    if isinstance(outcome, Failed):
        why, _ = explain_refusal(outcome.error, {}) or (outcome.error.replace("_", " "), "")
        raise CommandError(
            f"the transaction is final and had no effect: {why}",
            f"its fee was charged; see `aichain query tx {tx_hash}`",
            CommandExit.NOT_APPLIED,
        )


def _show_outcome(outcome: Final | Failed, elapsed_ms: int, *, as_json: bool) -> None:
    receipt = outcome.receipt
    shown: dict[str, object] = {
        "hash": outcome.hash,
        "status": "final" if isinstance(outcome, Final) else "failed",
        "height": outcome.height,
        "elapsedMs": elapsed_ms,
        "feeBurned": receipt.fee_burned if as_json else coins(int(receipt.fee_burned)),
    }
    shown |= _stake_freed(receipt, as_json=as_json)
    show(shown | ({"receipt": json_members(receipt)} if as_json else {}), as_json=as_json)


def _stake_freed(receipt: Receipt, *, as_json: bool) -> dict[str, object]:
    """What `withdraw` paid out, or when what `unstake` set free can be withdrawn."""
    shown: dict[str, object] = {}
    for event in receipt.events or ():
        if isinstance(event, Withdrawn):
            shown["withdrawn"] = event.amount if as_json else coins(int(event.amount))
        elif isinstance(event, Unstaked):
            shown["withdrawableAt"] = event.matures_at
    return shown


def _signer(client: RpcClient, drafting: Drafting) -> Signer:
    status = client.status()
    key = signing_key(drafting.sender, network=status.network, folder=drafting.folder)
    return Signer(key, client.sender(address_of_key(key.public_key), status))


def _signed(signer: Signer, drafting: Drafting, body: Body) -> SignedTransaction:
    made = draft(
        signer.account,
        body,
        fee_max=drafting.fee_max,
        tip=drafting.tip,
        algorithm=signer.key.algorithm,
    )
    return sign_transaction(made, signer.key, reveal=signer.account.must_reveal)
