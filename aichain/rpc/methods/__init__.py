"""The methods this node serves, and what it pushes to subscribers."""

from collections.abc import Mapping

from aichain.rpc.methods import aichain, consensus, ethereum, faults, ledger, light
from aichain.rpc.methods.discovery import discovery
from aichain.rpc.registry import Registry
from aichain.rpc.subscriptions import Renderer
from aichain.rpc.topics import Topic

RENDERERS: Mapping[Topic, Renderer] = {
    Topic.NEW_BLOCKS: aichain.render_new_block,
    Topic.NEW_HEADS: ethereum.render_new_head,
}


def build_registry(*, faults_enabled: bool) -> Registry:
    """Every method; fault injection only where it was asked for."""
    methods = (
        *aichain.METHODS,
        *consensus.METHODS,
        *light.METHODS,
        *ledger.METHODS,
        *ethereum.METHODS,
        *(faults.METHODS if faults_enabled else ()),
    )
    return Registry((*methods, discovery(methods)))
