"""A typed client of a node: what it answers as values, transactions made, signed and waited for.

Methods block, so a trio program calls them in a thread: `await trio.to_thread.run_sync(call)`.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final as Constant

from aichain.client.connection import DEFAULT_TIMEOUT_S, Connection
from aichain.client.drafts import Sender, draft
from aichain.client.errors import NotFinalInTime, OtherNetwork, RpcGarbled, SenderEmpty
from aichain.client.events import Events
from aichain.client.outcomes import Expired, Outcome, outcome_of
from aichain.client.rewards import BlockReward, reward_filter, reward_of
from aichain.client.tokens import DEFAULT_URL
from aichain.rpc.results.accounts import Account, AccountHistory, HistoryEntry, Rewards, Supply
from aichain.rpc.results.blocks import Block
from aichain.rpc.results.node import Mempool, Status
from aichain.rpc.results.transactions import TransactionStatus
from aichain.rpc.results.validators import Validators
from genesis.limits import RPC_HISTORY_ENTRIES_MAX, RPC_LOG_BLOCKS_MAX
from genesis.units import Address, address_of_key, format_address, parse_address
from native.signatures import Algorithm, SigningKey
from vm.bodies import Body, Transfer
from vm.transactions import SignedTransaction, sign_transaction

POLL_S: Constant = 0.1
EXPIRY_POLL_S: Constant = 1.0
WAIT_S: Constant = 30.0


class Client(Connection):
    """One node, asked over one connection. Not for several threads at a time."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        token: str | None = None,
        network_id: int | None = None,
    ) -> None:
        """With `network_id` nothing is signed for another network, whatever the node says it is."""
        super().__init__(url, timeout_s, token=token)
        self._network_id = network_id

    # --- what a node knows

    def status(self) -> Status:
        status: Status = self.typed_call("aichain_status")
        return status

    def block(self, height_or_hash: int | str = "latest") -> Block | None:
        """With its transactions and receipts; None where the node has no such block."""
        block: Block | None = self.typed_call("aichain_getBlock", height_or_hash)
        return block

    def transaction(self, tx_hash: str) -> TransactionStatus | None:
        """Where a transaction stands; None where the node does not know it."""
        found: TransactionStatus | None = self.typed_call("aichain_getTransaction", tx_hash)
        return found

    def account(self, address: Address | str) -> Account:
        """After the last final block; zeros for an address that nobody used."""
        account: Account = self.typed_call("aichain_getAccount", _text(address))
        return account

    def validators(self, height: int | None = None) -> Validators:
        """The set that votes on a height; without one on the next, and all that are registered."""
        given = () if height is None else (height,)
        validators: Validators = self.typed_call("aichain_validators", *given)
        return validators

    def mempool(self, limit: int = 0) -> Mempool:
        """How much waits for a block, and its best paying transactions."""
        mempool: Mempool = self.typed_call("aichain_mempool", limit)
        return mempool

    def supply(self) -> Supply:
        supply: Supply = self.typed_call("aichain_supply")
        return supply

    def events(self, *topics: str, accounts: Sequence[Address | str] = ()) -> Events:
        """What happens from here on: "newBlocks", "transactions", "votes", and final transactions
        of accounts; BlockHead, TransactionStatus, VoteNotice and AccountNotice."""
        return self.listen(topics, [_text(each) for each in accounts])

    # --- an account's past, and what it is about to get

    def history_page(
        self,
        address: Address | str,
        cursor: str | None = None,
        limit: int = RPC_HISTORY_ENTRIES_MAX,
    ) -> AccountHistory:
        """One page, the newest first; `next` is the cursor of the one below. Refused by nodes
        without `--index full` (not_indexed)."""
        text = _text(address)
        page: AccountHistory = self.typed_call("aichain_getAccountHistory", text, cursor, limit)
        return page

    def history(self, address: Address | str) -> Iterator[HistoryEntry]:
        """Every final transaction that is the account's own or names it, the newest first."""
        cursor = None
        while True:
            page = self.history_page(address, cursor)
            yield from page.transactions
            if page.next is None:
                return
            cursor = page.next

    def rewards(self, address: Address | str) -> Rewards:
        """What is on its way to a validator."""
        rewards: Rewards = self.typed_call("aichain_getRewards", _text(address))
        return rewards

    def block_rewards(self, address: Address | str, first: int, last: int) -> Iterator[BlockReward]:
        """What was paid to a proposer for the blocks from `first` to `last`, the oldest first."""
        proposer = parse_address(_text(address))
        for start in range(first, last + 1, RPC_LOG_BLOCKS_MAX):
            end = min(last, start + RPC_LOG_BLOCKS_MAX - 1)
            for log in self.typed_call("eth_getLogs", reward_filter(proposer, start, end)):
                try:
                    yield reward_of(log)
                except ValueError as error:
                    raise self._garbled("eth_getLogs", error) from None

    # --- transactions

    def sender(self, address: Address | str, status: Status | None = None) -> Sender:
        """Where an account stands; SenderEmpty where it has nothing to pay a fee with."""
        status = status or self.status()
        wanted = self._network_id
        if wanted is not None and wanted != status.chain_id:
            raise OtherNetwork(self.url, wanted=wanted, found=status.chain_id)
        account = self.account(address)
        if not account.exists:
            text = _text(address)
            raise SenderEmpty(text, reason=f"{text} has no coins on {status.network}")
        return Sender(
            address=parse_address(_text(address)),
            network=status.network,
            network_id=status.chain_id,
            height=status.height,
            base_fee=int(status.base_fee),
            creation_fee=int(status.account_creation_fee),
            nonce=account.pending_nonce,
            algorithm=self._algorithm(account.algorithm),
        )

    def sign(
        self, key: SigningKey, body: Body, *, fee_max: int | None = None, tip: int = 0
    ) -> SignedTransaction:
        """The next transaction of the key's account, signed and not sent."""
        sender = self.sender(address_of_key(key.public_key))
        made = draft(sender, body, fee_max=fee_max, tip=tip, algorithm=key.algorithm)
        return sign_transaction(made, key, reveal=sender.must_reveal)

    def send(self, signed: SignedTransaction) -> str:
        """Submit; its hash. RpcRefused names the rule that it breaks (`name`)."""
        self.typed_call("aichain_sendTransaction", "0x" + signed.raw.hex())
        return "0x" + signed.id.hex()

    def transfer(
        self, key: SigningKey, to: Address | str, amount: int, memo: bytes = b""
    ) -> SignedTransaction:
        """Sign and send coins, in 10^-18 AI."""
        signed = self.sign(key, Transfer(parse_address(_text(to)), amount, memo))
        self.send(signed)
        return signed

    def wait_for_final(
        self,
        sent: SignedTransaction | str,
        *,
        valid_until: int | None = None,
        timeout_s: float = WAIT_S,
    ) -> Outcome:
        """What became of a transaction, by itself or by its hash; NotFinalInTime if nothing yet.

        `valid_until` is needed with a hash that the node may never have heard of: without it
        nobody knows when it has expired. A node with the index off forgets old transactions, and
        cannot tell one of them from one that expired.
        """
        tx_hash = sent if isinstance(sent, str) else "0x" + sent.id.hex()
        if not isinstance(sent, str):
            valid_until = sent.transaction.valid_until
        begun = asked = time.monotonic()
        height = -1  # read before the transaction is looked up, or it might become final between
        while True:
            status = self.transaction(tx_hash)
            if status is not None:
                outcome = outcome_of(status)
                if outcome is not None:
                    return outcome
                valid_until = status.transaction.valid_until
            waits = status is None or status.status == "pending"
            if valid_until is not None and waits and height >= valid_until:
                return Expired(tx_hash, valid_until, height)
            now = time.monotonic()
            if now > begun + timeout_s:
                raise NotFinalInTime(hash=tx_hash, seconds=timeout_s)
            if now > asked + EXPIRY_POLL_S:
                height, asked = self.status().height, now
            time.sleep(POLL_S)

    def _algorithm(self, name: str | None) -> Algorithm | None:
        if name is None:
            return None
        try:
            return Algorithm[name]
        except KeyError:
            raise RpcGarbled(url=self.url, reason=f"no key is of algorithm {name}") from None


def _text(address: Address | str) -> str:
    return format_address(parse_address(address) if isinstance(address, str) else address)
