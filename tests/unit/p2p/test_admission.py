"""Handshakes and connections are counted per host, and every slot is given back."""

import pytest

from genesis.limits import (
    CONNECTIONS_PER_HOST_MAX,
    HANDSHAKES_BURST,
    HANDSHAKES_PER_HOST_BURST,
    HANDSHAKES_PER_HOST_PER_SECOND,
    INBOUND_CONNECTIONS_MAX,
    PENDING_HANDSHAKES_PER_HOST_MAX,
)
from p2p.admission import Admission, is_loopback

STRANGER = "203.0.113.7"


def test_one_host_gets_only_so_many_handshakes() -> None:
    admission = Admission()
    assert all(admission.begin(STRANGER, 0) for _ in range(PENDING_HANDSHAKES_PER_HOST_MAX))
    assert not admission.begin(STRANGER, 0)
    assert admission.begin("203.0.113.8", 0)
    admission.abandon(STRANGER)
    assert admission.begin(STRANGER, 0)
    assert admission.refused == 1


def test_one_host_gets_only_so_many_connections() -> None:
    admission = Admission()
    for _ in range(CONNECTIONS_PER_HOST_MAX):
        assert admission.begin(STRANGER, 0)
        admission.establish(STRANGER)
    assert not admission.begin(STRANGER, 0)
    admission.end(STRANGER)
    assert admission.begin(STRANGER, 0)


def test_this_machine_may_hold_many_nodes_but_not_all_slots() -> None:
    admission = Admission()
    for _ in range(INBOUND_CONNECTIONS_MAX):
        assert admission.begin("127.0.0.1", 0)
        admission.establish("127.0.0.1")
    assert not admission.begin("127.0.0.1", 0)
    assert not admission.begin(STRANGER, 0)


def test_founders_with_public_keys_let_nobody_else_in() -> None:
    admission = Admission(loopback_only=True)
    assert not admission.begin(STRANGER, 0)
    assert admission.begin("::1", 0)


def test_slots_cannot_be_given_back_twice() -> None:
    admission = Admission()
    admission.begin(STRANGER, 0)
    admission.abandon(STRANGER)
    with pytest.raises(AssertionError):
        admission.abandon(STRANGER)


def test_names_are_not_this_machine() -> None:
    assert is_loopback("127.3.2.1")
    assert not is_loopback("localhost")
    assert not is_loopback("")


def test_handshakes_of_one_host_come_no_faster_than_they_are_worth() -> None:
    admission = Admission()
    for _ in range(HANDSHAKES_PER_HOST_BURST):
        assert admission.begin(STRANGER, 0)
        admission.abandon(STRANGER)
    assert not admission.begin(STRANGER, 0)
    assert admission.begin("203.0.113.8", 0)
    assert admission.begin("127.0.0.1", 0)
    assert admission.begin(STRANGER, 1000 // HANDSHAKES_PER_HOST_PER_SECOND)


def test_many_hosts_together_leave_time_for_consensus() -> None:
    admission = Admission()
    taken = 0
    for number in range(2 * HANDSHAKES_BURST):
        host = f"203.0.113.{number}"
        if admission.begin(host, 0):
            admission.abandon(host)
            taken += 1
    assert taken == HANDSHAKES_BURST


def test_the_addresses_of_one_ipv6_customer_are_one_host() -> None:
    admission = Admission()
    for number in range(PENDING_HANDSHAKES_PER_HOST_MAX):
        assert admission.begin(f"2001:db8::{number:x}", 0)
    assert not admission.begin("2001:db8::ffff", 0)
    assert admission.begin("2001:db8:0:1::1", 0)
    for number in range(PENDING_HANDSHAKES_PER_HOST_MAX):
        admission.abandon(f"2001:db8::{number:x}")
    assert admission.begin("2001:db8::ffff", 0)
    assert admission.begin("::ffff:203.0.113.9", 0)
    admission.abandon("203.0.113.9")
