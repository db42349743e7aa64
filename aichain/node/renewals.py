"""Renews a validator's onion before it is used up: who has nothing to reveal cannot propose."""

import logging
from typing import Final

from aichain.chain import Chain
from aichain.errors import NotPooled
from aichain.keystore import onion_seed_of
from aichain.node.context import NodeContext
from aichain.node.pool import TransactionPool
from genesis.limits import VALIDITY_WINDOW_BLOCKS
from genesis.networks import PUBLIC_ONION_LENGTH
from genesis.onion import DEFAULT_ONION_LENGTH, onion_head
from genesis.units import address_of_key
from native.errors import InvalidData
from native.signatures import SigningKey
from vm.onions import onion_at
from vm.queries import account_view
from vm.records import decode_validator, validator_key
from vm.state import State
from vm.transactions import RegisterValidator, Transaction, sign_possession, sign_transaction

log = logging.getLogger(__name__)

RENEW_AT: Final = 2**14
"""Layers left: two hours of a validator that proposes alone, half a day of one in six."""
_WEIGHT: Final = 16_000  # a registration and its two signatures, rounded up
_FEE_MARGIN: Final = 8


class Renewals:
    """Looks once an epoch. Only for who owns its validator itself: the owner's key has to sign."""

    def __init__(
        self, key: SigningKey, chain: Chain, pool: TransactionPool, context: NodeContext
    ) -> None:
        self._key = key
        self._chain = chain
        self._pool = pool
        self._context = context
        self._owner = address_of_key(key.public_key)

    async def consider(self, epoch: int) -> None:
        """Send a renewal if few layers are left and none is on its way."""
        head = self._chain.head
        raw = head.get(validator_key(self._owner))
        if raw is None:
            return
        record = decode_validator(raw)
        onion = onion_at(head.get, record.index, epoch)
        if onion.layers > RENEW_AT or onion.next_epoch or record.is_tombstoned:
            return
        renewal = await self._context.run_blocking(self._body, head, onion.renewals + 1)
        nonce = self._pool.mempool.next_nonce(self._owner, account_view(head, self._owner).nonce)
        transaction = Transaction(
            network_id=head.document.network_id,
            sender=self._owner,
            nonce=nonce,
            fee_max=head.base_fee * _WEIGHT * _FEE_MARGIN,
            tip=0,
            valid_until=head.head.height + VALIDITY_WINDOW_BLOCKS,
            body=renewal,
        )
        try:
            await self._pool.submit(sign_transaction(transaction, self._key, reveal=False).raw)
        except (InvalidData, NotPooled) as error:
            log.warning("the onion is not renewed: %s; run `aichain tx renew-onion`", error)
            return
        log.info("%d reveals are left: a renewal of the onion is on its way", onion.layers)

    def _body(self, head: State, renewals: int) -> RegisterValidator:
        raw = head.get(validator_key(self._owner))
        assert raw is not None, "who is asked to renew has registered"
        record = decode_validator(raw)
        public = head.document.public_keys
        length = PUBLIC_ONION_LENGTH if public else DEFAULT_ONION_LENGTH
        return RegisterValidator(
            public_key=self._key.public_key,
            possession=sign_possession(head.document.network_id, self._owner, self._key),
            peer_id=record.peer_id,
            commission_bps=record.commission_bps,
            onion_head=onion_head(onion_seed_of(self._key, renewals), length),
            onion_length=length,
            stake=0,
        )
