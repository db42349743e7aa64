"""The methods this node serves."""

from aichain.rpc.methods import aichain, consensus, ethereum, faults, ledger, light, subscribing
from aichain.rpc.methods.discovery import discovery
from aichain.rpc.registry import Registry


def build_registry(*, faults_enabled: bool) -> Registry:
    """Every method; fault injection only where it was asked for."""
    methods = (
        *aichain.METHODS,
        *subscribing.METHODS,
        *consensus.METHODS,
        *light.METHODS,
        *ledger.METHODS,
        *ethereum.METHODS,
        *(faults.METHODS if faults_enabled else ()),
    )
    return Registry((*methods, discovery(methods)))
