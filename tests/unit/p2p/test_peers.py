"""Scores fall and recover, bans come and end, and the table stays bounded."""

from p2p.errors import Penalty
from p2p.peers import FIRST_BAN_MS, LONGEST_BAN_MS, RECOVERY_MS, PeerTable


def test_strangers_start_with_a_full_score() -> None:
    assert PeerTable().score("a", 0) == 100


def test_points_are_lost_and_given_back_with_time() -> None:
    table = PeerTable()
    assert not table.penalize("a", Penalty.MALFORMED, "x", 0)
    assert table.score("a", 0) == 75
    assert table.score("a", 10 * RECOVERY_MS) == 85
    assert table.score("a", 1_000 * RECOVERY_MS) == 100


def test_four_malformed_messages_or_one_forgery_are_a_ban() -> None:
    table = PeerTable()
    assert [table.penalize("a", Penalty.MALFORMED, "x", 0) for _ in range(4)] == [False] * 3 + [
        True
    ]
    assert table.penalize("b", Penalty.FORGED, "x", 0)
    assert table.is_banned("a", FIRST_BAN_MS - 1)
    assert not table.is_banned("a", FIRST_BAN_MS)
    assert not table.is_banned("c", 0)


def test_messages_still_on_their_way_do_not_prolong_a_ban() -> None:
    table = PeerTable()
    table.penalize("a", Penalty.FORGED, "x", 0)
    assert not table.penalize("a", Penalty.FORGED, "x", 100)
    assert not table.is_banned("a", FIRST_BAN_MS)


def test_each_ban_is_twice_as_long_up_to_an_hour() -> None:
    table, now_ms = PeerTable(), 0
    for repetition in range(10):
        while not table.penalize("a", Penalty.FORGED, "x", now_ms):
            pass
        length_ms = min(FIRST_BAN_MS << repetition, LONGEST_BAN_MS)
        assert table.is_banned("a", now_ms + length_ms - 1)
        now_ms += length_ms
        assert not table.is_banned("a", now_ms)
    assert length_ms == LONGEST_BAN_MS


def test_a_peer_that_comes_back_from_a_ban_is_on_probation() -> None:
    table = PeerTable()
    table.penalize("a", Penalty.FORGED, "x", 0)
    assert table.score("a", FIRST_BAN_MS) == 50


def test_the_table_forgets_the_oldest_when_it_is_full() -> None:
    table = PeerTable(max_records=3)
    for peer in ("a", "b", "c", "a", "d"):
        table.penalize(peer, Penalty.NUISANCE, "x", 0)
    assert len(table) == 3
    assert table.score("b", 0) == 100
    assert table.score("a", 0) == 96
