"""Options that several commands share, and where they look when an option is not given."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from aichain.cli.client import RpcClient
from aichain.cli.values import FILE, FOLDER
from aichain.client.connection import DEFAULT_TIMEOUT_S
from aichain.client.tokens import DEFAULT_URL
from aichain.homes import data_root

F = TypeVar("F", bound=Callable[..., Any])
KEYS_DIRECTORY: Final = "keys"


def rpc_option(command: F) -> F:
    """`--rpc URL`, also from AICHAIN_RPC_URL."""
    return click.option(
        "--rpc",
        default=DEFAULT_URL,
        envvar="AICHAIN_RPC_URL",
        show_default=True,
        help="Address of the node to ask.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def home_option(command: F) -> F:
    return click.option(
        "--home",
        type=FOLDER,
        envvar="AICHAIN_HOME",
        help="The node's home; without it $XDG_DATA_HOME/aichain/<network>.",
    )(command)


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Where key files are, and where the passphrase that opens them comes from."""

    path: Path
    password_file: Path | None


def key_folder_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--home`, `--keys-dir` and `--password-file`, handed to the command as one `folder`."""

    @functools.wraps(command)
    def with_folder(*args: Any, **given: Any) -> None:  # noqa: ANN401 click passes what it has
        home, keys_dir = given.pop("home"), given.pop("keys_dir")
        root = home or data_root(os.environ)
        folder = KeyFolder(keys_dir or root / KEYS_DIRECTORY, given.pop("password_file"))
        command(*args, folder=folder, **given)

    wrapped: Callable[..., None] = with_folder
    wrapped = click.option(
        "--password-file",
        type=FILE,
        envvar="AICHAIN_PASSWORD_FILE",
        help="File whose first line is the passphrase; without it you are asked.",
    )(wrapped)
    wrapped = click.option(
        "--keys-dir",
        type=FOLDER,
        help="Folder of key files; else HOME/keys with --home, else the user's own.",
    )(wrapped)
    return home_option(wrapped)


def client(rpc: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> RpcClient:
    return RpcClient(rpc, timeout_s)
