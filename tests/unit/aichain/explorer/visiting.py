"""Visits to the explorer of a fake node, without a socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio
import trio.testing

from aichain.explorer.site import Explorer
from aichain.rpc.backend import Attendance, Uptime
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.http import HttpRequest
from aichain.rpc.registry import Context
from aichain.rpc.site import SiteAnswer
from genesis.networks import account_key
from genesis.units import address_of_key, format_address
from tests.clocks import FixedClock
from tests.unit.aichain.rpc.fake_backend import NETWORK, FakeBackend

SENDER = format_address(address_of_key(account_key(NETWORK, 0).public_key))
NOW_MS = 1_900_000_000_000


def request(path: str, *, method: str = "GET", **headers: str) -> HttpRequest:
    """Header names are written with _ for -."""
    where, _, query = path.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(
        method=method,
        path=where,
        query=query,
        version="1.1",
        headers={"host": "localhost", "accept": "text/html"} | named,
        body=b"",
        keep_alive=True,
    )


@dataclass
class Visitor:
    """A fake node, its explorer, and somebody who looks at it."""

    backend: FakeBackend
    site: Explorer
    context: Context

    async def get(self, path: str, *, wait_s: float = 0.0, **headers: str) -> SiteAnswer:
        return await self.site.answer(request(path, **headers), self.context, wait_s)

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.get(path)
        assert answer.status == status, answer.body.decode()
        assert answer.content_type == "text/html; charset=utf-8"
        return answer.body.decode()

    async def json(self, path: str, status: int = 200) -> Any:
        answer = await self.get(path + ("&" if "?" in path else "?") + "format=json")
        assert answer.status == status, answer.body.decode()
        assert answer.content_type == "application/json"
        return json.loads(answer.body)


@asynccontextmanager
async def visiting(checks: CallBudget | None = None) -> AsyncIterator[Visitor]:
    """Block 1 empty, block 2 with a transfer and a failure, block 3 empty."""
    backend = FakeBackend()
    backend.extend()
    backend.extend([backend.transfer(), backend.failing()])
    backend.extend()
    members = [founder.address for founder in backend.document.validator_set]
    backend.attended = Uptime(
        1, 3, 3, tuple(Attendance(each, 1, at, 3 - at, 3) for at, each in enumerate(members))
    )
    protocol: Any = backend
    site = Explorer(protocol, backend.document, checks=checks)
    visitor = Visitor(backend, site, Context(protocol, FixedClock(NOW_MS)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(visitor.site.run)
        await trio.testing.wait_all_tasks_blocked()
        yield visitor
        nursery.cancel_scope.cancel()
