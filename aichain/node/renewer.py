"""Renews this validator's onion in time: without reveals it could not propose any more."""

import logging
from typing import Final

import trio

from aichain.chain import Chain
from aichain.keystore import onion_seed_of
from aichain.node.context import NodeContext
from aichain.node.pool import TransactionPool
from aichain.node.reveals import Reveals
from genesis.epochs import epoch_after
from genesis.limits import VALIDITY_WINDOW_BLOCKS
from genesis.onion import DEFAULT_ONION_LENGTH, onion_head
from genesis.units import address_of_key
from native.errors import InvalidData
from native.signatures import SigningKey
from vm.onions import OnionRecord, onion_at
from vm.queries import ValidatorView, account_view, validator_view
from vm.state import State
from vm.transactions import (
    RegisterValidator,
    SignedTransaction,
    Transaction,
    sign_possession,
    sign_transaction,
)

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0
RENEW_BELOW: Final = 2**11
"""Layers left: a lone validator has them for a quarter of an hour, and two epochs are less."""
FEE_HEADROOM: Final = 16 * 15_000
"""Sixteen times the price of a registration's weight."""


class Renewer:
    """For a validator whose key is its owner's too; other owners renew by `aichain tx`."""

    def __init__(
        self,
        key: SigningKey,
        reveals: Reveals,
        chain: Chain,
        pool: TransactionPool,
        context: NodeContext,
    ) -> None:
        self._key = key
        self._address = address_of_key(key.public_key)
        self._reveals = reveals
        self._chain = chain
        self._pool = pool
        self._run_blocking = context.run_blocking
        self._tried = -1
        """The last epoch in which we tried, so that a refusal is not repeated for ever."""

    async def run(self) -> None:
        """Look now and then until cancelled."""
        while True:
            await self._look(self._chain.head)
            await trio.sleep(LOOK_EVERY_S)

    async def _look(self, head: State) -> None:
        view = validator_view(head, self._address)
        if view is None or view.is_tombstoned or view.public_key != self._key.public_key:
            return
        epoch = epoch_after(head.head.height, head.document.consensus.epoch_blocks)
        onion = onion_at(head.get, view.index, epoch)
        if onion.next_epoch:
            await self._run_blocking(self._reveals.make, onion.at(onion.next_epoch))
        elif onion.layers <= RENEW_BELOW and self._tried != epoch:
            self._tried = epoch
            await self._renew(head, view, onion)

    async def _renew(self, head: State, view: ValidatorView, onion: OnionRecord) -> None:
        nonce = account_view(head, self._address).nonce
        nonce = self._pool.mempool.next_nonce(self._address, nonce)
        signed = await self._run_blocking(self._transaction, head, view, onion, nonce)
        try:
            await self._pool.submit(signed.raw)
        except InvalidData as error:
            log.error("%d reveals are left and cannot be renewed: %s", onion.layers, error)
        else:
            log.info("%d reveals are left: a renewal of the onion is on its way", onion.layers)

    def _transaction(
        self, head: State, view: ValidatorView, onion: OnionRecord, nonce: int
    ) -> SignedTransaction:
        network_id = head.document.network_id
        seed = onion_seed_of(self._key, onion.renewals + 1)
        transaction = Transaction(
            network_id=network_id,
            sender=self._address,
            nonce=nonce,
            fee_max=head.base_fee * FEE_HEADROOM,
            tip=0,
            valid_until=head.head.height + VALIDITY_WINDOW_BLOCKS,
            body=RegisterValidator(
                public_key=self._key.public_key,
                possession=sign_possession(network_id, self._address, self._key),
                peer_id=view.peer_id,
                commission_bps=view.commission_bps,
                onion_head=onion_head(seed, DEFAULT_ONION_LENGTH),
                onion_length=DEFAULT_ONION_LENGTH,
                stake=0,
            ),
        )
        return sign_transaction(transaction, self._key, reveal=False)
