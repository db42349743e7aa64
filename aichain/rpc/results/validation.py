"""What a node shows to everybody of its chain: who is active, how often, how fast."""

from aichain.rpc.results.result import AddressHex, Count, HashHex, Result


class ValidatorFigures(Result, frozen=True):
    """One validator over the window."""

    address: AddressHex
    active: bool
    """It signed a certificate or made a block in the window."""
    proposed: Count
    missed: Count
    signed_permille: Count | None
    """Of the certificates that it could have signed, which close with a quorum."""


class Validation(Result, frozen=True, kw_only=True):
    """As this node sees it. Times are milliseconds; None where too little was seen."""

    network: str
    chain_id: Count
    genesis_hash: HashHex
    version: str
    now_ms: Count
    height: Count
    finalized_ago_ms: Count
    syncing: bool
    connected_peers: Count
    validators_total: Count
    validators_active: Count
    uptime_permille: Count | None
    """Of the turns to propose in the window, those that left a final block."""
    window_blocks: Count
    block_interval_ms: Count | None
    finality_ms: Count | None
    """Median, from a block's timestamp until it was final here."""
    finality_worst_ms: Count | None
    transactions_per_minute: Count
    validators: list[ValidatorFigures]
