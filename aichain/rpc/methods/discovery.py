"""`rpc.discover`: the OpenRPC document of what this node serves."""

from collections.abc import Sequence
from typing import Any

import msgspec

from aichain.rpc.openrpc import build_document
from aichain.rpc.registry import Context, Method, NoParams, method

DISCOVER = "rpc.discover"


def discovery(methods: Sequence[Method]) -> Method:
    """The method that describes `methods` and itself; the document is made when first asked for."""
    made: list[msgspec.Raw] = []

    async def discover(context: Context, _: NoParams) -> Any:  # noqa: ANN401 a document of its own
        """The OpenRPC document: every method, with the types of its params and result."""
        if not made:
            version = context.backend.status().version
            document = build_document((*methods, entry), version=version)
            made.append(msgspec.Raw(msgspec.json.encode(document)))
        return made[0]

    entry = method(DISCOVER, NoParams, discover)
    return entry
