"""Where nodes live on this machine, and what lies where in a home."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

CONFIG_FILE: Final = "config.toml"


def default_home(network: str, environ: Mapping[str, str]) -> Path:
    """`$XDG_DATA_HOME/aichain/<network>`, where a node lives that was not told otherwise."""
    return data_root(environ) / network


def data_directory(home: Path) -> Path:
    """Where a node keeps its chain and its vote log."""
    return home / "data"


def socket_of(home: Path) -> Path:
    """The unix socket of the node that lives there."""
    return home / "node.sock"


def homes_of(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The homes that `init` and `run` made without `--home`: those with a config.toml."""
    return tuple(sorted(path.parent for path in data_root(environ).glob(f"*/{CONFIG_FILE}")))


def data_root(environ: Mapping[str, str]) -> Path:
    xdg = environ.get("XDG_DATA_HOME", "")
    base = Path(xdg) if xdg.startswith("/") else Path(environ.get("HOME", "/")) / ".local/share"
    return base / "aichain"
