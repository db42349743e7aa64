"""The client of the command line: what a node refuses is said in words, with what to do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aichain.cli.refusals import explain_refusal
from aichain.client.client import Client
from aichain.client.errors import RpcRefused


class RpcClient(Client):
    """Calls one node."""

    def refused(self, error: Mapping[str, Any]) -> RpcRefused:
        return in_words(super().refused(error))


def in_words(refused: RpcRefused) -> RpcRefused:
    """The same refusal; in the node's own words where we have none for it."""
    known = explain_refusal(refused.name, refused.values)
    if known is None:
        return refused
    cause, fix = known
    return replace(refused, reason=f"{cause} ({refused.name})", fix=fix)
