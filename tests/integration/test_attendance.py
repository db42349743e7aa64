"""Who was away, as the final blocks of whole nodes say: turns, certificates, past epochs."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
import trio

from aichain.node.attendance import AttendanceBook
from aichain.node.electorates import Electorates
from genesis.beacon import epoch_seed
from genesis.epochs import epoch_of_height
from genesis.units import Address
from native.hashing import Hash32
from tests.integration.lane_nodes import lane_cluster, lanes_of
from tests.integration.nodes import cluster, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

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
        parts = book.parts(HEIGHT, 4, HEIGHT)
        assert [part.first_height for part in parts[1:]] == [
            part.last_height + 1 for part in parts[:-1]
        ]
        assert (parts[0].first_height, parts[-1].last_height) == (1, HEIGHT)
        assert sum(part.certificates for part in parts) == uptime.certificates
        proposed = sum(each.proposed for part in parts for each in part.validators)
        assert proposed == HEIGHT
        assert len(book.parts(2, 5, HEIGHT)) == 2, "no part is empty"
        last = nodes[0].node.chain.blocks.header_at(HEIGHT)
        assert last is not None
        assert last.epoch == epoch_of_height(HEIGHT, EPOCH_BLOCKS)


ABSENT = 4
Missed = dict[Address, int]


def lane_story(directory: Path) -> tuple[Missed, Missed]:
    """Four of five nodes live through four epochs: who missed how many turns of its seats, as the
    book says it and as the committees of the living terms, which are not kept, gave them."""
    found: list[Missed] = []

    async def story() -> None:
        machine = virtual_machine()
        async with lane_cluster(directory, 5, epoch_blocks=8, machine=machine) as net:
            nodes = [await net.start(index) for index in range(ABSENT)]
            committees = {}
            for height in range(1, HEIGHT + 1):
                while nodes[0].height < height:
                    for term in lanes_of(nodes[0]).terms:
                        for at in range(term.instance.first_height, term.instance.last_height + 1):
                            committees[at] = term.instance.electorate
                    await trio.sleep(0.02)
            chain = nodes[0].node.chain
            missed = Counter[Address]()
            for height in range(1, HEIGHT + 1):
                header, seats = chain.blocks.header_at(height), committees[height]
                assert header is not None
                for view in range(header.parent_view + 1, header.view):
                    missed[seats.members[seats.proposer(view)]] += 1
            book = AttendanceBook(chain.blocks, net.document, chain.decisions)
            uptime = book.over(HEIGHT, HEIGHT)
            found.append({each.address: each.missed for each in uptime.validators if each.missed})
            found.append(missed)
            by_address = {each.address: each for each in uptime.validators}
            away = by_address[net.document.validators[ABSENT].address]
            assert away.missed > 0
            assert (away.proposed, away.signed) == (0, 0)

    run_virtual(story, seed=2)
    of_book, of_committees = found
    return of_book, of_committees


def test_with_two_lanes_an_absent_seat_holder_misses_its_turns(tmp_path: Path) -> None:
    of_book, of_committees = lane_story(tmp_path)
    assert of_book == of_committees


def seed_of_the_epoch_before(electorates: Electorates, epoch: int) -> Hash32:
    """Known for so long that a stake could have been placed after it."""
    return electorates._voters(max(0, epoch - 1)).seed


def seed_of_the_document(electorates: Electorates, epoch: int) -> Hash32:
    """Known from the start, whatever anybody reveals."""
    return epoch_seed(electorates._chain.document.seed, epoch)


@pytest.mark.parametrize("wrong", [seed_of_the_epoch_before, seed_of_the_document])
def test_a_committee_from_the_wrong_seed_is_found_by_who_missed_its_turns(
    tmp_path: Path, wrong: Callable[[Electorates, int], Hash32]
) -> None:
    """All nodes are wrong alike and go on; the book reads the seed in the headers."""
    with patch.object(Electorates, "seed", wrong):
        of_book, of_committees = lane_story(tmp_path)
    assert of_book != of_committees
