"""How much one server lets its callers ask: every bound in one value, for tests to make small."""

from dataclasses import dataclass

from genesis import limits


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Limits of one server; the defaults are the named ones of `genesis/limits.py`."""

    connections: int = limits.RPC_CONNECTIONS_MAX
    connections_per_address: int = limits.RPC_CONNECTIONS_PER_ADDRESS_MAX
    refusals_at_once: int = limits.RPC_REFUSALS_AT_ONCE_MAX
    head_bytes: int = limits.RPC_HEAD_MAX_BYTES
    headers: int = limits.RPC_HEADERS_MAX
    body_bytes: int = limits.RPC_BODY_MAX_BYTES
    response_bytes: int = limits.RPC_RESPONSE_MAX_BYTES
    unsent_bytes: int = limits.RPC_UNSENT_MAX_BYTES
    batch_calls: int = limits.RPC_BATCH_CALLS_MAX
    subscriptions: int = limits.RPC_SUBSCRIPTIONS_MAX
    outbox_messages: int = limits.RPC_OUTBOX_MESSAGES_MAX
    calls_per_second: int = limits.RPC_CALLS_PER_SECOND
    burst_calls: int = limits.RPC_CALLS_BURST
    tracked_addresses: int = limits.RPC_TRACKED_ADDRESSES_MAX
    idle_timeout_s: float = limits.RPC_IDLE_TIMEOUT_S
    read_timeout_s: float = limits.RPC_READ_TIMEOUT_S
    write_timeout_s: float = limits.RPC_WRITE_TIMEOUT_S
    call_timeout_s: float = limits.RPC_CALL_TIMEOUT_S
    linger_timeout_s: float = limits.RPC_LINGER_TIMEOUT_S
