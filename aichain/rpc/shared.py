"""What the connections of one server have in common."""

from dataclasses import dataclass, field

from aichain.clock import Clock
from aichain.metrics import Metrics
from aichain.rpc.backend import Backend
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.compression import Compressor
from aichain.rpc.dispatch import Dispatcher
from aichain.rpc.limits import RpcLimits
from aichain.rpc.registry import Context, Registry
from aichain.rpc.settings import RpcSettings
from aichain.rpc.site import Site
from aichain.rpc.subscriptions import Hub
from aichain.rpc.unsent import UnsentAnswers


@dataclass(frozen=True, slots=True)
class Door:
    """Where callers come in, and what they find there."""

    registry: Registry
    dispatcher: Dispatcher
    is_local: bool
    """The mode of a file keeps others out, so neither names nor tokens are asked for."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end."""

    address: str
    """Whoever has the same one shares a budget."""
    door: Door
    context: Context
    """What its methods are given."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The node behind a server, and what its callers share: budgets, threads, subscriptions."""

    backend: Backend
    settings: RpcSettings
    metrics: Metrics
    clock: Clock
    budget: CallBudget
    unsent: UnsentAnswers
    hub: Hub
    site: Site | None = None
    """Pages for people, where they are served."""
    compressor: Compressor = field(default_factory=Compressor)

    @property
    def limits(self) -> RpcLimits:
        return self.settings.limits
