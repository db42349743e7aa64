"""What a final block means to a webhook: deliveries, each with an id that stays the same."""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.occurrences import FinalBlockSeen
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.render.transactions import show_event
from aichain.rpc.results.result import Count, HashHex, Result
from aichain.rpc.results.transactions import Event
from aichain.webhook_file import Webhook
from native.hashing import derive_hash

ID_BYTES: Final = 16
_ID_DOMAIN: Final = "aichain/webhook/v1"


class Topic(StrEnum):
    """What a delivery is about."""

    BLOCK = "block"
    ADDRESS = "address"
    EVENT = "event"


class EventNotice(Result, frozen=True):
    """An event of a final transaction."""

    height: Count
    block_hash: HashHex
    transaction: HashHex
    index: Count
    """Of the event in its receipt."""
    event: Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body to post. Whoever gets the same id twice has seen it before."""

    id: str
    topic: Topic
    body: bytes = field(repr=False)


async def deliveries_of(hook: Webhook, backend: Backend, view: BlockView) -> list[Delivery]:
    """In this order: the block, each address of the hook that it touches, each event wanted."""
    seen, found = FinalBlockSeen(backend, view), list[tuple[Topic, object]]()
    if hook.blocks:
        found.append((Topic.BLOCK, await seen.head()))
    notices = (seen.account(address) for address in hook.addresses)
    found += [(Topic.ADDRESS, notice) for notice in notices if notice is not None]
    found += [(Topic.EVENT, notice) for notice in _events(hook, view)]
    network = backend.head().document.name
    return [
        _delivery(hook, view, number, topic, network, result)
        for number, (topic, result) in enumerate(found)
    ]


def signature_of(secret: bytes, delivery: Delivery, timestamp_s: int) -> str:
    """HMAC-SHA256 over the time, the id and the body: none of the three can be another's."""
    signed = b"%d.%s.%s" % (timestamp_s, delivery.id.encode(), delivery.body)
    return "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def _events(hook: Webhook, view: BlockView) -> list[EventNotice]:
    header = view.block.header
    return [
        EventNotice(
            height=header.height,
            block_hash=show_bytes(header.id),
            transaction=show_bytes(receipt.tx_id),
            index=index,
            event=show_event(event),
        )
        for receipt in view.receipts
        for index, event in enumerate(receipt.events)
        if event.kind in hook.events
    ]


def _delivery(
    hook: Webhook, view: BlockView, number: int, topic: Topic, network: str, result: object
) -> Delivery:
    place = f"{hook.name}/{topic}/{number}/".encode() + view.block.id
    name = derive_hash(_ID_DOMAIN, place)[:ID_BYTES].hex()
    body = {"id": name, "webhook": hook.name, "network": network, "topic": topic, "result": result}
    return Delivery(name, topic, msgspec.json.encode(body))
