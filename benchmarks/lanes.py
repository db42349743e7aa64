"""A hundred whole validators of two lanes in eight cloud regions, some of them offline.

How soon a proposed block is fast, and hard, on all who are there; see `virtual_nodes`. Blocks are
empty. Everybody is connected to everybody.
"""

import argparse

import trio
from harness import Row, arguments, percentile, report
from virtual_nodes import World, document_of, play

from aichain.chain import Chain
from consensus.lanes.voters import term_blocks

WARM_HEIGHTS = 8
FAST_S, HARD_S = 1.0, 10.0


def main() -> None:
    """Run so many blocks, and look at those whose hard end all have seen."""
    options = arguments("Two lanes across eight regions", _add)
    every = options.validators // options.offline if options.offline else options.validators + 1
    online = [at for at in range(options.validators) if at % every != every - 1]
    last = WARM_HEIGHTS + options.blocks
    carried: list[int] = []
    restarts: list[int] = []

    async def program(world: World, nursery: trio.Nursery) -> None:
        for index in online:
            await world.start(index, nursery)
        await world.watch.until(WARM_HEIGHTS, online)
        carried.extend((sum(host.messages for host in world.hosts), _bytes(world)))
        await world.watch.until(last, online)
        restarts.extend(_restarts(world.nodes[online[0]].chain))

    document = document_of(
        options.validators, delta_ms=options.delta_ms, full_set_limit=options.full_set_limit
    )
    world, virtual_s = play(document, program)
    hosts = [world.hosts[index] for index in online]
    per_block = len(online) * options.blocks
    blocks = term_blocks(
        options.validators, options.full_set_limit, document.consensus.epoch_blocks
    )
    report(
        "lanes",
        rows_of(world, range(WARM_HEIGHTS + 1, last + 1), online),
        as_json=options.json,
        validators=options.validators,
        offline=options.validators - len(online),
        blocks_a_term=blocks,
        blocks=options.blocks,
        restarts=len(restarts),
        virtual_s=round(virtual_s, 1),
        messages_sent_and_read_a_node_and_block=round(
            (sum(host.messages for host in world.hosts) - carried[0]) / per_block, 1
        ),
        kb_sent_and_read_a_node_and_block=round((_bytes(world) - carried[1]) / per_block / 1000, 1),
        loop_percent_of_a_core=round(
            100 * sum(host.cpu_s for host in hosts) / len(online) / virtual_s, 1
        ),
        threads_percent_of_a_core=round(
            100 * sum(host.threads_s for host in hosts) / len(online) / virtual_s, 1
        ),
    )


def rows_of(world: World, heights: range, online: list[int]) -> list[Row]:
    """Shares, percentiles and the longest time; a block that was never fast counts as its hard
    time says."""
    watch = world.watch
    hard = [max(watch.final[h][at] for at in online) - watch.proposed[h] for h in heights]
    fast = [
        max(watch.fast[h].get(at, watch.final[h][at]) for at in online) - watch.proposed[h]
        for h in heights
    ]
    own = [
        watch.fast[h].get(at, watch.final[h][at]) - watch.proposed[h]
        for h in heights
        for at in online
    ]
    level = {h: max(watch.fast[h].get(at, watch.final[h][at]) for at in online) for h in heights}
    gaps = [level[h] - level[h - 1] for h in heights if h - 1 in level]
    named = (
        ("proposed to fast on all", fast, FAST_S),
        ("proposed to fast on a node", own, FAST_S),
        ("proposed to hard on all", hard, HARD_S),
        ("between blocks fast on all", gaps, FAST_S),
    )
    return [
        {
            "name": name,
            **{f"p{p}_ms": round(1000 * percentile(values, p)) for p in (50, 90, 99)},
            "max_ms": round(1000 * max(values)),
            "limit_s": limit_s,
            "percent_within": round(
                100 * sum(value <= limit_s for value in values) / len(values), 2
            ),
        }
        for name, values, limit_s in named
    ]


def _restarts(chain: Chain) -> list[int]:
    """The heights of checkpoints that ended a term before its last block."""
    decided = (decision.checkpoint for decision in chain.decisions.from_number(1))
    return [checkpoint.block_height for checkpoint in decided if checkpoint.is_restart]


def _bytes(world: World) -> int:
    return sum(host.bytes for host in world.hosts)


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=100)
    parser.add_argument("--offline", type=int, default=10, help="never started (default 10)")
    parser.add_argument("--blocks", type=int, default=320)
    parser.add_argument("--delta-ms", type=int, default=250)
    parser.add_argument(
        "--full-set-limit",
        type=int,
        default=20,
        help="of 100 validators 20, 10, 5, 3 give terms of 8, 16, 32, 64 blocks",
    )


if __name__ == "__main__":
    main()
