"""What each setting of a node is, in the words of a config.toml, and where it came from."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Final

from aichain.config import KEYS, Settings
from aichain.config_values import Endpoint, TrustPoint
from aichain.server_url import ServerUrl

_OTHERWISE: Final[Mapping[str, str]] = {
    "p2p.bootstrap": "bootstrap",
    "validator.founder": "founder",
    "consensus.delta_ms": "delta_ms",
    "faults.allow": "allow_faults",
}
"""Keys whose field is not called as they are."""
_FAULTS: Final = "faults."


def settings_rows(settings: Settings) -> dict[str, tuple[object, str]]:
    """Each key with its value, None where nothing is set, and its origin."""
    return {key: (plain_value(settings, key), settings.origins[key].value) for key in KEYS}


def plain_value(settings: Settings, key: str) -> object:
    """A text, number, boolean or list of texts, as a config.toml has it."""
    name = _OTHERWISE.get(key, key.replace(".", "_"))
    if key.startswith(_FAULTS) and key not in _OTHERWISE:
        return _plain(getattr(settings.faults, key.removeprefix(_FAULTS)))
    if key == "keep" and settings.keep is None:
        return "full"
    return _plain(getattr(settings, name))


def _plain(value: object) -> object:
    match value:
        case Enum():
            return str(value.value)
        case TrustPoint(height, block_id):
            return f"{height}:0x{block_id.hex()}"
        case Path() | Endpoint() | ServerUrl():
            return str(value)
        case tuple():
            return [str(item) for item in value]
        case _:
            return value
