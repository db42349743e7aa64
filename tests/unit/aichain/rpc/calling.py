"""Calls methods of a fake node without a socket, for the tests of the methods."""

import json
from typing import Any

import msgspec

from aichain.rpc.backend import Backend
from aichain.rpc.dispatch import Dispatcher
from aichain.rpc.limits import RpcLimits
from aichain.rpc.methods import build_registry
from aichain.rpc.registry import Context
from genesis.networks import account_key
from genesis.units import address_of_key, format_address
from tests.clocks import FixedClock
from tests.unit.aichain.rpc.fake_backend import NETWORK, FakeBackend

SENDER = format_address(address_of_key(account_key(NETWORK, 0).public_key))
UNKNOWN = "0x" + "ab" * 32


class Node:
    """A fake node and its dispatcher."""

    def __init__(
        self, *, faults: bool = False, admin: bool = False, limits: RpcLimits | None = None
    ) -> None:
        self.backend = FakeBackend()
        self.protocol: Backend = self.backend
        self.registry = build_registry(faults_enabled=faults, admin=admin)
        self.dispatcher = Dispatcher(self.registry, self.backend.metrics, limits or RpcLimits())
        self.context = Context(self.protocol, FixedClock(1_800_000_000_000))

    async def send(self, body: bytes) -> Any:
        response = await self.dispatcher.answer(self.dispatcher.parse(body), self.context)
        return None if response is None else json.loads(response)

    async def ask(self, method: str, params: object) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await self.send(json.dumps(request).encode())

    async def call(self, method: str, *params: object) -> Any:
        return self._result(method, await self.ask(method, list(params)))

    async def named(self, method: str, **params: object) -> Any:
        return self._result(method, await self.ask(method, params))

    def _result(self, method: str, response: Any) -> Any:
        """The result, which is of the type that the method announces, and has nothing besides."""
        assert "error" not in response, response
        result = response["result"]
        announced = msgspec.convert(result, self.registry.methods[method].result)
        assert msgspec.to_builtins(announced) == result
        return result

    async def error(self, method: str, *params: object) -> tuple[int, str]:
        response = await self.ask(method, list(params))
        error = response["error"]
        return error["code"], error["data"]["code"]
