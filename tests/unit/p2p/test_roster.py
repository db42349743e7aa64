"""Members, audiences, and the order of what they say of themselves."""

from native.hashing import ZERO_HASH, Hash32
from p2p.network import Audience, Direction
from p2p.roster import Member, Roster
from p2p.wire.messages import Hello, Status


def member(peer: str, key: bytes = b"", height: int = 0) -> Member:
    status = Status(height, ZERO_HASH, 0, height)
    hello = Hello(1, ZERO_HASH, "agent", key, b"", status, "")
    return Member(peer, hello, "/ip4/127.0.0.1/tcp/1", "", Direction.INBOUND, status)


def test_audiences_follow_who_comes_and_goes() -> None:
    roster = Roster()
    roster.add(member("a", b"key a"))
    roster.add(member("b"))
    assert roster.audience(Audience.PEERS) == ("a", "b")
    assert roster.audience(Audience.VALIDATORS) == ("a",)
    roster.remove("a")
    roster.remove("never there")
    assert roster.audience(Audience.VALIDATORS) == ()
    assert "b" in roster
    assert len(roster) == 1


def test_the_validator_set_decides_once_it_is_known() -> None:
    roster = Roster()
    roster.add(member("a", b"key a"))
    roster.add(member("b", b"key b"))
    roster.set_validators([b"key b", b"key c"])
    assert roster.audience(Audience.VALIDATORS) == ("b",)
    roster.add(member("c", b"key c"))
    assert roster.audience(Audience.VALIDATORS) == ("b", "c")
    assert not roster.is_validator(b"")


def test_an_older_status_does_not_undo_a_newer_one() -> None:
    roster = Roster()
    roster.add(member("a", height=5))
    roster.update("a", Status(9, Hash32(b"9" * 32), 1, 10))
    roster.update("a", Status(7, Hash32(b"7" * 32), 1, 8))
    roster.update("unknown", Status(99, ZERO_HASH, 0, 0))
    (view,) = roster.views(lambda peer: 42)
    assert (view.final_height, view.final_id, view.view, view.score) == (9, b"9" * 32, 10, 42)
