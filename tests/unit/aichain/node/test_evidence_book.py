"""Evidence of double signatures is kept whole, once, and to a bound."""

from aichain.node.evidence_book import EvidenceBook
from consensus.evidence import ConflictingVotes, decode_evidence
from consensus.votes import SignedVote, Vote, VotePhase
from native.codec import decode
from native.hashing import Hash32, blake3_256

INSTANCE = Hash32(b"\x01" * 32)


def double_vote(view: int) -> ConflictingVotes:
    first, second = (
        SignedVote(
            Vote(INSTANCE, VotePhase.PREFER, view, 4, Hash32(block * 32)), 0, 2, block * 3309
        )
        for block in (b"\x0a", b"\x0b")
    )
    return ConflictingVotes(first, second)


def test_evidence_is_kept_once_and_can_be_read_again() -> None:
    book = EvidenceBook()
    name = book.add(double_vote(5))
    assert book.add(double_vote(5)) == name
    (raw,) = book.held()
    assert blake3_256(raw) == name
    assert decode_evidence(decode(raw, max_bytes=10_000, max_items=64)) == double_vote(5)


def test_only_the_latest_evidence_is_kept() -> None:
    book = EvidenceBook(limit=2)
    names = [book.add(double_vote(view)) for view in (5, 6, 7)]
    assert len(book) == 2
    assert [blake3_256(raw) for raw in book.held()] == names[1:]
