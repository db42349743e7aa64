"""Which key or address a person means: a file, a label, an address, or a public test key."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.options import KeyFolder
from aichain.cli.passphrase import ask_passphrase
from aichain.keystore import KeyFileError, KeyHeader, OpenedKey, load_header, load_key
from genesis.networks import PUBLIC_NETWORKS, account_key, founder_key
from genesis.units import Address, address_of_key, parse_address
from native.errors import InvalidData
from native.signatures import SigningKey

KEY_SUFFIX: Final = ".key"
MAX_KEY_FILES: Final = 10_000
PUBLIC_KEYS: Final = {"account": account_key, "founder": founder_key}
_PUBLIC_INDEX: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file found in a folder, not opened."""

    path: Path
    header: KeyHeader

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(KEY_SUFFIX)


def key_files(folder: Path) -> tuple[list[KeyFile], list[KeyFileError]]:
    """The key files of a folder by name, and why others in it cannot be used."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(KEY_SUFFIX))
    except FileNotFoundError:
        names = []
    files: list[KeyFile] = []
    refusals: list[KeyFileError] = []
    for name in names[:MAX_KEY_FILES]:
        try:
            files.append(KeyFile(folder / name, load_header(folder / name)))
        except KeyFileError as error:
            refusals.append(error)
    return files, refusals


def find_key_file(text: str, folder: Path) -> KeyFile | None:
    """The key file that a path, a label or an address names."""
    for path in (folder / f"{text}{KEY_SUFFIX}", Path(text)):
        if os.path.isfile(path):  # False for what is too long for a path, too
            return KeyFile(path, load_header(path))
    address = _parsed(text)
    if address is None:
        return None
    files, _ = key_files(folder)
    return next((file for file in files if file.header.address == address), None)


def signing_key(text: str, *, network: str | None, folder: KeyFolder) -> SigningKey:
    """The key to sign with. `account:I` and `founder:I` are public keys of test networks."""
    public = public_key_named(text, network)
    if public is not None:
        return public
    return open_key(required_key_file(text, folder.path), folder.password_file).key


def required_key_file(text: str, folder: Path) -> KeyFile:
    """The key file that is meant; an error that says where to look when there is none."""
    file = find_key_file(text, folder)
    if file is None:
        raise CommandError(
            f"there is no key called {text[:80]!r} in {folder}",
            "see `aichain keys list`, or give the path of a key file",
            CommandExit.NOT_FOUND,
        )
    return file


def open_key(file: KeyFile, password_file: Path | None) -> OpenedKey:
    """Open a key file, asking for its passphrase if it has one."""
    protected = file.header.is_protected
    passphrase = ask_passphrase(password_file, subject=file.name) if protected else None
    return load_key(file.path, passphrase)


def address_named(text: str, *, network: str | None, folder: Path) -> Address:
    """The address that a person means: 0x…, a key's label or path, or a public test key."""
    address = _parsed(text)
    if address is not None:
        return address
    if text.startswith(("0x", "0X")):
        return parse_address(text)
    public = public_key_named(text, network)
    if public is not None:
        return address_of_key(public.public_key)
    file = find_key_file(text, folder)
    if file is None:
        raise CommandError(
            f"{text[:80]!r} is neither an address nor a key",
            "an address is 0x and 40 digits; see `aichain keys list` for keys",
            CommandExit.NOT_FOUND,
        )
    return file.header.address


def public_key_named(text: str, network: str | None) -> SigningKey | None:
    """The well-known key behind `account:0` or `founder:0`; None when it is not such a name."""
    kind, colon, index = text.partition(":")
    derive = PUBLIC_KEYS.get(kind)
    if derive is None or not colon:
        return None
    if _PUBLIC_INDEX.fullmatch(index) is None:
        raise CommandError(
            f"{text[:80]!r} has no such number", f"write {kind}:0", CommandExit.USAGE
        )
    if network not in PUBLIC_NETWORKS:
        raise CommandError(
            f"{text!r} is a public test key, and {network or 'this network'} has none",
            "use a key of your own (`aichain keys new`)",
            CommandExit.KEY,
        )
    return derive(network, int(index))


def _parsed(text: str) -> Address | None:
    try:
        return parse_address(text)
    except InvalidData:
        return None
