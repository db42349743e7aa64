"""Who was refused is said, but nobody fills the log by dialling."""

from genesis.limits import STRANGERS_REMEMBERED_MAX
from p2p.strangers import SAID_AGAIN_AFTER_MS, Strangers


def test_a_peer_is_news_once_in_ten_minutes() -> None:
    strangers = Strangers(0)
    assert strangers.is_news("a", 0)
    assert not strangers.is_news("a", SAID_AGAIN_AFTER_MS - 1)
    assert strangers.is_news("b", 1)
    assert strangers.is_news("a", SAID_AGAIN_AFTER_MS)


def test_many_peers_together_make_few_lines() -> None:
    strangers = Strangers(0)
    lines = sum(strangers.is_news(f"peer {number}", 1_000) for number in range(1_000))
    assert 10 <= lines <= 30


def test_what_is_remembered_is_bounded() -> None:
    strangers = Strangers(0)
    for number in range(STRANGERS_REMEMBERED_MAX + 1):
        assert strangers.is_news(f"peer {number}", 1_000 * number)
    at = 1_000 * (STRANGERS_REMEMBERED_MAX + 1)
    assert not strangers.is_news("peer 1", at)
    assert strangers.is_news("peer 0", at), "it was forgotten"
