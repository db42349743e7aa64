"""The logs of final blocks, made once: queries, filters and receipts read the same ones."""

from typing import Final

from aichain.rpc.backend import BlockView
from aichain.rpc.render.ethereum import ShownLog, logs_in, show_eth_log
from aichain.rpc.rendering import Renderer
from aichain.sized_cache import SizedCache
from genesis.document import GenesisDocument
from genesis.limits import RPC_LOGS_KEPT_BYTES
from genesis.validators import ValidatorSet

_LOG_BYTES: Final = 2_048
"""Of a log and what is shown of it: hashes as text, most of all."""


class BlockLogs:
    """Those of the blocks that were asked for lately."""

    def __init__(self) -> None:
        self._kept: SizedCache[bytes, tuple[ShownLog, ...]] = SizedCache(RPC_LOGS_KEPT_BYTES)

    async def of(
        self,
        view: BlockView,
        validators: ValidatorSet | None,
        document: GenesisDocument,
        renderer: Renderer,
    ) -> tuple[ShownLog, ...]:
        """All logs of a block, in their order."""
        kept = self._kept.get(view.block.id) if view.final else None
        if kept is None:
            kept = await renderer.render(view, lambda: _show(view, validators, document))
            if view.final:
                self._kept.put(view.block.id, kept, _LOG_BYTES * (len(kept) + 1))
        return kept


def _show(
    view: BlockView, validators: ValidatorSet | None, document: GenesisDocument
) -> tuple[ShownLog, ...]:
    logs = logs_in(view, validators, document)
    return tuple(ShownLog(log, show_eth_log(view, log)) for log in logs)
