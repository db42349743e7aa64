"""Who was away, as the final blocks of whole nodes say: turns, certificates, past epochs."""

from pathlib import Path

from aichain.node.attendance import AttendanceBook
from genesis.epochs import epoch_of_height
from tests.integration.nodes import cluster, until

EPOCH_BLOCKS = 6
HEIGHT = 4 * EPOCH_BLOCKS + 1


async def test_an_absent_validator_misses_its_turns_and_signs_nothing(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4, epoch_blocks=EPOCH_BLOCKS) as net:
        nodes = [await net.start(index) for index in range(3)]
        seen = {}
        for height in range(1, HEIGHT + 1):
            await until(lambda height=height: nodes[0].height >= height)  # type: ignore[misc]
            known = nodes[0].node.engine.state.instance.electorate
            seen[known.epoch] = known
        book = AttendanceBook(nodes[0].node.chain.blocks, net.document)
        for epoch, electorate in seen.items():
            assert book.electorate(epoch * EPOCH_BLOCKS + 1) == electorate
        assert len(seen) > 3, "epochs whose seed only a header remembers are among them"
        uptime = book.over(HEIGHT, HEIGHT)
        assert (uptime.first_height, uptime.last_height) == (1, HEIGHT)
        by_address = {each.address: each for each in uptime.validators}
        absent = by_address.pop(net.document.validators[3].address)
        assert (absent.proposed, absent.signed) == (0, 0)
        assert absent.missed > 0
        assert absent.certificates == uptime.certificates > HEIGHT // 2
        assert sum(each.proposed for each in by_address.values()) == HEIGHT
        for each in by_address.values():
            assert each.signed == each.certificates, "three of four are needed for every quorum"
        assert book.over(3, HEIGHT).first_height == HEIGHT - 2
        last = nodes[0].node.chain.blocks.header_at(HEIGHT)
        assert last is not None
        assert last.epoch == epoch_of_height(HEIGHT, EPOCH_BLOCKS)
