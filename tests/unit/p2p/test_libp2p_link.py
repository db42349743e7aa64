"""What a link says of its round trip."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from p2p import libp2p_link
from p2p.libp2p_link import PeerLink


@pytest.mark.parametrize(("seconds", "shown_ms"), [(0.0, 0), (0.0003, 1), (0.001, 1), (0.0011, 2)])
def test_a_round_trip_that_was_measured_is_never_zero(
    monkeypatch: pytest.MonkeyPatch, seconds: float, shown_ms: int
) -> None:
    """Peers on one machine answer in less than half a millisecond."""
    yamux = SimpleNamespace(rtt=lambda: seconds)
    monkeypatch.setattr(libp2p_link, "yamux_of", lambda _: yamux)
    link = cast("Any", SimpleNamespace(connection=None))
    assert cast("Any", PeerLink.rtt_ms).fget(link) == shown_ms
