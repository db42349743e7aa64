"""From a body to its answer: finds the method, bounds time and size, turns refusals into errors."""

import logging

import trio

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.metrics import Metrics
from aichain.rpc.errors import HistoryDamaged, RequestTooLarge, ResponseTooLarge, TimedOut
from aichain.rpc.jsonrpc import (
    NULL_ID,
    Batch,
    Call,
    Item,
    Malformed,
    parse_calls,
    render_batch,
    render_error,
    render_result,
)
from aichain.rpc.limits import RpcLimits
from aichain.rpc.registry import Context, Method, Registry
from aichain.rpc.rendering import encode_result
from native.errors import InvalidData

log = logging.getLogger(__name__)


class Dispatcher:
    """Answers parsed bodies; all it remembers is which damage of the disk it has told of."""

    def __init__(self, registry: Registry, metrics: Metrics, limits: RpcLimits) -> None:
        self._registry = registry
        self._metrics = metrics
        self._limits = limits
        self._trouble = ""

    def parse(self, body: bytes) -> Item | Batch:
        if len(body) > self._limits.body_bytes:
            return Malformed(NULL_ID, RequestTooLarge(limit_bytes=self._limits.body_bytes))
        return parse_calls(body, max_batch=self._limits.batch_calls)

    async def answer(self, parsed: Item | Batch, context: Context) -> bytes | None:
        """The response's bytes; None where only notifications were sent."""
        deadline_s = trio.current_time() + self._limits.call_timeout_s
        match parsed:
            case Batch(items):
                return await self._answer_batch(items, context, deadline_s)
            case item:
                return await self._answer_item(item, context, deadline_s)

    async def _answer_batch(
        self, items: tuple[Item, ...], context: Context, deadline_s: float
    ) -> bytes | None:
        """Calls in their order, in the time and the room of one: its caller may have gone away."""
        responses: list[bytes] = []
        size_bytes = 0
        for item in items:
            # Consensus shares this thread: a long batch lets it in between any two calls.
            await trio.lowlevel.checkpoint()
            if size_bytes > self._limits.response_bytes:
                too_large = ResponseTooLarge(limit_bytes=self._limits.response_bytes)
                response = None if item.id is None else render_error(item.id, too_large)
            elif trio.current_time() >= deadline_s:
                response = None if item.id is None else render_error(item.id, self._timed_out())
            else:
                response = await self._answer_item(item, context, deadline_s)
            if response is not None:
                responses.append(response)
                size_bytes += len(response)
        return render_batch(responses) if responses else None

    async def _answer_item(self, item: Item, context: Context, deadline_s: float) -> bytes | None:
        match item:
            case Malformed(request_id, error):
                self._metrics.rpc_refused(error.code)
                return render_error(request_id, error)
            case Call(request_id):
                response = await self._call(item, context, deadline_s)
                return None if request_id is None else response

    async def _call(self, call: Call, context: Context, deadline_s: float) -> bytes:
        request_id = call.id or NULL_ID
        started_s = trio.current_time()
        name = "unknown"
        try:
            method = self._registry.find(call.method)
            name = method.name
            if method.answer is not None:
                result = encode_result(method.answer(context, call.params))
            else:
                result = await self._in_time(method, call, context, deadline_s)
            if len(result) > self._limits.response_bytes:
                raise ResponseTooLarge(limit_bytes=self._limits.response_bytes)
            return render_result(request_id, result)
        except InvalidData as error:
            self._metrics.rpc_refused(error.code)
            return render_error(request_id, error)
        finally:
            self._metrics.rpc_called(name, trio.current_time() - started_s)

    async def _in_time(
        self, method: Method, call: Call, context: Context, deadline_s: float
    ) -> bytes:
        with trio.move_on_at(deadline_s):
            return encode_result(await self._result(method, call, context))
        raise self._timed_out()

    def _timed_out(self) -> TimedOut:
        return TimedOut(limit_ms=int(self._limits.call_timeout_s * 1000))

    async def _result(self, method: Method, call: Call, context: Context) -> object:
        """Old blocks that cannot be read refuse their reader; the chain goes on without them."""
        try:
            return await method.call(context, call.params)
        except (StoreCorrupt, StoreFailed) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.error("a caller of %s cannot be answered: %s", method.name, error)
                log.error("fix: %s", error.fix)
            raise HistoryDamaged from error
