"""Styles and scripts, read once when a node starts, each under an address that names its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from genesis.limits import EXPLORER_ASSET_MAX_BYTES
from native.hashing import blake3_256

FOLDER: Final = Path(__file__).parent / "assets"
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
_TAG_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    content_type: str
    tag: str
    """Of these bytes and no others."""


def tag_of(body: bytes) -> str:
    return blake3_256(body).hex()[:_TAG_DIGITS]


class Assets:
    """By file name; there is nothing else to be asked for, so no path leads out of the folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        found: dict[str, Asset] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in KINDS:
                body = path.read_bytes()
                assert len(body) <= EXPLORER_ASSET_MAX_BYTES, f"{path.name} is no small asset"
                found[path.name] = Asset(body, KINDS[path.suffix], tag_of(body))
        self._assets: Mapping[str, Asset] = MappingProxyType(found)

    def find(self, name: str) -> Asset | None:
        return self._assets.get(name)

    def address(self, name: str) -> str:
        """Under this one it may be kept for ever."""
        return f"/assets/{name}?v={self._assets[name].tag}"
