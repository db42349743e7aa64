"""Webhooks: what is delivered, signed and tried again, and what a slow receiver costs: itself."""

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from aichain.clock import SystemClock
from aichain.errors import ConfigError
from aichain.rpc.webhooks import sender
from aichain.rpc.webhooks.deliveries import Delivery, Topic, deliveries_of, signature_of
from aichain.rpc.webhooks.sender import WebhookSender
from aichain.webhook_file import Webhook, read_webhooks
from genesis.limits import WEBHOOK_ATTEMPTS_MAX, WEBHOOK_BACKLOG_BLOCKS
from genesis.networks import account_key
from genesis.units import address_of_key, format_address
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER, FakeBackend
from vm.receipts import EventKind

SECRET = b"0123456789abcdef0123456789abcdef"
SENDER = address_of_key(account_key(NETWORK, 0).public_key)
HOOK = Webhook(
    "shop",
    "http://127.0.0.1:1/hook",
    SECRET,
    blocks=True,
    addresses=(STRANGER,),
    events=frozenset({EventKind.TRANSFERRED}),
)


@dataclass
class Receiver:
    """What it is sent, and what it answers: the statuses in turn, then 200."""

    answers: list[int | str] = field(default_factory=list)
    got: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)

    async def post(self, _url: str, body: bytes, headers: Mapping[str, str]) -> int | str:
        await trio.lowlevel.checkpoint()
        self.got.append((dict(headers), json.loads(body)))
        self.at_s.append(trio.current_time())
        return self.answers.pop(0) if self.answers else 200

    @property
    def ids(self) -> list[str]:
        return [headers["X-AIChain-Delivery"] for headers, _ in self.got]


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


def start(
    nursery: trio.Nursery,
    backend: FakeBackend,
    home: Path,
    receiver: Receiver,
    *hooks: Webhook,
) -> None:
    each = WebhookSender(
        hooks or (HOOK,), home, backend, backend.metrics, SystemClock(), receiver.post
    )
    nursery.start_soon(each.run)


async def delivered(receiver: Receiver, count: int) -> None:
    with trio.fail_after(600):
        while len(receiver.got) < count:  # noqa: ASYNC110 the sender fills it
            await trio.sleep(0.1)


def counted(backend: FakeBackend) -> dict[str, float]:
    families = text_string_to_metric_families(backend.metrics.text().decode())
    return {
        sample.labels["outcome"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "aichain_webhook_deliveries_total"
    }


async def test_a_block_is_told_as_what_it_is_to_the_webhook(backend: FakeBackend) -> None:
    view = backend.extend([backend.transfer(amount=7)])
    found = await deliveries_of(HOOK, backend, view)
    assert [each.topic for each in found] == [Topic.BLOCK, Topic.ADDRESS, Topic.EVENT]
    block, address, event = (json.loads(each.body) for each in found)
    assert block["result"]["height"] == 1
    assert block["network"] == NETWORK
    assert address["result"]["address"] == format_address(STRANGER)
    assert event["result"]["event"]["kind"] == "transferred"
    assert event["result"]["event"]["amount"] == "7"
    again = await deliveries_of(HOOK, backend, view)
    assert [each.id for each in again] == [each.id for each in found]
    other = await deliveries_of(replace(HOOK, name="other"), backend, view)
    assert not {each.id for each in other} & {each.id for each in found}


async def test_what_is_not_wanted_is_not_told(backend: FakeBackend) -> None:
    quiet = replace(HOOK, blocks=False, events=frozenset({EventKind.STAKED}))
    assert await deliveries_of(quiet, backend, backend.extend()) == []


def test_a_signature_binds_time_id_and_body() -> None:
    delivery = Delivery("ab" * 16, Topic.BLOCK, b'{"x":1}')
    expected = hmac.new(SECRET, b"1700." + b"ab" * 16 + b'.{"x":1}', hashlib.sha256).hexdigest()
    assert signature_of(SECRET, delivery, 1700) == f"v1={expected}"
    for other in (
        signature_of(SECRET, delivery, 1701),
        signature_of(SECRET[:-1] + b"x", delivery, 1700),
        signature_of(SECRET, replace(delivery, body=b'{"x":2}'), 1700),
    ):
        assert other != f"v1={expected}"


async def test_blocks_come_in_order_and_each_once(
    backend: FakeBackend, tmp_path: Path, autojump_clock: object
) -> None:
    receiver = Receiver()
    async with trio.open_nursery() as nursery:
        start(nursery, backend, tmp_path, receiver, replace(HOOK, addresses=(), events=frozenset()))
        await trio.sleep(1)
        for _ in range(5):
            backend.extend()
        await delivered(receiver, 5)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert [body["result"]["height"] for _, body in receiver.got] == [1, 2, 3, 4, 5]
    headers, body = receiver.got[0]
    assert headers["X-AIChain-Delivery"] == body["id"]
    assert headers["X-AIChain-Attempt"] == "1"
    assert headers["X-AIChain-Signature"].startswith("v1=")
    assert counted(backend) == {"delivered": 5}


async def test_what_fails_is_tried_again_later_and_later(
    backend: FakeBackend, tmp_path: Path, autojump_clock: object
) -> None:
    receiver = Receiver(answers=[500, "connection refused", 429, 200])
    async with trio.open_nursery() as nursery:
        start(nursery, backend, tmp_path, receiver, replace(HOOK, addresses=(), events=frozenset()))
        await trio.sleep(1)
        backend.extend()
        await delivered(receiver, 4)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert len(set(receiver.ids)) == 1, "the receiver knows that it is the same one"
    pauses = [later - earlier for earlier, later in pairwise(receiver.at_s)]
    assert pauses == pytest.approx([1, 2, 4])
    assert counted(backend) == {"retried": 3, "delivered": 1}


async def test_a_delivery_that_nobody_takes_is_given_up_and_the_next_one_comes(
    backend: FakeBackend, tmp_path: Path, autojump_clock: object
) -> None:
    receiver = Receiver(answers=[*[503] * WEBHOOK_ATTEMPTS_MAX, 404])
    async with trio.open_nursery() as nursery:
        start(nursery, backend, tmp_path, receiver, replace(HOOK, addresses=(), events=frozenset()))
        await trio.sleep(1)
        for _ in range(3):
            backend.extend()
        await delivered(receiver, WEBHOOK_ATTEMPTS_MAX + 2)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [body["result"]["height"] for _, body in receiver.got[-2:]] == [2, 3]
    found = counted(backend)
    assert (found["given up"], found["delivered"]) == (2, 1), "404 is not tried again"


async def test_one_that_hangs_holds_up_nobody_else(
    backend: FakeBackend, tmp_path: Path, autojump_clock: object
) -> None:
    receiver = Receiver()

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int | str:
        if "slow" in url:
            await trio.sleep_forever()
        return await receiver.post(url, body, headers)

    slow = replace(HOOK, name="slow", url="http://127.0.0.1:1/slow")
    hooks = slow, replace(HOOK, addresses=(), events=frozenset())
    async with trio.open_nursery() as nursery:
        each = WebhookSender(hooks, tmp_path, backend, backend.metrics, SystemClock(), post)
        nursery.start_soon(each.run)
        await trio.sleep(1)
        for _ in range(10):
            backend.extend()
        await delivered(receiver, 10)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert counted(backend) == {"delivered": 10}
    shown = backend.metrics.text()
    assert b'aichain_webhook_behind_blocks{webhook="slow"} 10.0' in shown
    assert b'aichain_webhook_behind_blocks{webhook="shop"} 0.0' in shown


async def test_who_drips_keeps_its_own_thread_and_nobody_elses(
    backend: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that was given up goes on for as long as its receiver makes it."""
    over, taken = threading.Event(), list[str]()

    def blocking(url: str, _body: bytes, _headers: Mapping[str, str], _timeout_s: float) -> int:
        if "slow" in url:
            over.wait()
        taken.append(url)
        return 200

    def given_up() -> int:
        return backend.metrics.text().count(b'{outcome="given up",webhook="slow')

    monkeypatch.setattr(sender, "post", blocking)
    monkeypatch.setattr(sender, "WHOLE_S", 0.001)
    monkeypatch.setattr(sender, "FIRST_PAUSE_S", 0.001)
    slow = [replace(HOOK, name=f"slow{each}", url="http://127.0.0.1:1/slow") for each in range(15)]
    each = WebhookSender([*slow, HOOK], tmp_path, backend, backend.metrics, SystemClock())
    try:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(each.run)
                await trio.sleep(0.3)
                backend.extend()
                while given_up() < len(slow):  # noqa: ASYNC110 the sender counts
                    await trio.sleep(0.01)
                taken.clear()
                monkeypatch.setattr(sender, "WHOLE_S", 60)
                backend.extend()
                while HOOK.url not in taken:  # noqa: ASYNC110 a thread fills it
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
    finally:
        over.set()


async def test_a_restart_goes_on_where_it_was(backend: FakeBackend, tmp_path: Path) -> None:
    receiver, only = Receiver(), replace(HOOK, addresses=(), events=frozenset())
    kept = tmp_path / "webhooks" / "shop"
    async with trio.open_nursery() as nursery:
        start(nursery, backend, tmp_path, receiver, only)
        await trio.sleep(0.3)
        for _ in range(2):
            backend.extend()
        with trio.fail_after(30):
            while not kept.exists() or kept.read_text() != "2":  # noqa: ASYNC110
                await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
    for _ in range(3):
        backend.extend()
    async with trio.open_nursery() as nursery:
        start(nursery, backend, tmp_path, receiver, only)
        await delivered(receiver, 5)
        nursery.cancel_scope.cancel()
    assert [body["result"]["height"] for _, body in receiver.got] == [1, 2, 3, 4, 5]


async def test_who_is_far_behind_misses_what_is_too_old(
    backend: FakeBackend,
    tmp_path: Path,
    autojump_clock: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert WEBHOOK_BACKLOG_BLOCKS >= 1_000
    monkeypatch.setattr(sender, "WEBHOOK_BACKLOG_BLOCKS", 3)
    (tmp_path / "webhooks").mkdir()
    (tmp_path / "webhooks" / "shop").write_text("0")
    for _ in range(8):
        backend.extend()
    receiver = Receiver()
    async with trio.open_nursery() as nursery:
        start(nursery, backend, tmp_path, receiver, replace(HOOK, addresses=(), events=frozenset()))
        await delivered(receiver, 3)
        nursery.cancel_scope.cancel()
    assert [body["result"]["height"] for _, body in receiver.got] == [6, 7, 8]
    assert counted(backend)["left out"] == 1


async def test_over_http_it_is_what_the_receiver_can_verify(
    backend: FakeBackend, tmp_path: Path
) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        hook = replace(HOOK, url=f"http://127.0.0.1:{server.server_port}/in?k=1")
        each = WebhookSender([hook], tmp_path, backend, backend.metrics, SystemClock())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(each.run)
            await trio.sleep(0.3)
            backend.extend([backend.transfer()])
            with trio.fail_after(20):
                while len(got) < 3:  # noqa: ASYNC110 another thread fills it
                    await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
    finally:
        server.shutdown()
        server.server_close()
    for headers, body in got:
        signed = f"{headers['X-AIChain-Timestamp']}.{headers['X-AIChain-Delivery']}.".encode()
        expected = hmac.new(SECRET, signed + body, hashlib.sha256).hexdigest()
        assert headers["X-AIChain-Signature"] == f"v1={expected}"
        assert headers["Content-Type"] == "application/json"


GOOD = f"""
[[webhook]]
name = "shop"
url = "https://shop.example/hook?x=1"
secret_file = "secret"
blocks = true
addresses = ["{format_address(STRANGER)}"]
events = ["transferred", "validator_slashed"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes(SECRET + b"\n")
    path = tmp_path / "webhooks.toml"
    path.write_text(GOOD)
    return path


def test_a_file_of_webhooks(file: Path) -> None:
    [found] = read_webhooks(file)
    assert found == Webhook(
        "shop",
        "https://shop.example/hook?x=1",
        SECRET,
        blocks=True,
        addresses=(STRANGER,),
        events=frozenset({EventKind.TRANSFERRED, EventKind.VALIDATOR_SLASHED}),
    )
    assert "0123" not in repr(found)
    assert "shop.example" not in repr(found)
    file.write_text(GOOD.replace('["transferred", "validator_slashed"]', '["*"]'))
    assert read_webhooks(file)[0].events == frozenset(EventKind)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"shop"', '"Shop!"', "name is"),
        ("https://", "ftp://", "url is"),
        ('"transferred"', '"moved"', "event 'moved' is none of"),
        ("blocks = true", "blocks = 1", "blocks is"),
        ("blocks = true", "block = true", "unknown block"),
        ('["0x', '["0y', "webhook 1"),
        ('"secret"', '"none"', "No such file"),
        ("[[webhook]]", "[webhook]", "[[webhook]] tables"),
        ("[[webhook]]", "[[webhook", "not TOML"),
        (GOOD, GOOD + GOOD, "two webhooks have one name"),
        (GOOD, GOOD.split("blocks")[0], "wants neither"),
        (GOOD, GOOD * 20, "are the most"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(file: Path, old: str, new: str, told: str) -> None:
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        read_webhooks(file)
    assert told in raised.value.reason
    assert raised.value.fix


def test_a_secret_that_others_may_read_or_that_is_short_is_refused(file: Path) -> None:
    secret = file.parent / "secret"
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        read_webhooks(file)
    secret.chmod(0o600)
    secret.write_bytes(b"short")
    with pytest.raises(ConfigError, match="32 to 1024"):
        read_webhooks(file)
