"""The funded accounts of test networks, and the absence of them elsewhere."""

from dataclasses import replace
from pathlib import Path

from aichain.cli.public_accounts import account_lines, write_public_accounts
from aichain.keystore import load_key
from genesis.networks import account_key, local_document
from genesis.units import address_of_key, format_address

DOCUMENT = local_document("testnet", 1, onion_length=8)


def test_the_files_hold_the_keys_of_the_funded_accounts(tmp_path: Path) -> None:
    accounts = write_public_accounts(DOCUMENT, tmp_path)
    assert len(accounts) == 8
    for index, account in enumerate(accounts):
        assert account.name == f"account:{index}"
        key = load_key(account.file, None).key
        assert key.public_key == account_key("testnet", index).public_key
        assert account.address == address_of_key(key.public_key)


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = write_public_accounts(DOCUMENT, tmp_path)
    before = [account.file.read_bytes() for account in first]
    assert write_public_accounts(DOCUMENT, tmp_path) == first
    assert [account.file.read_bytes() for account in first] == before


def test_only_accounts_that_the_document_funds_are_written(tmp_path: Path) -> None:
    document = replace(DOCUMENT, accounts=DOCUMENT.accounts[2:3])
    (account,) = write_public_accounts(document, tmp_path)
    assert account.name == "account:2"


def test_a_network_with_keys_of_its_own_has_none(tmp_path: Path) -> None:
    document = replace(DOCUMENT, name="mine", public_keys=False)
    assert write_public_accounts(document, tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_line_has_name_address_balance_and_file(tmp_path: Path) -> None:
    (first, *_) = write_public_accounts(DOCUMENT, tmp_path)
    line = account_lines((first,))[0]
    assert line.split() == [
        "account:0",
        format_address(first.address),
        "1000000",
        "AI",
        str(first.file),
    ]
