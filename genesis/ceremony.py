"""The launch ceremony: drafts grow by signed founders and accounts until nothing is wrong."""

from dataclasses import replace

from genesis.document import GenesisAccount, GenesisDocument, GenesisValidator
from genesis.errors import InvalidGenesis
from genesis.networks import (
    FOUNDERS_MAX,
    NETWORK_IDS,
    PUBLIC_ACCOUNTS,
    PUBLIC_NETWORKS,
    account_key,
    founder_key,
)
from genesis.onion import DEFAULT_ONION_LENGTH, onion_head
from genesis.units import Address, address_of_key, format_address
from genesis.upgrades import NEWEST_FROM_THE_START
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SigningKey


def new_document(name: str, network_id: int, genesis_time_ms: int, seed: Hash32) -> GenesisDocument:
    """An empty draft with the default parameters, to be edited as text before founders sign."""
    return GenesisDocument(name, network_id, genesis_time_ms, seed, upgrades=NEWEST_FROM_THE_START)


def new_validator(
    key: SigningKey,
    *,
    network_id: int,
    name: str,
    stake: int,
    peer_id: bytes,
    onion_seed: bytes,
    onion_length: int = DEFAULT_ONION_LENGTH,
    commission_bps: int = 0,
) -> GenesisValidator:
    """A founder's signed entry for one network."""
    entry = GenesisValidator(
        name=name,
        public_key=key.public_key,
        stake=stake,
        peer_id=peer_id,
        onion_head=onion_head(onion_seed, onion_length),
        onion_length=onion_length,
        commission_bps=commission_bps,
    )
    return entry.signed(key, network_id)


def add_validator(document: GenesisDocument, entry: GenesisValidator) -> GenesisDocument:
    """The draft with one founder more; its proof of possession must be for this network."""
    if not entry.is_possessed(document.network_id):
        raise InvalidGenesis(_unproved(entry))
    return replace(document, validators=(*document.validators, entry))


def add_account(
    document: GenesisDocument, address: Address, balance: int, label: str = ""
) -> GenesisDocument:
    """The draft with one funded account more."""
    account = GenesisAccount(address, balance, label)
    return replace(document, accounts=(*document.accounts, account))


def check_document(document: GenesisDocument) -> tuple[str, ...]:
    """Everything that forbids a launch, a sentence each; empty if the document may be launched."""
    problems = [_unproved(each) for each in document.validators if not _is_proved(document, each)]
    if not document.validators:
        problems.append("there is no validator: add signed founders")
    if document.seed == ZERO_HASH:
        problems.append("the seed is zero: choose one that no founder could choose alone")
    problems += _name_problems(document)
    if not document.public_keys:
        problems += _public_key_problems(document)
    return tuple(problems)


def document_notices(document: GenesisDocument) -> tuple[str, ...]:
    """What does not forbid a launch and should be known before it."""
    total = document.validator_set.total_stake
    notices = [
        f"validator {each.name} alone can stop the chain: it holds more than 31 % of the stake"
        for each in document.validators
        if 100 * each.stake > 31 * total
    ]
    funded = {account.address for account in document.accounts}
    notices += [
        f"validator {each.name} has no balance to pay fees from"
        for each in document.validators
        if each.address not in funded
    ]
    return tuple(notices)


def require_launchable(document: GenesisDocument) -> None:
    """InvalidGenesis with every problem named; a node asks this before its first block."""
    problems = check_document(document)
    if problems:
        raise InvalidGenesis("; ".join(problems))


def _is_proved(document: GenesisDocument, entry: GenesisValidator) -> bool:
    return entry.is_possessed(document.network_id)


def _unproved(entry: GenesisValidator) -> str:
    return f"validator {entry.name}: the proof of possession is missing or not for this network"


def _name_problems(document: GenesisDocument) -> list[str]:
    reserved = NETWORK_IDS.get(document.name)
    if reserved is not None and reserved != document.network_id:
        return [f"{document.name} has network id {reserved}, not {document.network_id}"]
    if reserved is None and document.network_id in NETWORK_IDS.values():
        return [f"network id {document.network_id} belongs to another name"]
    return []


def _public_key_problems(document: GenesisDocument) -> list[str]:
    """Coins or votes on keys that anyone can derive are a gift to the first who looks."""
    public = {
        address_of_key(key.public_key)
        for name in PUBLIC_NETWORKS
        for key in (
            *(founder_key(name, index) for index in range(FOUNDERS_MAX)),
            *(account_key(name, index) for index in range(PUBLIC_ACCOUNTS)),
        )
    }
    owners = [each.address for each in document.validators]
    owners += [each.address for each in document.accounts]
    return [
        f"{format_address(owner)} is a well-known test key: anyone can spend or vote with it"
        for owner in dict.fromkeys(owners)
        if owner in public
    ]
