"""The well-known keys of test networks as files and lines, so that a newcomer has coins at once."""

from dataclasses import dataclass
from pathlib import Path

from aichain.keystore import KeyFileExists, save_key
from genesis.document import GenesisDocument
from genesis.networks import PUBLIC_ACCOUNTS, PUBLIC_NETWORKS, account_key
from genesis.units import Address, address_of_key, format_address, format_amount


@dataclass(frozen=True, slots=True)
class PublicAccount:
    """A funded account whose key everyone knows."""

    name: str
    """What `--from` takes: account:0"""
    address: Address
    balance: int
    file: Path


def write_public_accounts(document: GenesisDocument, folder: Path) -> tuple[PublicAccount, ...]:
    """Write the key files of the funded test accounts (no passphrase); () on other networks."""
    if not document.public_keys or document.name not in PUBLIC_NETWORKS:
        return ()
    balances = {account.address: account.balance for account in document.accounts}
    written = []
    for index in range(PUBLIC_ACCOUNTS):
        key = account_key(document.name, index)
        address = address_of_key(key.public_key)
        if address not in balances:
            continue
        path = folder / f"account-{index}.key"
        try:
            save_key(path, key, passphrase=None, label=f"account-{index}")
        except KeyFileExists:
            pass
        written.append(PublicAccount(f"account:{index}", address, balances[address], path))
    return tuple(written)


def account_lines(accounts: tuple[PublicAccount, ...]) -> list[str]:
    """One line an account, for banners."""
    return [
        f"  {account.name:<10} {format_address(account.address)}"
        f"  {format_amount(account.balance):>9} AI  {account.file}"
        for account in accounts
    ]
