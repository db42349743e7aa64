"""Twenty whole validators in eight cloud regions: proposal to final on all, and with some dead.

See `virtual_nodes`. Blocks are empty. Those who die are killed at once, when the chain runs.
"""

import argparse

import trio
from harness import Row, arguments, percentile, report
from virtual_nodes import Watch, World, document_of, play

DEATH_HEIGHT = 10
SETTLED_BLOCKS = 40
"""The time after a death that has a row of its own."""


def main() -> None:
    """All alive, or with `--dead` of them killed."""
    options = arguments("Finality across eight regions", _add)
    alive = range(options.validators - options.dead)
    last = DEATH_HEIGHT + options.blocks

    async def program(world: World, nursery: trio.Nursery) -> None:
        for index in range(options.validators):
            await world.start(index, nursery)
        await world.watch.until(DEATH_HEIGHT, alive)
        for index in range(len(alive), options.validators):
            world.kill(index)
        await world.watch.until(last, alive)

    document = document_of(options.validators, delta_ms=options.delta_ms)
    world, virtual_s = play(document, program)
    hosts = [world.hosts[index] for index in alive]
    busy_s = len(hosts) * virtual_s
    report(
        "regions",
        rows_of(world.watch, range(DEATH_HEIGHT + 1, last + 1), alive),
        as_json=options.json,
        validators=options.validators,
        dead=options.dead,
        delta_ms=options.delta_ms,
        blocks=options.blocks,
        virtual_s=round(virtual_s, 1),
        loop_percent_of_a_core=round(100 * sum(host.cpu_s for host in hosts) / busy_s, 1),
        threads_percent_of_a_core=round(100 * sum(host.threads_s for host in hosts) / busy_s, 1),
    )


def rows_of(watch: Watch, heights: range, alive: range) -> list[Row]:
    """Times of blocks, and the pauses between them as the slowest node sees them."""
    final = {height: [watch.final[height][node] for node in alive] for height in heights}
    level = {height: max(watch.final[height][node] for node in alive) for height in heights}
    level[heights.start - 1] = max(watch.final[heights.start - 1][node] for node in alive)
    gaps = [level[height] - level[height - 1] for height in heights]
    named = {
        "proposed to final on all": [max(final[h]) - watch.proposed[h] for h in heights],
        "proposed to final on the first": [min(final[h]) - watch.proposed[h] for h in heights],
        "between blocks final on all": gaps,
        f"between blocks, without the first {SETTLED_BLOCKS}": gaps[SETTLED_BLOCKS:],
    }
    return [
        {
            "name": name,
            **{f"p{p}_ms": round(1000 * percentile(values, p)) for p in (50, 90, 99)},
            "max_ms": round(1000 * max(values)),
        }
        for name, values in named.items()
    ]


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=20)
    parser.add_argument("--dead", type=int, default=0, help="killed at height 10 (default 0)")
    parser.add_argument("--blocks", type=int, default=320)
    parser.add_argument("--delta-ms", type=int, default=250)


if __name__ == "__main__":
    main()
