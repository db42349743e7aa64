"""The example of the README runs as it stands there."""

import re
from pathlib import Path

import trio

from tests.unit.aichain.rpc.serving import served

README = Path(__file__).parents[4] / "README.md"


async def test_the_example_of_the_readme_runs() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    said: list[str] = []
    async with served() as node, trio.open_nursery() as nursery:
        program = source.replace("127.0.0.1:3690", f"127.0.0.1:{node.port}")
        program = program.replace('"testnet"', '"devnet"')

        def run() -> None:
            exec(compile(program, str(README), "exec"), {"print": lambda *told: said.extend(told)})

        async def make_blocks() -> None:
            while True:
                node.backend.extend(list(node.backend.pool.values()))
                await trio.sleep(0.1)

        nursery.start_soon(make_blocks)
        with trio.fail_after(30):
            await trio.to_thread.run_sync(run)
        nursery.cancel_scope.cancel()
    height, burned, balance = said
    assert int(height) > 2
    assert int(burned) > 0
    assert int(balance) == 5 * 10**17 * 5  # what it had, and what it got
