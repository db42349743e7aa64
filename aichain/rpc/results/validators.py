"""Who votes, who is registered, and who was there."""

from msgspec import UNSET, UnsetType

from aichain.rpc.results.result import AddressHex, AmountText, Count, HashHex, Hex, Result


class Validator(Result, frozen=True):
    """A member of a validator set."""

    index: Count
    address: AddressHex
    stake: AmountText
    peer_id: str
    public_key: Hex


class RegisteredValidator(Result, frozen=True):
    """Voting or not."""

    address: AddressHex
    registration: Count
    set_index: Count | None
    """None where it is not in the set that votes now."""
    stake: AmountText
    voting_stake: AmountText
    commission_bps: Count
    jailed_until: Count
    tombstoned: bool
    onion_head: HashHex
    onion_length: Count
    onion_renewals: Count
    peer_id: str


class Validators(Result, frozen=True):
    """The set that votes on a height."""

    height: Count
    vset_hash: HashHex
    total_stake: AmountText
    validators: list[Validator]
    registered: list[RegisteredValidator] | UnsetType = UNSET
    """Only where no height was named."""


class Attendance(Result, frozen=True):
    """What a window of final blocks says of one validator."""

    address: AddressHex
    proposed: Count
    missed: Count
    signed: Count
    certificates: Count
    signed_permille: Count | None


class UptimePart(Result, frozen=True):
    """Read from final headers and from the certificates that this node keeps."""

    first_height: Count
    last_height: Count
    certificates: Count
    validators: list[Attendance]


class Uptime(UptimePart, frozen=True):
    """A whole window."""

    parts: list[UptimePart] | UnsetType = UNSET
    """The same window in parts, the oldest first, where they were asked for."""
