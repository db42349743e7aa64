"""The methods this node serves."""

from aichain.rpc.methods import aichain, consensus, ethereum, faults, ledger, light, subscribing
from aichain.rpc.methods.admin import METHODS as ADMIN_METHODS
from aichain.rpc.methods.discovery import discovery
from aichain.rpc.registry import Registry


def build_registry(*, faults_enabled: bool, admin: bool = False) -> Registry:
    """Every method; fault injection where it was asked for, admin_* on the unix socket."""
    methods = (
        *aichain.METHODS,
        *subscribing.METHODS,
        *consensus.METHODS,
        *light.METHODS,
        *ledger.METHODS,
        *ethereum.METHODS,
        *(faults.METHODS if faults_enabled else ()),
        *(ADMIN_METHODS if admin else ()),
    )
    return Registry((*methods, discovery(methods)))
