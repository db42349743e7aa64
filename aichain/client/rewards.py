"""What proposers were paid, read from the `BlockRewarded` logs of final blocks."""

from dataclasses import dataclass

from aichain.rpc.results.ethereum import EthLog
from genesis.units import Address
from native.hashing import keccak256

_REWARDED = "0x" + keccak256(b"BlockRewarded(address,uint256)").hex()
_WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class BlockReward:
    """The proposer's part of a block's reward and the block's tips, in 10^-18 AI."""

    height: int
    amount: int


def reward_filter(proposer: Address, first: int, last: int) -> dict[str, object]:
    """The parameter of eth_getLogs for the blocks from `first` to `last`."""
    return {
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "topics": [_REWARDED, "0x" + proposer.rjust(_WORD_BYTES, b"\0").hex()],
    }


def reward_of(log: EthLog) -> BlockReward:
    """ValueError where the log is another one."""
    if log.topics[:1] != [_REWARDED] or len(log.data) != 2 + 2 * _WORD_BYTES:
        raise ValueError("a log was not asked for")
    return BlockReward(int(log.block_number, 16), int(log.data, 16))
