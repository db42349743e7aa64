"""Block 0: the first state and header that a genesis document means."""

from genesis.beacon import epoch_seed
from genesis.document import GenesisDocument
from genesis.units import Address
from genesis.validators import VALIDATOR_ALGORITHM
from vm.anchors import ANCHOR_KEY, encode_anchor, genesis_anchor
from vm.blocks import genesis_header
from vm.bodies import Role
from vm.epochs import CANDIDATES_KEY, encode_candidates, encode_epoch, epoch_key
from vm.onions import OnionRecord, encode_onion, onion_key
from vm.records import (
    BASE_FEE,
    STAKED,
    VALIDATORS,
    Account,
    ValidatorRecord,
    account_key,
    consensus_key_key,
    counter_key,
    encode_account,
    encode_amount_record,
    encode_validator,
    peer_id_key,
    public_key_key,
    stake_key,
    validator_index_key,
    validator_key,
)
from vm.state import State

FIRST_EPOCHS = (0, 1)
"""Their set and seeds are genesis'; the last block of epoch 0 decides the set of epoch 2."""


def genesis_state(document: GenesisDocument) -> State:
    """The state after block 0; `changes` holds every record of it."""
    accounts = {entry.address: Account(balance=entry.balance) for entry in document.accounts}
    records: dict[bytes, bytes] = {}
    for index, founder in enumerate(document.validators):
        owner = founder.address
        # A founder's consensus key is its account's key, so it counts as revealed.
        balance = accounts.get(owner, Account()).balance
        accounts[owner] = Account(0, balance, founder.stake, int(VALIDATOR_ALGORITHM))
        record = ValidatorRecord(
            index=index,
            public_key=founder.public_key,
            peer_id=founder.peer_id,
            commission_bps=founder.commission_bps,
            onion_head=founder.onion_head,
            stake=founder.stake,
        )
        records[onion_key(index)] = encode_onion(
            OnionRecord(founder.onion_head, founder.onion_length)
        )
        records[public_key_key(owner)] = founder.public_key
        records |= _validator_records(owner, record)
    stakes = {index: founder.stake for index, founder in enumerate(document.validators)}
    records[CANDIDATES_KEY] = encode_candidates(stakes)
    for epoch in FIRST_EPOCHS:
        records[epoch_key(epoch)] = encode_epoch(epoch_seed(document.seed, epoch), stakes)
    records |= {account_key(address): encode_account(each) for address, each in accounts.items()}
    counters = {
        BASE_FEE: document.fees.initial_base_fee,
        STAKED: sum(founder.stake for founder in document.validators),
        VALIDATORS: len(document.validators),
    }
    records |= {counter_key(name): encode_amount_record(each) for name, each in counters.items()}
    header = genesis_header(
        document.hash, document.genesis_time_ms, document.validator_set.hash, document.seed
    )
    records[ANCHOR_KEY] = encode_anchor(genesis_anchor(header.id))
    return State.initial(document, header, records)


def _validator_records(owner: Address, record: ValidatorRecord) -> dict[bytes, bytes]:
    return {
        validator_key(owner): encode_validator(record),
        validator_index_key(record.index): owner,
        consensus_key_key(record.public_key): owner,
        peer_id_key(record.peer_id): owner,
        stake_key(Role.VALIDATOR, owner, owner): encode_amount_record(record.stake),
    }
