"""Two chains share no protocol name but the hello's, which tells them apart."""

from dataclasses import astuple

from native.hashing import Hash32
from p2p.topics import topics_of


def test_every_name_is_one_of_this_chain_alone() -> None:
    names = set(astuple(topics_of(36_999, Hash32(b"G" * 32))))
    assert len(names) == 5
    assert names & set(astuple(topics_of(36_964, Hash32(b"G" * 32)))) == {"/aichain/hello/1"}
    assert names & set(astuple(topics_of(36_999, Hash32(b"g" * 32)))) == {"/aichain/hello/1"}
    assert "/aichain/36999/4747474747474747/consensus/1" in names
