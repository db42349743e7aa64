"""Accounts that send transfers to each other: their keys, nonces, and signed transactions ahead."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.client.errors import RpcRefused
from genesis.networks import PUBLIC_ACCOUNTS, account_key
from genesis.units import AI, Address, address_of_key, format_address
from native.hashing import derive_hash
from native.signatures import SigningKey
from vm.transactions import SignedTransaction, Transaction, Transfer, sign_transaction

T = TypeVar("T")
KEY_CONTEXT: Final = "aichain/load-sender/v1"
VALID_BLOCKS: Final = 7_000
FEE_MAX: Final = AI // 20
TRANSFER: Final = 10**12
FUNDS: Final = 1_000 * AI
FUNDS_LOW: Final = 100 * AI
BATCH_MAX: Final = 64
IN_FLIGHT_MAX: Final = 48
"""Below the mempool's 64 a sender, so that nobody is refused for being fast."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A signed transaction in the form that goes over RPC."""

    id: str
    nonce: int
    raw: str


@dataclass(slots=True)
class Sender:
    """One account of the load; owned by one thread, except for `in_flight`, which only it reads."""

    key: SigningKey
    address: Address
    recipient: Address
    nonce: int = 0
    reveal: bool = True
    ready: deque[Prepared] = field(default_factory=deque)
    stale: bool = False
    """Its nonce is not what the node expects any more."""
    in_flight: dict[str, int] = field(default_factory=dict)
    """Accepted and not final yet: id to submission time in ms."""

    def prepare(self, network_id: int, height: int) -> None:
        """Sign the next transfer and put it at the end of `ready`."""
        transaction = Transaction(
            network_id=network_id,
            sender=self.address,
            nonce=self.nonce,
            fee_max=FEE_MAX,
            tip=0,
            valid_until=height + VALID_BLOCKS,
            body=Transfer(self.recipient, TRANSFER),
        )
        self.ready.append(prepared(sign_transaction(transaction, self.key, reveal=self.reveal)))
        self.nonce += 1

    def resume(self, account: dict[str, Any]) -> None:
        """Go on from what a node knows of this account; what was signed ahead is dropped."""
        self.nonce = int(account["pendingNonce"])
        self.reveal = not account["algorithm"]
        self.stale = False
        self.ready.clear()


def prepared(signed: SignedTransaction) -> Prepared:
    return Prepared("0x" + signed.id.hex(), signed.transaction.nonce, "0x" + signed.raw.hex())


def make_senders(count: int, seed: bytes = b"") -> list[Sender]:
    """The same accounts for the same seed; each sends to the next one round the circle."""
    keys = [
        SigningKey.from_seed(derive_hash(KEY_CONTEXT, seed + index.to_bytes(4, "big")))
        for index in range(count)
    ]
    addresses = [address_of_key(key.public_key) for key in keys]
    return [
        Sender(key, address, addresses[(index + 1) % count])
        for index, (key, address) in enumerate(zip(keys, addresses, strict=True))
    ]


def ready_senders(
    client: RpcClient,
    network: str,
    senders: Sequence[Sender],
    wait: Callable[[Sequence[str]], None],
) -> None:
    """Fund the senders from the public accounts and reveal their keys; `wait` is for finality."""
    status = client.call("aichain_status")
    network_id, height = int(status["chainId"]), int(status["height"])
    poor = [each for each in senders if int(_account(client, each.address)["balance"]) < FUNDS_LOW]
    for group in _groups(poor, BATCH_MAX):
        wait(_send_all(client, _funding(client, network, network_id, height, group)))
    reveals = []
    for sender in senders:
        sender.resume(_account(client, sender.address))
        if sender.reveal:
            sender.prepare(network_id, height)
            reveals.append(sender.ready.popleft())
    for revealing in _groups(reveals, BATCH_MAX):
        wait(_send_all(client, revealing))
    for sender in senders:
        sender.resume(_account(client, sender.address))


def _funding(
    client: RpcClient, network: str, network_id: int, height: int, poor: Sequence[Sender]
) -> list[Prepared]:
    """One transfer to each poor sender, the public accounts taking turns."""
    keys = [account_key(network, index) for index in range(PUBLIC_ACCOUNTS)]
    accounts = [_account(client, address_of_key(key.public_key)) for key in keys]
    nonces = [int(account["pendingNonce"]) for account in accounts]
    transfers = []
    for turn, sender in enumerate(poor):
        index = turn % len(keys)
        transaction = Transaction(
            network_id=network_id,
            sender=address_of_key(keys[index].public_key),
            nonce=nonces[index],
            fee_max=FEE_MAX,
            tip=0,
            valid_until=height + VALID_BLOCKS,
            body=Transfer(sender.address, FUNDS),
        )
        reveal = not accounts[index]["algorithm"]
        transfers.append(prepared(sign_transaction(transaction, keys[index], reveal=reveal)))
        nonces[index] += 1
    return transfers


def _send_all(client: RpcClient, transfers: Sequence[Prepared]) -> list[str]:
    answers = client.batch("aichain_sendTransaction", [(each.raw,) for each in transfers])
    for answer in answers:
        if isinstance(answer, RpcRefused):
            raise CommandError(
                f"the load's accounts cannot be funded: {answer.reason}",
                "is this a local network with public accounts? see `aichain localnet status`",
                CommandExit.REFUSED,
            )
    return [each.id for each in transfers]


def _account(client: RpcClient, address: Address) -> dict[str, Any]:
    account = client.call("aichain_getAccount", format_address(address))
    assert isinstance(account, dict), "aichain_getAccount answers an object"
    return account


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
