"""The genesis document: the value every node starts from, its hash, and its TOML text."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TypeVar

from genesis import limits
from genesis.entries import NAME_TEXT
from genesis.entries import GenesisAccount as GenesisAccount
from genesis.entries import GenesisValidator as GenesisValidator
from genesis.errors import InvalidGenesis as InvalidGenesis
from genesis.params import (
    ConsensusParams,
    FeeParams,
    Params,
    RewardParams,
    StakingParams,
    amount_fields,
    encodable_params,
    later_fields,
    stated_fields,
)
from genesis.units import (
    U64_MAX,
    U128_MAX,
    format_address,
    format_amount,
    parse_address,
    parse_amount,
    parse_hex,
)
from genesis.upgrades import (
    BlockVersion,
    Upgrade,
    block_version_at,
    known_version,
    require_schedule,
)
from genesis.validators import ValidatorSet
from native.codec import encode
from native.errors import InvalidData, InvalidPeerId
from native.hashing import HASH_BYTES, Hash32, derive_hash, hash32
from native.node_keys import parse_peer_id, peer_id_text

FORMAT = 1

_HASH_CONTEXT = "aichain/genesis/v1"
_KEY_MAX_BYTES = 8192

SomeParams = TypeVar("SomeParams", ConsensusParams, FeeParams, RewardParams, StakingParams)


@dataclass(frozen=True, slots=True)
class GenesisDocument:
    """A valid document, or a draft of one: `genesis.ceremony` says what a draft still lacks."""

    name: str
    network_id: int
    genesis_time_ms: int
    seed: Hash32
    consensus: ConsensusParams = field(default_factory=ConsensusParams)
    fees: FeeParams = field(default_factory=FeeParams)
    rewards: RewardParams = field(default_factory=RewardParams)
    staking: StakingParams = field(default_factory=StakingParams)
    accounts: tuple[GenesisAccount, ...] = ()
    validators: tuple[GenesisValidator, ...] = ()
    public_keys: bool = False
    upgrades: tuple[Upgrade, ...] = ()
    """Outside the hash (`genesis.upgrades`)."""
    hash: Hash32 = field(init=False, compare=False)

    def __post_init__(self) -> None:
        _require(NAME_TEXT.fullmatch(self.name) is not None, f"name {self.name[:64]!r}")
        _require(1 <= self.network_id <= limits.NETWORK_ID_MAX, f"network_id {self.network_id}")
        _require(1 <= self.genesis_time_ms <= U64_MAX >> 1, "genesis_time_ms is out of range")
        _require(len(self.seed) == HASH_BYTES, "seed is not 32 bytes")
        _require(len(self.accounts) <= limits.GENESIS_ACCOUNTS_MAX, "too many accounts")
        most = self.staking.max_validators
        _require(len(self.validators) <= most, f"more than {most} validators")
        _require_unique("account address", (account.address for account in self.accounts))
        _require_unique("validator name", (founder.name for founder in self.validators))
        _require_unique("validator key", (founder.public_key for founder in self.validators))
        _require_unique("peer id", (founder.peer_id for founder in self.validators))
        for founder in self.validators:
            enough = founder.stake >= self.staking.min_validator_stake
            _require(enough, f"validator {founder.name} stakes less than min_validator_stake")
        require_schedule(self.upgrades)
        _require(self.supply + self.rewards.cap <= U128_MAX, "the supply could pass 2^128-1")
        object.__setattr__(self, "hash", derive_hash(_HASH_CONTEXT, self.encoding))

    @property
    def encoding(self) -> bytes:
        """The canonical bytes that the hash is of; comments and layout of the TOML do not count."""
        return encode(
            [
                FORMAT,
                self.name.encode(),
                self.network_id,
                self.genesis_time_ms,
                self.seed,
                encodable_params(self.consensus),
                encodable_params(self.fees),
                encodable_params(self.rewards),
                encodable_params(self.staking),
                [account.encodable() for account in self.accounts],
                [founder.encodable() for founder in self.validators],
                int(self.public_keys),
            ]
        )

    def block_version(self, height: int) -> BlockVersion:
        """Which rules the block of a height obeys."""
        return block_version_at(self.upgrades, height)

    @property
    def has_lanes(self) -> bool:
        """Whether a committee finalizes blocks under a hard lane of all validators.

        It holds for the life of the chain, also while its set is small: no epoch changes what
        is signed.
        """
        return self.staking.max_validators > self.consensus.full_set_limit

    @property
    def supply(self) -> int:
        """All coins at height 0: balances and founders' stakes."""
        balances = sum(account.balance for account in self.accounts)
        return balances + sum(founder.stake for founder in self.validators)

    @property
    def validator_set(self) -> ValidatorSet:
        """The voters of epochs 0 and 1, in the order of the document."""
        return ValidatorSet(tuple(founder.as_validator() for founder in self.validators))


def parse_document(text: str) -> GenesisDocument:
    """The document in `text`; every refusal is InvalidGenesis and says where it stands."""
    table = _toml(text)
    _require_keys("the document", table, _DOCUMENT_KEYS)
    _require(_integer(table, "format") == FORMAT, f"format is not {FORMAT}")
    return GenesisDocument(
        name=_string(table, "name"),
        network_id=_integer(table, "network_id"),
        genesis_time_ms=_integer(table, "genesis_time_ms"),
        seed=_hash(table, "seed"),
        consensus=_params(table, "consensus", ConsensusParams),
        fees=_params(table, "fees", FeeParams),
        rewards=_params(table, "rewards", RewardParams),
        staking=_params(table, "staking", StakingParams),
        accounts=tuple(_account(row) for row in _rows(table, "accounts")),
        validators=tuple(_validator(row) for row in _rows(table, "validators")),
        public_keys=_boolean(table, "public_keys"),
        upgrades=tuple(_upgrade(row) for row in _rows(table, "upgrades")),
    )


def render_document(document: GenesisDocument) -> str:
    """The TOML text that parses back to the same document."""
    lines = [
        f"# genesis document of {document.name}, hash 0x{document.hash.hex()}",
        f"format = {FORMAT}",
        f'name = "{document.name}"',
        f"network_id = {document.network_id}",
        f"genesis_time_ms = {document.genesis_time_ms}",
        f'seed = "0x{document.seed.hex()}"',
        f"public_keys = {str(document.public_keys).lower()}",
    ]
    for name in _PARAMS:
        lines += ["", f"[{name}]", *_params_lines(getattr(document, name))]
    for upgrade in document.upgrades:
        lines += [
            "",
            "[[upgrades]]",
            f"block_version = {upgrade.block_version:d}",
            f"from_height = {upgrade.from_height}",
        ]
    for account in document.accounts:
        lines += [
            "",
            "[[accounts]]",
            f'address = "{format_address(account.address)}"',
            f'balance = "{format_amount(account.balance)}"',
            f'label = "{account.label}"',
        ]
    for founder in document.validators:
        lines += ["", render_validator(founder).rstrip("\n")]
    return "\n".join(lines) + "\n"


def parse_validator(text: str) -> GenesisValidator:
    """The one entry in `text`, as `render_validator` wrote it: what a founder sends around."""
    table = _toml(text)
    _require_keys("the entry", table, frozenset({"validators"}))
    rows = _rows(table, "validators")
    _require(len(rows) == 1, "expected exactly one [[validators]] entry")
    return _validator(rows[0])


def render_validator(founder: GenesisValidator) -> str:
    """One `[[validators]]` entry."""
    return "\n".join(
        [
            "[[validators]]",
            f'name = "{founder.name}"',
            f'stake = "{format_amount(founder.stake)}"',
            f"commission_bps = {founder.commission_bps}",
            f'peer_id = "{peer_id_text(founder.peer_id)}"',
            f'onion_head = "0x{founder.onion_head.hex()}"',
            f"onion_length = {founder.onion_length}",
            f'public_key = "0x{founder.public_key.hex()}"',
            f'possession = "0x{founder.possession.hex()}"',
            "",
        ]
    )


_PARAMS = ("consensus", "fees", "rewards", "staking")
_DOCUMENT_KEYS = frozenset(entry.name for entry in fields(GenesisDocument)) - {"hash"} | {"format"}
_ACCOUNT_KEYS = frozenset(entry.name for entry in fields(GenesisAccount))
_UPGRADE_KEYS = frozenset(entry.name for entry in fields(Upgrade))
_VALIDATOR_KEYS = frozenset(entry.name for entry in fields(GenesisValidator))


def _params_lines(params: Params) -> list[str]:
    amounts = amount_fields(type(params))
    values = {name: getattr(params, name) for name in stated_fields(params)}
    return [
        f'{name} = "{format_amount(value)}"' if name in amounts else f"{name} = {value}"
        for name, value in values.items()
    ]


def _params(table: dict[str, object], name: str, kind: type[SomeParams]) -> SomeParams:
    section = table[name]
    if not isinstance(section, dict):
        raise InvalidGenesis(f"{name} is not a table")
    every = frozenset(entry.name for entry in fields(kind))
    _require_keys(f"[{name}]", section, every, optional=later_fields(kind))
    amounts = amount_fields(kind)
    values = {
        key: _amount(section, key) if key in amounts else _integer(section, key) for key in section
    }
    return kind(**values)


def _upgrade(row: dict[str, object]) -> Upgrade:
    _require_keys("an upgrade", row, _UPGRADE_KEYS)
    return Upgrade(known_version(_integer(row, "block_version")), _integer(row, "from_height"))


def _account(row: dict[str, object]) -> GenesisAccount:
    _require_keys("an account", row, _ACCOUNT_KEYS)
    text = _string(row, "address")
    try:
        address = parse_address(text)
    except InvalidData as error:
        raise InvalidGenesis(f"account address: {error}") from None
    return GenesisAccount(address, _amount(row, "balance"), _string(row, "label"))


def _validator(row: dict[str, object]) -> GenesisValidator:
    _require_keys("a validator", row, _VALIDATOR_KEYS)
    name, peer_id_field = _string(row, "name"), _string(row, "peer_id")
    try:
        peer_id = parse_peer_id(peer_id_field)
    except InvalidPeerId as error:
        raise InvalidGenesis(
            f"validator {name[:64]}: peer_id is not that of a libp2p node: {error.peer_id!r}"
        ) from None
    return GenesisValidator(
        name=name,
        public_key=_bytes(row, "public_key"),
        stake=_amount(row, "stake"),
        peer_id=peer_id,
        onion_head=_hash(row, "onion_head"),
        onion_length=_integer(row, "onion_length"),
        commission_bps=_integer(row, "commission_bps"),
        possession=_bytes(row, "possession"),
    )


def _toml(text: str) -> dict[str, object]:
    if len(text) > limits.GENESIS_TEXT_MAX_BYTES:
        raise InvalidGenesis(f"longer than {limits.GENESIS_TEXT_MAX_BYTES} bytes")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidGenesis(f"not TOML: {error}") from None


def _rows(table: dict[str, object], name: str) -> list[dict[str, object]]:
    rows = table.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidGenesis(f"{name} is not a list of tables")
    return rows


def _integer(table: dict[str, object], name: str) -> int:
    value = table[name]
    if type(value) is not int or not 0 <= value <= U64_MAX:
        raise InvalidGenesis(f"{name} is not an unsigned integer")
    return value


def _boolean(table: dict[str, object], name: str) -> bool:
    value = table[name]
    if type(value) is not bool:
        raise InvalidGenesis(f"{name} is neither true nor false")
    return value


def _string(table: dict[str, object], name: str) -> str:
    value = table[name]
    if type(value) is not str:
        raise InvalidGenesis(f"{name} is not a string")
    return value


def _amount(table: dict[str, object], name: str) -> int:
    text = _string(table, name)
    try:
        return parse_amount(text)
    except InvalidData:
        raise InvalidGenesis(f"{name} {text[:64]!r} is not an amount of AI like 12.5") from None


def _bytes(table: dict[str, object], name: str) -> bytes:
    try:
        return parse_hex(_string(table, name), _KEY_MAX_BYTES)
    except InvalidData as error:
        raise InvalidGenesis(f"{name}: {error}") from None


def _hash(table: dict[str, object], name: str) -> Hash32:
    try:
        return hash32(_bytes(table, name))
    except InvalidData as error:
        raise InvalidGenesis(f"{name}: {error}") from None


def _require_keys(
    where: str,
    table: dict[str, object],
    allowed: frozenset[str],
    *,
    optional: frozenset[str] = frozenset({"accounts", "upgrades", "validators"}),
) -> None:
    unknown, missing = set(table) - allowed, allowed - set(table) - optional
    if unknown:
        raise InvalidGenesis(f"{where} has an unknown key {min(unknown)[:64]!r}")
    if missing:
        raise InvalidGenesis(f"{where} lacks {', '.join(sorted(missing))}")


def _require_unique(what: str, values: Iterable[bytes | str]) -> None:
    seen: set[bytes | str] = set()
    for value in values:
        shown = value if isinstance(value, str) else "0x" + value[:20].hex()
        _require(value not in seen, f"the {what} {shown} appears twice")
        seen.add(value)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise InvalidGenesis(reason)
