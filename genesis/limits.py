"""Every protocol limit in one place: what comes from outside is never bounded by luck."""

# --- genesis: documents and founders -----------------------------------------------------------
GENESIS_TEXT_MAX_BYTES = 8 * 1024 * 1024
GENESIS_ACCOUNTS_MAX = 20_000
GENESIS_VALIDATORS_MAX = 64
NETWORK_ID_MAX = 2**32 - 1
NAME_MAX_CHARS = 32
LABEL_MAX_CHARS = 64
PEER_ID_MAX_BYTES = 42
ONION_LENGTH_MAX = 2**24
EPOCH_BLOCKS_MAX = 2**16
BLOCK_TIME_MAX_MS = 60_000
UNBONDINGS_MAX = 256
