"""The files of offline signing: what is in them, and what only looks as if."""

import json

import pytest

from aichain.client.offline import SignedFile, UnsignedFile
from genesis.units import AI, Address, address_of_key
from native.errors import InvalidData
from native.node_keys import peer_id_of_seed
from native.signatures import SigningKey
from vm.bodies import Body, RegisterValidator, Role, Stake, Transfer, Unjail, Unstake, Withdraw
from vm.transactions import Transaction, sign_possession, sign_transaction

KEY = SigningKey.from_seed(b"\7" * 32)
OWN = address_of_key(KEY.public_key)
TO = Address(b"\x11" * 20)
BODIES: tuple[Body, ...] = (
    Transfer(TO, AI, b"memo"),
    Stake(Role.VALIDATOR, OWN, AI),
    Unstake(Role.VALIDATOR, OWN, 2 * AI),
    Withdraw(),
    Unjail(),
    RegisterValidator(
        public_key=KEY.public_key,
        possession=sign_possession(36999, OWN, KEY),
        peer_id=peer_id_of_seed(bytes(32)),
        commission_bps=5,
        onion_head=b"\x22" * 32,  # type: ignore[arg-type]
        onion_length=16,
        stake=AI,
    ),
)


def make(body: Body) -> Transaction:
    return Transaction(36999, OWN, 4, AI, 5, 1_200, body)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_transaction_comes_through_both_files(body: Body) -> None:
    read = UnsignedFile.from_json(UnsignedFile(make(body), reveal=True).to_json())
    assert (read.transaction, read.reveal) == (make(body), True)
    signed = sign_transaction(read.transaction, KEY, reveal=read.reveal)
    assert SignedFile.from_json(SignedFile(signed).to_json()).signed == signed


def test_what_a_file_reads_is_for_people_and_is_never_read_back() -> None:
    told = json.loads(UnsignedFile(make(BODIES[0]), reveal=False).to_json())
    assert told["reads"]["kind"] == "transfer"
    assert told["reads"]["amount"] == str(AI)
    told["reads"]["amount"] = "1"
    assert UnsignedFile.from_json(json.dumps(told)).transaction == make(BODIES[0])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "aichain-signed-v1"},
        {"reveal": 1},
        {"unsigned": None},
        {"unsigned": "0x"},
        {"unsigned": "0x9"},
        {"unsigned": "0x" + "00" * 200_000},
        {"unsigned": "0x" + make(BODIES[0]).unsigned_bytes.hex() + "00"},
    ],
    ids=lambda change: str(change)[:50],
)
def test_a_strange_file_is_refused(change: dict[str, object]) -> None:
    told = json.loads(UnsignedFile(make(BODIES[0]), reveal=False).to_json())
    with pytest.raises(InvalidData):
        UnsignedFile.from_json(json.dumps(told | change))


@pytest.mark.parametrize("text", ["", "[]", "5", "x", "[" * 50_000])
def test_what_is_no_file_is_refused(text: str) -> None:
    for kind in (UnsignedFile, SignedFile):
        with pytest.raises(InvalidData):
            kind.from_json(text)
