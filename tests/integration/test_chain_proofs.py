"""What a stranger is shown of a chain on disk: headers, finality, records, each with its proof."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aichain.chain import Chain
from consensus.headers import block_ref
from consensus.light import verify_ancestor_header, verify_record
from tests.integration.ledgers import Purse, build_on, certify, extend, make_document, must
from vm.blocks import Header
from vm.mmr import prove_ancestor
from vm.queries import prove_account

DOCUMENT = make_document(epoch_blocks=4)
BLOCKS = 21


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    Chain.create(tmp_path, DOCUMENT)
    opened = Chain.open(tmp_path, DOCUMENT)
    yield opened
    opened.close()


def test_every_header_is_proved_under_every_later_one(chain: Chain) -> None:
    for _ in range(BLOCKS):
        extend(chain)
    headers = [must(chain.blocks.header_at(height)) for height in range(BLOCKS + 1)]
    for at in range(1, BLOCKS + 1):
        for height in range(at):
            proof = must(chain.blocks.prove_header(height, at))
            assert proof == prove_ancestor([header.id for header in headers[:at]], height)
            verify_ancestor_header(headers[at], headers[height], proof)


def test_several_blocks_of_one_commit_are_in_the_range(chain: Chain) -> None:
    state = chain.head
    headers: list[Header] = []
    for _ in range(3):
        built = build_on(state)
        chain.adopt(built)
        state = built.state
        headers.append(built.block.header)
    chain.finalize([block_ref(each) for each in headers], certify(headers[-1]), finalized_at_ms=1)
    extend(chain)
    proof = must(chain.blocks.prove_header(2, 4))
    verify_ancestor_header(chain.head.head, headers[1], proof)


def test_finality_leads_down_from_the_certificate_and_names_the_epochs_start(chain: Chain) -> None:
    for _ in range(10):
        extend(chain)
    for height in range(1, 11):
        finality = must(chain.blocks.finality_of(height))
        start = 4 * finality.certificate.epoch
        assert finality.headers[-1].height == height
        assert finality.start_id == must(chain.blocks.header_at(start)).id
        assert finality.validators.hash == finality.headers[0].vset_hash


def test_the_state_before_the_last_commit_is_proved_by_the_header_above_it(chain: Chain) -> None:
    at_start = chain.certified
    assert at_start is None
    purse = Purse()
    for _ in range(5):
        extend(chain, [purse.pay(DOCUMENT, 7)])
        state = must(chain.certified)
        child = chain.head.head
        assert state.head.height == child.height - 1
        found = prove_account(state, purse.recipient)
        verify_record(child, found.key, found.value, found.proof)
    assert prove_account(chain.head, purse.recipient).value != found.value


def test_a_certified_state_reads_its_own_records_after_later_commits(chain: Chain) -> None:
    purse = Purse()
    extend(chain, [purse.pay(DOCUMENT)])
    extend(chain, [purse.pay(DOCUMENT)])
    state = must(chain.certified)
    before = prove_account(state, purse.address)
    for _ in range(3):
        extend(chain, [purse.pay(DOCUMENT)])
    assert prove_account(state, purse.address) == before


def test_after_a_restart_nothing_is_certified_until_a_block_is_final(tmp_path: Path) -> None:
    Chain.create(tmp_path, DOCUMENT)
    chain = Chain.open(tmp_path, DOCUMENT)
    for _ in range(6):
        extend(chain)
    chain.close()
    chain = Chain.open(tmp_path, DOCUMENT)
    at_start = chain.certified
    assert at_start is None
    assert chain.blocks.prove_header(2, 6) is not None
    extend(chain)
    assert must(chain.certified).head.height == 6
    chain.close()
