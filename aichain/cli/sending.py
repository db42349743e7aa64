"""Make, sign and submit one transaction, and wait until it is final."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import address_named, signing_key
from aichain.cli.options import KeyFolder, json_option, key_folder_options, rpc_option
from aichain.cli.output import coins, show
from aichain.cli.refusals import explain_refusal, refused_here
from aichain.cli.values import AMOUNT, SECONDS
from genesis.units import Address, address_of_key, format_address
from native.signatures import SigningKey
from vm.errors import InvalidTransaction
from vm.transactions import Body, SignedTransaction, Transaction, sign_transaction

VALID_BLOCKS: Final = 1_200
"""Ten minutes: a transaction that is stuck for longer should be forgotten."""
FEE_ROOM: Final = 16
"""How far the base fee may rise before a waiting transaction no longer pays for itself."""
WEIGHT_MOST: Final = 15_000
"""No transaction of this command line weighs more (a registration that reveals its key)."""
POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Sending:
    """The options that every `tx` command has."""

    sender: str
    fee_max: int | None
    """None: enough for today's price, with room."""
    tip: int
    wait: bool
    timeout_s: float
    rpc: str
    folder: KeyFolder
    as_json: bool


@dataclass(frozen=True, slots=True)
class Signer:
    """Who sends, on which network, from which nonce on."""

    key: SigningKey
    address: Address
    network: str
    network_id: int
    height: int
    base_fee: int
    creation_fee: int
    account: Mapping[str, Any]


def sending_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--from`, fees, `--wait`, `--rpc` and the rest, handed to the command as one `sending`."""

    @functools.wraps(command)
    def with_sending(*args: Any, folder: KeyFolder, **given: Any) -> None:  # noqa: ANN401 click
        sending = Sending(
            sender=given.pop("sender"),
            fee_max=given.pop("max_fee"),
            tip=given.pop("tip"),
            wait=given.pop("wait"),
            timeout_s=given.pop("timeout_s"),
            rpc=given.pop("rpc"),
            folder=folder,
            as_json=given.pop("as_json"),
        )
        command(*args, sending=sending, **given)

    wrapped: Callable[..., None] = json_option(rpc_option(key_folder_options(with_sending)))
    options = (
        click.option(
            "--timeout",
            "timeout_s",
            type=SECONDS,
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="How long --wait waits.",
        ),
        click.option("--wait", is_flag=True, help="Return when it is final."),
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
        click.option(
            "--from", "sender", required=True, metavar="KEY", help="Label, file or account:0."
        ),
    )
    for option in options:
        wrapped = option(wrapped)
    return wrapped


def send(sending: Sending, make_body: Callable[[RpcClient, Signer], Body]) -> None:
    """Ask the node where the account stands, sign, submit, and wait if that was asked for."""
    with RpcClient(sending.rpc) as client:
        signer = _signer(client, sending)
        try:
            signed = _signed(signer, sending, make_body(client, signer))
        except InvalidTransaction as error:
            raise refused_here(error) from None
        begun = time.monotonic()
        client.call("aichain_sendTransaction", "0x" + signed.raw.hex())
        tx_hash = "0x" + signed.id.hex()
        if not sending.wait:
            next_step = f"aichain query tx {tx_hash}"
            show({"hash": tx_hash, "status": "pending", "next": next_step}, as_json=sending.as_json)
            return
        view = _wait(client, tx_hash, sending.timeout_s)
        elapsed_ms = int((time.monotonic() - begun) * 1000)
    receipt = view["receipt"]
    shown = {
        "hash": tx_hash,
        "status": view["status"],
        "height": view["height"],
        "elapsedMs": elapsed_ms,
        "feeBurned": receipt["feeBurned"] if sending.as_json else coins(int(receipt["feeBurned"])),
    }
    shown |= _stake_freed(receipt, as_json=sending.as_json)
    show(shown | ({"receipt": receipt} if sending.as_json else {}), as_json=sending.as_json)
    if view["status"] == "failed":
        name = str(receipt["error"])
        why, _ = explain_refusal(name, {}) or (name.replace("_", " "), "")
        raise CommandError(
            f"the transaction is final and had no effect: {why}",
            f"its fee was charged; see `aichain query tx {tx_hash}`",
            CommandExit.NOT_APPLIED,
        )


def _stake_freed(receipt: Mapping[str, Any], *, as_json: bool) -> dict[str, object]:
    """What `withdraw` paid out, or when what `unstake` set free can be withdrawn."""
    shown: dict[str, object] = {}
    for event in receipt.get("events", ()):
        if event["kind"] == "withdrawn":
            shown["withdrawn"] = event["amount"] if as_json else coins(int(event["amount"]))
        elif event["kind"] == "unstaked":
            shown["withdrawableAt"] = event["maturesAt"]
    return shown


def recipient(text: str, network: str, folder: KeyFolder) -> Address:
    """Who `--to` means: an address, a key's label or file, or account:1."""
    return address_named(text, network=network, folder=folder.path)


def _signer(client: RpcClient, sending: Sending) -> Signer:
    status = client.call("aichain_status")
    network = str(status["network"])
    key = signing_key(sending.sender, network=network, folder=sending.folder)
    address = address_of_key(key.public_key)
    account = client.call("aichain_getAccount", format_address(address))
    if not account["exists"]:
        raise CommandError(
            f"{format_address(address)} has no coins on {network}",
            "send some to it first: every transaction pays a fee",
            CommandExit.REFUSED,
        )
    return Signer(
        key=key,
        address=address,
        network=network,
        network_id=int(status["chainId"]),
        height=int(status["height"]),
        base_fee=int(status["baseFee"]),
        creation_fee=int(status["accountCreationFee"]),
        account=account,
    )


def _signed(signer: Signer, sending: Sending, body: Body) -> SignedTransaction:
    enough = signer.creation_fee + FEE_ROOM * signer.base_fee * WEIGHT_MOST
    transaction = Transaction(
        network_id=signer.network_id,
        sender=signer.address,
        nonce=int(signer.account["pendingNonce"]),
        fee_max=enough if sending.fee_max is None else sending.fee_max,
        tip=sending.tip,
        valid_until=signer.height + VALID_BLOCKS,
        body=body,
    )
    return sign_transaction(transaction, signer.key, reveal=not signer.account["algorithm"])


def _wait(client: RpcClient, tx_hash: str, timeout_s: float) -> Mapping[str, Any]:
    deadline = time.monotonic() + timeout_s
    while True:
        view = client.call("aichain_getTransaction", tx_hash)
        if view and view["status"] in ("final", "failed") and view["receipt"]:
            assert isinstance(view, dict), "aichain_getTransaction answers an object"
            return view
        if time.monotonic() > deadline:
            raise CommandError(
                f"{tx_hash} is not final after {timeout_s:.0f} s",
                "it may still become so: `aichain query tx` shows it; do validators run?",
                CommandExit.TIMEOUT,
            )
        time.sleep(POLL_S)
