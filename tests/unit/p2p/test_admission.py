"""Handshakes and connections are counted per host, and every slot is given back."""

import pytest

from genesis.limits import (
    CONNECTIONS_PER_HOST_MAX,
    INBOUND_CONNECTIONS_MAX,
    PENDING_HANDSHAKES_PER_HOST_MAX,
)
from p2p.admission import Admission, is_loopback

STRANGER = "203.0.113.7"


def test_one_host_gets_only_so_many_handshakes() -> None:
    admission = Admission()
    assert all(admission.begin(STRANGER) for _ in range(PENDING_HANDSHAKES_PER_HOST_MAX))
    assert not admission.begin(STRANGER)
    assert admission.begin("203.0.113.8")
    admission.abandon(STRANGER)
    assert admission.begin(STRANGER)
    assert admission.refused == 1


def test_one_host_gets_only_so_many_connections() -> None:
    admission = Admission()
    for _ in range(CONNECTIONS_PER_HOST_MAX):
        assert admission.begin(STRANGER)
        admission.establish(STRANGER)
    assert not admission.begin(STRANGER)
    admission.end(STRANGER)
    assert admission.begin(STRANGER)


def test_this_machine_may_hold_many_nodes_but_not_all_slots() -> None:
    admission = Admission()
    for _ in range(INBOUND_CONNECTIONS_MAX):
        assert admission.begin("127.0.0.1")
        admission.establish("127.0.0.1")
    assert not admission.begin("127.0.0.1")
    assert not admission.begin(STRANGER)


def test_founders_with_public_keys_let_nobody_else_in() -> None:
    admission = Admission(loopback_only=True)
    assert not admission.begin(STRANGER)
    assert admission.begin("::1")


def test_slots_cannot_be_given_back_twice() -> None:
    admission = Admission()
    admission.begin(STRANGER)
    admission.abandon(STRANGER)
    with pytest.raises(AssertionError):
        admission.abandon(STRANGER)


def test_names_are_not_this_machine() -> None:
    assert is_loopback("127.3.2.1")
    assert not is_loopback("localhost")
    assert not is_loopback("")
