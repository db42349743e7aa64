"""`eth_call` of the pseudo contract's read-only methods, and what a transfer would weigh."""

import msgspec

from aichain.rpc.abi import SELECTOR_BYTES, MalformedAbi, decode_arguments, word
from aichain.rpc.ai_mining import (
    CONTRACT,
    DERIVE_ADDRESS,
    MINING_BALANCE,
    SECURITY_LEVEL,
    VERIFY_MLDSA,
)
from aichain.rpc.ai_mining import METHODS as CONTRACT_METHODS
from aichain.rpc.backend import Backend
from aichain.rpc.errors import ExecutionReverted
from aichain.rpc.methods.eth_blocks import BlockReference, require_head
from aichain.rpc.methods.parameters import (
    AddressText,
    DataText,
    EthBlockOrHashText,
    QuantityText,
    address_of,
    bytes_of,
)
from aichain.rpc.registry import Context, Params, method
from aichain.rpc.render.ethereum import quantity
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results.result import Hex, Quantity
from genesis.limits import MEMO_MAX_BYTES, VALIDITY_WINDOW_BLOCKS
from genesis.units import U128_MAX, ZERO_ADDRESS, Address, address_of_key
from native.signatures import (
    Algorithm,
    SignatureItem,
    UnknownKeyLength,
    algorithm_of,
    has_signature_shape,
)
from vm.queries import account_view
from vm.transactions import Transaction, Transfer, envelope_weight

_CONTEXT = b""
"""What `verifyMLDSA` verifies under: its ABI has no place for a context (FIPS 204 §5.2)."""


class CallRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What would be called or sent; fields that change nothing here are skipped."""

    to: AddressText | None = None
    sender: AddressText | None = msgspec.field(name="from", default=None)
    data: DataText | None = None
    input: DataText | None = None
    """What newer clients call `data`."""
    value: QuantityText | None = None


class Call(Params, frozen=True):
    call: CallRequest
    block: EthBlockOrHashText | BlockReference = "latest"


async def call(context: Context, params: Call) -> Hex:
    """The answer of a read-only method of the pseudo contract, on the last final block."""
    await require_head(context.backend, params.block)
    data = _data_of(params.call)
    if params.call.to is None or address_of(params.call.to) != CONTRACT:
        raise ExecutionReverted(reason="there is no contract")
    signature = CONTRACT_METHODS.get(data[:SELECTOR_BYTES])
    if signature is None:
        raise ExecutionReverted(reason="no method of IAIMining that is served here")
    try:
        return show_bytes(await _answer(context.backend, signature, data[SELECTOR_BYTES:]))
    except (MalformedAbi, UnknownKeyLength) as error:
        raise ExecutionReverted(reason=str(error)) from error


async def estimate_gas(context: Context, params: Call) -> Quantity:
    """The weight of a transfer in our envelope, with the key that the sender has or would make."""
    request, backend = params.call, context.backend
    await require_head(backend, params.block)
    recipient = None if request.to is None else address_of(request.to)
    if recipient is None or recipient in (CONTRACT, ZERO_ADDRESS):
        raise ExecutionReverted(reason="only transfers can be sent from here: see `aichain tx`")
    memo = _data_of(request)
    if len(memo) > MEMO_MAX_BYTES:
        raise ExecutionReverted(reason=f"data is the memo: at most {MEMO_MAX_BYTES} bytes")
    sender = ZERO_ADDRESS if request.sender is None else address_of(request.sender)
    amount = 0 if request.value is None else int(request.value, 16)
    if amount > U128_MAX:
        raise ExecutionReverted(reason="there are not so many coins")
    return quantity(_transfer_weight(backend, sender, Transfer(recipient, max(1, amount), memo)))


def _transfer_weight(backend: Backend, sender: Address, body: Transfer) -> int:
    """Of an account without a key, that of an ML-DSA-65 key and its reveal."""
    state = backend.head()
    account = account_view(state, sender)
    transaction = Transaction(
        network_id=state.document.network_id,
        sender=sender,
        nonce=backend.pending_nonce(sender),
        fee_max=0,
        tip=0,
        valid_until=state.head.height + VALIDITY_WINDOW_BLOCKS,
        body=body,
    )
    algorithm = Algorithm(account.algorithm or Algorithm.ML_DSA_65)
    return envelope_weight(transaction, algorithm, reveal=not account.algorithm)


async def _answer(backend: Backend, signature: str, data: bytes) -> bytes:
    """The result in its 32 bytes. Raises MalformedAbi, and UnknownKeyLength for no ML-DSA key."""
    if signature == MINING_BALANCE:
        (account,) = decode_arguments(("address",), data)
        assert isinstance(account, bytes)
        return word("uint256", account_view(backend.head(), Address(account)).balance)
    if signature == VERIFY_MLDSA:
        return word("bool", await _verify(backend, data))
    key = _key_in(data)
    if signature == SECURITY_LEVEL:
        return word("uint8", int(algorithm_of(key)))
    assert signature == DERIVE_ADDRESS, "the table has no others"
    algorithm_of(key)
    return word("address", address_of_key(key))


async def _verify(backend: Backend, data: bytes) -> bool:
    """Wrong lengths are false; what has the right ones is verified with what else waits."""
    key, message, signed = decode_arguments(("bytes", "bytes", "bytes"), data)
    assert isinstance(key, bytes)
    assert isinstance(message, bytes)
    assert isinstance(signed, bytes)
    item = SignatureItem(key, message, _CONTEXT, signed)
    return has_signature_shape(item) and await backend.verify_signature(item)


def _key_in(data: bytes) -> bytes:
    (key,) = decode_arguments(("bytes",), data)
    assert isinstance(key, bytes)
    return key


def _data_of(request: CallRequest) -> bytes:
    return bytes_of(request.input or request.data or "0x")


METHODS = (
    method("eth_call", Call, call),
    method("eth_estimateGas", Call, estimate_gas),
)
