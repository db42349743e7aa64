"""An index on a server needs a library that not every node has; what a server says is cut."""

import sys
from collections import deque

import psycopg
import pytest

from aichain.errors import ConfigError
from aichain.server_url import ServerUrl
from aichain.store.postgres.connections import Readers, TimedConnection, cause_of, reason_of
from aichain.store.postgres.rows import escape, unescape
from aichain.store.remote_index import open_remote_index
from genesis import limits
from native.hashing import ZERO_HASH, Hash32
from vm.blocks import Header


def no_header(height: int) -> Header:
    raise AssertionError(height)


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("aichain.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError) as refused:
        open_remote_index(ServerUrl("postgresql://h"), Hash32(ZERO_HASH), no_header)
    assert "psycopg" in refused.value.reason
    assert "aichain[postgres]" in refused.value.fix


def test_what_everybody_may_read_names_nobody() -> None:
    said = 'connection to server at "10.0.0.5", port 5432 failed:\n\x1b[2J FATAL: user "keeper"'
    error = psycopg.OperationalError(said + "!" * 1000)
    assert "10.0.0.5" not in reason_of(error)
    told = cause_of(error)
    assert "10.0.0.5" in told
    assert told.isprintable()
    assert len(told) < limits.INDEX_REASON_MAX_CHARS + 100


@pytest.mark.parametrize(
    "text", ["", "nonce_mismatch", "\0", "\\", "\\0", "\\\\0\0\\", "0\\\0\\\\"]
)
def test_an_error_is_written_without_a_nul_and_read_as_it_was(text: str) -> None:
    assert "\0" not in escape(text)
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("secret", ["pa55%zz", "pa55%"])
def test_an_address_that_libpq_does_not_take_is_refused_without_its_words(secret: str) -> None:
    for text in (f"postgresql://u:{secret}@h/d", f"postgresql://h/d?passwort={secret}"):
        with pytest.raises(ConfigError) as refused:
            open_remote_index(ServerUrl(text), Hash32(ZERO_HASH), no_header)
        assert "is not an address of libpq" in refused.value.reason
        assert "pa55" not in str(refused.value) + refused.value.fix


class TakenMeanwhile(deque[TimedConnection]):
    """Between a look and a grasp another thread takes what is there."""

    def __bool__(self) -> bool:
        return True


def test_idle_connections_may_be_taken_while_they_are_closed() -> None:
    """Two pages that failed at once, as at a server's end, ended the node."""
    readers = Readers(ServerUrl("postgresql://h"))
    readers._idle = TakenMeanwhile()
    readers.close()
