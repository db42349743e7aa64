"""Every decoder that bytes from outside reach, behind one function: it may only refuse by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from aichain.keystore import (
    KDF_NONE,
    MAGIC,
    NONCE_BYTES,
    SALT_BYTES,
    UNPROTECTED_CONTEXT,
    VERSION,
    KeyFileError,
    open_sealed,
    seal_key,
)
from aichain.keystore_v0 import parse_wallet
from aichain.rpc.http import RequestReader
from aichain.rpc.jsonrpc import parse_calls
from aichain.rpc.limits import RpcLimits
from consensus.records import decode_record, encode_record
from genesis.document import parse_document, parse_validator, render_document, render_validator
from genesis.limits import (
    CERTIFICATE_VIEWS_PER_ANSWER,
    RANGE_BLOCKS_MAX,
    REQUESTED_BLOCKS_MAX,
    REQUESTED_TRANSACTIONS_MAX,
)
from genesis.units import address_of_key
from native import codec
from native.errors import InvalidData
from native.hashing import Hash32, derive_hash
from native.signatures import SEED_BYTES, Algorithm, SigningKey
from p2p.wire.encoding import (
    decode_announcement,
    decode_consensus,
    decode_gossip,
    decode_hello,
    decode_request,
    decode_response,
    encode_message,
)
from p2p.wire.messages import (
    GetBlocks,
    GetCertificates,
    GetFinality,
    GetPeers,
    GetRange,
    GetTransactions,
    Request,
)
from vm.blocks import decode_body, decode_header, encode_body
from vm.commitment import StateProof
from vm.mmr import MmrProof
from vm.receipts import decode_receipt, encode_receipt
from vm.snapshot import decode_manifest
from vm.transactions import decode_transaction

Decoder = Callable[[bytes], None]


def _codec(raw: bytes) -> None:
    assert codec.encode(codec.decode(raw, max_bytes=1 << 16, max_items=1 << 12)) == raw


def _transaction(raw: bytes) -> None:
    assert decode_transaction(raw).raw == raw


def _header(raw: bytes) -> None:
    assert decode_header(raw).raw == raw


def _body(raw: bytes) -> None:
    assert encode_body(decode_body(raw)) == raw


def _receipt(raw: bytes) -> None:
    assert encode_receipt(decode_receipt(raw)) == raw


def _record(raw: bytes) -> None:
    assert encode_record(decode_record(raw)) == raw


def _hello(raw: bytes) -> None:
    assert encode_message(decode_hello(raw)) == raw


def _gossip(raw: bytes) -> None:
    assert encode_message(decode_gossip(raw)) == raw


def _request(raw: bytes) -> None:
    assert encode_message(decode_request(raw)) == raw


def _consensus(raw: bytes) -> None:
    decode_consensus(raw)


def _announcement(raw: bytes) -> None:
    decode_announcement(raw)


def _answer_to(request: Request[object]) -> Decoder:
    """What a peer sends back when it was asked for as much as anybody may ask."""

    def check(raw: bytes) -> None:
        answer = decode_response(request, raw)
        assert encode_message(answer) == raw  # type: ignore[arg-type]

    return check


def _state_proof(raw: bytes) -> None:
    assert StateProof.decode(raw).encode() == raw


def _mmr_proof(raw: bytes) -> None:
    assert MmrProof.decode(raw).encode() == raw


def _manifest(raw: bytes) -> None:
    assert decode_manifest(raw).encode() == raw


def _calls(raw: bytes) -> None:
    parse_calls(raw, max_batch=100)


def _http(raw: bytes) -> None:
    """A stream is the same requests however it is cut; what follows an upgrade is not HTTP."""
    whole = RequestReader(RpcLimits()).feed(raw)
    assert all(len(request.body) <= RpcLimits().body_bytes for request in whole)
    if not any(request.is_websocket for request in whole):
        reader, edge = RequestReader(RpcLimits()), len(raw) // 2
        assert [*reader.feed(raw[:edge]), *reader.feed(raw[edge:])] == whole


def _document(raw: bytes) -> None:
    document = parse_document(_text(raw))
    assert parse_document(render_document(document)) == document


def _founder(raw: bytes) -> None:
    founder = parse_validator(_text(raw))
    assert parse_validator(render_validator(founder)) == founder


def _text(raw: bytes) -> str:
    """As the file of a document is read: what is not UTF-8 was refused before."""
    return raw.decode(errors="replace")


def _key_file(raw: bytes) -> None:
    _open(raw)


def _key_payload(raw: bytes) -> None:
    """What lies under the seal; otherwise nothing but a whole file ever reaches its decoder."""
    salt, nonce = bytes(SALT_BYTES), bytes(NONCE_BYTES)
    head = MAGIC + bytes((VERSION, Algorithm.ML_DSA_65, KDF_NONE)) + salt + nonce + _FUZZ_ADDRESS
    seal = ChaCha20Poly1305(derive_hash(UNPROTECTED_CONTEXT, salt))
    _open(head + seal.encrypt(nonce, raw, head))


_FUZZ_KEY: Final = SigningKey.from_seed(bytes(SEED_BYTES), Algorithm.ML_DSA_65)
_FUZZ_ADDRESS: Final = address_of_key(_FUZZ_KEY.public_key)


def _v0_wallet(raw: bytes) -> None:
    parse_wallet(raw, Path("old"))


def _open(raw: bytes) -> None:
    """Without a passphrase, so that no input waits for Argon2."""
    one = open_sealed(raw, None, Path("key"))
    sealed = seal_key(one.key, label=one.label, created_ms=one.created_ms, passphrase=None)
    two = open_sealed(sealed, None, Path("key"))
    assert (two.key.seed, two.label, two.created_ms) == (one.key.seed, one.label, one.created_ms)


_A_HASH: Final = Hash32(bytes(32))
DECODERS: Final[Mapping[int, Decoder]] = {
    0: _codec,
    1: _transaction,
    2: _header,
    3: _body,
    4: _receipt,
    5: _record,
    6: _hello,
    7: _consensus,
    8: _announcement,
    9: _gossip,
    10: _request,
    11: _calls,
    20: _answer_to(GetTransactions((_A_HASH,) * REQUESTED_TRANSACTIONS_MAX)),
    21: _answer_to(GetBlocks((_A_HASH,) * REQUESTED_BLOCKS_MAX)),
    22: _answer_to(GetRange(1, RANGE_BLOCKS_MAX)),
    23: _answer_to(GetCertificates(0, 1, CERTIFICATE_VIEWS_PER_ANSWER)),
    24: _answer_to(GetPeers()),
    25: _answer_to(GetFinality(1)),
    32: _manifest,
    30: _state_proof,
    31: _mmr_proof,
    40: _document,
    41: _founder,
    42: _key_file,
    43: _key_payload,
    44: _v0_wallet,
    50: _http,
}
"""The first byte of a file of the corpus chooses; its name begins with the same number."""


def decode_one(data: bytes) -> bool:
    """Feed `data[1:]` to the decoder that `data[0]` names; False if it was refused by name.

    Anything but InvalidData or KeyFileError, and an accepted input that does not encode to
    itself, is a failure.
    """
    decoder = DECODERS.get(data[0]) if data else None
    if decoder is None:
        return False
    try:
        decoder(data[1:])
    except (InvalidData, KeyFileError):
        return False
    return True
