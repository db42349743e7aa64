"""The methods this node serves."""

from aichain.rpc.methods import (
    aichain,
    consensus,
    eth_calls,
    eth_fees,
    eth_filters,
    eth_logs,
    eth_subscribing,
    eth_transactions,
    ethereum,
    faults,
    ledger,
    light,
    subscribing,
)
from aichain.rpc.methods.admin import METHODS as ADMIN_METHODS
from aichain.rpc.methods.discovery import discovery
from aichain.rpc.methods.heartbeats import HeartbeatDesk, heartbeat_methods
from aichain.rpc.registry import Registry


def build_registry(
    *, faults_enabled: bool, admin: bool = False, fleet: HeartbeatDesk | None = None
) -> Registry:
    """Every method; fault injection where it was asked for, admin_* on the unix socket, heartbeats
    where the headquarters of a fleet are."""
    methods = (
        *aichain.METHODS,
        *subscribing.METHODS,
        *consensus.METHODS,
        *light.METHODS,
        *ledger.METHODS,
        *ethereum.METHODS,
        *eth_transactions.METHODS,
        *eth_fees.METHODS,
        *eth_calls.METHODS,
        *eth_logs.METHODS,
        *eth_filters.METHODS,
        *eth_subscribing.METHODS,
        *(faults.METHODS if faults_enabled else ()),
        *(ADMIN_METHODS if admin else ()),
        *(heartbeat_methods(fleet) if fleet else ()),
    )
    return Registry((*methods, discovery(methods)))
