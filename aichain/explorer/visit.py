"""What a page is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aichain.explorer.names import Names
from aichain.explorer.window import BlockWindow
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.registry import Context


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: `path` has the named parts of the address, `query` what follows the `?`."""

    context: Context
    window: BlockWindow
    names: Names
    checks: CallBudget
    """Signatures that visitors may have verified, all of them together."""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """`results` by the name of the RPC method are its JSON form; `values` are for the template."""

    template: str
    title: str
    results: Mapping[str, object]
    values: Mapping[str, object]
    status: int = 200
    lasts: bool = False
    """It is found by a hash, is final and is complete: it will never read otherwise."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """`to` is a path that the explorer wrote itself."""

    to: str
