"""One transaction, and the proof that it is on the chain."""

import msgspec

from aichain.explorer.errors import NothingHere
from aichain.explorer.formats import kind
from aichain.explorer.pages.reading import hash_in
from aichain.explorer.visit import Page, Visit
from aichain.rpc.methods.aichain import ByHash, get_transaction
from aichain.rpc.methods.light import ByHash as ProofQuery
from aichain.rpc.methods.light import get_transaction_proof
from aichain.rpc.results.result import Result, json_members
from aichain.rpc.results.transactions import TransactionStatus


async def transaction(visit: Visit) -> Page:
    """What was signed, what it cost and what it caused."""
    found = await _find(visit)
    signed = found.transaction
    receipt = found.receipt
    events = [] if receipt is None or receipt.events is msgspec.UNSET else receipt.events
    return Page(
        template="transaction.html",
        title=f"Transaction {found.hash[:10]}",
        results={"aichain_getTransaction": found},
        values={
            "found": found,
            "signed": signed,
            "kind": kind(signed),
            "fields": _members(signed.body),
            "events": [(kind(each), _members(each)) for each in events],
            "head": visit.context.backend.status().height,
        },
        lasts=found.status in ("final", "failed"),
    )


async def transaction_proof(visit: Visit) -> Page:
    """Merkle paths of the transaction and of its receipt."""
    wanted = hash_in(visit, "transaction")
    proof = await get_transaction_proof(visit.context, ProofQuery(wanted))
    if proof is None:
        raise NothingHere(
            what="There is no final transaction of this hash here, so there is no proof of one.",
            fix="A transaction that waits is final within seconds; then there is a proof.",
        )
    return Page(
        template="transaction_proof.html",
        title="Transaction proof",
        results={"aichain_getTransactionProof": proof},
        values={"proof": proof},
        lasts=True,
    )


async def _find(visit: Visit) -> TransactionStatus:
    wanted = hash_in(visit, "transaction")
    found = await get_transaction(visit.context, ByHash(wanted))
    if found is None:
        trouble = visit.context.backend.status().index_trouble
        raise NothingHere(
            what=f"This node holds no transaction {wanted}.",
            fix=trouble or "Check the hash. Nodes with `--index none` look no hashes up.",
        )
    return found


def _members(result: Result) -> list[tuple[str, str, object]]:
    """Name, form and value of each member, in their order."""
    shown = [
        (name, _form(name, value), value)
        for name, value in json_members(result).items()
        if name != "kind"
    ]
    return [each for each in shown if each[2] is not None]


_AMOUNTS = frozenset({"amount", "stake", "feeBurned", "slashed", "reward", "slashedOfEarlier"})
_ADDRESSES = frozenset({"to", "target", "sender", "address", "owner", "offender"})


def _form(name: str, value: object) -> str:
    """How a member is shown: the results name them, their JSON is text."""
    if name in _AMOUNTS:
        return "amount"
    if name in _ADDRESSES:
        return "address"
    if name == "memo":
        return "memo"
    if isinstance(value, int):
        return "count"
    return "list" if isinstance(value, list) else "text"
