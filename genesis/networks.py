"""Name to document: the packaged networks, and the well-known keys behind the worthless ones."""

from functools import cache
from importlib import resources

from genesis.document import GenesisAccount, GenesisDocument, GenesisValidator, parse_document
from genesis.errors import MainnetNotLaunched, NetworkUnknown
from genesis.onion import onion_head, onion_seed
from genesis.params import ConsensusParams, StakingParams
from genesis.units import AI, address_of_key
from genesis.upgrades import NEWEST_FROM_THE_START
from native.hashing import derive_hash
from native.node_keys import peer_id_of_seed
from native.signatures import SigningKey

NETWORK_IDS = {"devnet": 36999, "testnet": 36964, "mainnet": 36963}
PUBLIC_NETWORKS = ("devnet", "testnet")
"""Networks whose keys anyone can derive: they bind loopback and their coins are worth nothing."""

PACKAGED_FOUNDERS = {"devnet": 1, "testnet": 4}
FOUNDERS_MAX = 100
PUBLIC_ACCOUNTS = 8
PUBLIC_ACCOUNT_BALANCE = 1_000_000 * AI
FOUNDER_STAKE = 1_000_000 * AI
FOUNDER_BALANCE = 10_000 * AI
PUBLIC_ONION_LENGTH = 2**18
"""Shorter than a real founder's, so that a local node starts at once."""

_GENESIS_TIME_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_LOOPBACK = ConsensusParams(delta_ms=100, clock_offset_ms=0)
_STAKING = StakingParams()
_MAINNET_ADVICE = (
    "mainnet has no packaged validators; collect signed founders with `aichain genesis new`, "
    "`add-validator`, `add-account` and `check`, then start with `aichain run --network PATH` "
    "where PATH is the finished document"
)


def known_networks() -> tuple[str, ...]:
    """The names that `--network` takes besides a path."""
    return tuple(NETWORK_IDS)


def packaged_document(name: str) -> GenesisDocument:
    """The document of a packaged network; mainnet and unknown names are refused with advice."""
    if name == "mainnet":
        raise MainnetNotLaunched(_MAINNET_ADVICE)
    _require_public(name)
    text = resources.files("genesis").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse_document(text)


def local_document(
    name: str, founders: int, *, onion_length: int = PUBLIC_ONION_LENGTH
) -> GenesisDocument:
    """The public network `name` with its first `founders` founders (`localnet --validators N`).

    With more than the default set holds, it is a chain of two lanes.
    """
    _require_public(name)
    if not 1 <= founders <= FOUNDERS_MAX:
        raise ValueError(f"a local network has 1 to {FOUNDERS_MAX} founders, not {founders}")
    validators = tuple(_founder(name, index, onion_length) for index in range(founders))
    purses = tuple(
        GenesisAccount(founder.address, FOUNDER_BALANCE, founder.name) for founder in validators
    )
    return GenesisDocument(
        name=name,
        network_id=NETWORK_IDS[name],
        genesis_time_ms=_GENESIS_TIME_MS,
        seed=derive_hash(f"aichain/{name}/seed/v1", b""),
        consensus=_LOOPBACK,
        staking=StakingParams(max_validators=max(founders, _STAKING.max_validators)),
        accounts=tuple(_account(name, index) for index in range(PUBLIC_ACCOUNTS)) + purses,
        validators=validators,
        public_keys=True,
        upgrades=NEWEST_FROM_THE_START,
    )


def founder_key(name: str, index: int) -> SigningKey:
    """The validator key of founder `index`."""
    return SigningKey.from_seed(_public_seed(name, "founder", index))


def founder_node_seed(name: str, index: int) -> bytes:
    """The Ed25519 node seed of founder `index`; its peer id stands in the document."""
    return _public_seed(name, "node", index)


def founder_onion_seed(name: str, index: int) -> bytes:
    """The onion seed of founder `index`: that of its key, as for any validator."""
    return onion_seed(founder_key(name, index).seed)


def account_key(name: str, index: int) -> SigningKey:
    """The key of funded account `index`."""
    return SigningKey.from_seed(_public_seed(name, "account", index))


def _public_seed(name: str, role: str, index: int) -> bytes:
    _require_public(name)
    return derive_hash(f"aichain/{name}/{role}/v1", index.to_bytes(4, "big"))


def _require_public(name: str) -> None:
    if name not in PUBLIC_NETWORKS:
        raise NetworkUnknown(name=name, known=PUBLIC_NETWORKS)


@cache
def _founder(name: str, index: int, onion_length: int) -> GenesisValidator:
    key = founder_key(name, index)
    entry = GenesisValidator(
        name=f"founder-{index}",
        public_key=key.public_key,
        stake=FOUNDER_STAKE,
        peer_id=peer_id_of_seed(founder_node_seed(name, index)),
        onion_head=onion_head(founder_onion_seed(name, index), onion_length),
        onion_length=onion_length,
        commission_bps=0,
    )
    return entry.signed(key, NETWORK_IDS[name])


@cache
def _account(name: str, index: int) -> GenesisAccount:
    address = address_of_key(account_key(name, index).public_key)
    return GenesisAccount(address, PUBLIC_ACCOUNT_BALANCE, f"account-{index}")
