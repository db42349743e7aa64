"""`aichain run`: one node, and for a newcomer a whole chain in one command."""

import logging
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from aichain import __version__
from aichain.cli.exit_codes import CommandError
from aichain.cli.key_choice import KEY_SUFFIX
from aichain.cli.options import KEYS_DIRECTORY
from aichain.cli.public_accounts import account_lines, write_public_accounts
from aichain.cli.run_plan import RunPlan, plan_run, require_free, temporary_home
from aichain.cli.run_screen import run_screen
from aichain.cli.values import FILE, FOLDER
from aichain.config import LOG_LEVELS, RPC_PORT, LogFormat, NodeConfig, SyncMode
from aichain.config_values import IndexMode
from aichain.errors import ExitCode
from aichain.homes import data_root
from aichain.node.run import run_node
from aichain.server_url import hide_password
from genesis.units import address_of_key, format_address, format_amount
from native.node_keys import peer_id_of_seed, peer_id_text

log = logging.getLogger(__name__)

ACCOUNTS_DIRECTORY: Final = "accounts"
ENDS: Final = (signal.SIGTERM, signal.SIGHUP)
"""Signals that Python does not turn into an exception by itself."""


@click.command(short_help="Run a node (devnet: a whole chain at once).")
@click.option("--network", metavar="NAME|PATH", help="devnet, testnet, mainnet or a document.")
@click.option(
    "--home",
    type=FOLDER,
    envvar="AICHAIN_HOME",
    help="Where the node lives. Without it devnet starts afresh each time, in a folder that is "
    "removed at the end, and other networks use $XDG_DATA_HOME/aichain/<network>.",
)
@click.option("--validator-key", "validator__key_file", type=FILE, help="Vote with this key file.")
@click.option("--founder", "validator__founder", type=int, help="Vote as public founder I.")
@click.option("--bootstrap", "p2p__bootstrap", multiple=True, metavar="MULTIADDR")
@click.option("--rpc-listen", "rpc__listen", metavar="HOST:PORT", help="Default 127.0.0.1:3690.")
@click.option("--p2p-listen", "p2p__listen", metavar="HOST:PORT", help="Default 127.0.0.1:3691.")
@click.option("--p2p-announce", "p2p__announce", metavar="MULTIADDR", help="Behind a router.")
@click.option("--rpc-cors", "rpc__cors", multiple=True, metavar="ORIGIN")
@click.option("--rpc-hosts", "rpc__hosts", multiple=True, metavar="NAME")
@click.option("--rpc-tokens", "rpc__tokens", type=FILE, help="Callers need a token of this file.")
@click.option(
    "--explorer/--no-explorer",
    "rpc__explorer",
    default=None,
    help="Serve the block explorer at the RPC address (the default on test networks only).",
)
@click.option("--moniker", help="The name this node shows to its peers.")
@click.option(
    "--index",
    type=click.Choice([mode.value for mode in IndexMode]),
    help="tx: transactions can be looked up by hash (the default); full: those of an account, too.",
)
@click.option("--no-index", "index", flag_value=IndexMode.NONE.value, help="The same as none.")
@click.option(
    "--index-url",
    "index_url",
    metavar="URL",
    help="With --index full: keep the accounts in this PostgreSQL database, postgresql://USER@HOST/"
    "DATABASE, not in the home. Programs of this machine see flags: a password belongs into "
    "AICHAIN_INDEX_URL, config.toml, PGPASSWORD or ~/.pgpass.",
)
@click.option(
    "--keep",
    metavar="full|N",
    help="Drop blocks with all that belongs to them once N newer ones are final (N from 1024 on).",
)
@click.option(
    "--sync",
    type=click.Choice([mode.value for mode in SyncMode]),
    help="snapshot: who is far behind fetches a recent state, proved, instead of all blocks.",
)
@click.option(
    "--snapshots/--no-snapshots",
    default=None,
    help="Make a snapshot of each epoch's end for nodes that join (the default), or none, and drop "
    "those that are there: a node whose disk or processor is short.",
)
@click.option(
    "--trust",
    metavar="HEIGHT:HASH",
    help="With --sync snapshot: a block of the last 14 days that somebody you trust vouches for. "
    "Needed where the node's own last block, or block 0, is older.",
)
@click.option("--log-format", "log__format", type=click.Choice([form.value for form in LogFormat]))
@click.option("--log-level", "log__level", type=click.Choice(LOG_LEVELS))
@click.option("--log-file", "log__file", type=FILE, help="Write the log there too.")
@click.option("--delta-ms", "consensus__delta_ms", type=int, help="Test networks: view timer unit.")
@click.option("--allow-faults", "faults__allow", is_flag=True, default=None, help="For localnet.")
@click.option(
    "--regions",
    "faults__regions",
    is_flag=True,
    default=None,
    help="With --allow-faults: peers are as far away as cloud regions.",
)
@click.option(
    "--clock-offset-ms",
    "faults__clock_offset_ms",
    type=int,
    help="With --allow-faults: the clock is so much ahead; behind, where negative.",
)
@click.option(
    "--fsync-delay-ms",
    "faults__fsync_delay_ms",
    type=int,
    help="With --allow-faults: each fsync takes so much longer.",
)
@click.option("--password-file", type=FILE, envvar="AICHAIN_PASSWORD_FILE")
@click.option(
    "--vouch-for-vote-log",
    is_flag=True,
    help="Sign although the vote log is new, once the chain stands. Only if the chain stands for "
    "want of this vote and whatever signed with this key before is dead for good: votes it forgot "
    "may be contradicted, and where 38 % of the stake do that the chain can fork.",
)
@click.option(
    "--sync-again",
    is_flag=True,
    help="Start from block 0 although this home had a chain: it is gone for good. Without this a "
    "home whose chain is not where it was is refused, for its disk may only not be mounted.",
)
def run(**given: Any) -> None:  # noqa: ANN401 click passes what it has
    """Run a node until it is told to stop (Ctrl-C or SIGTERM).

    devnet with no other argument is a chain of one validator with funded accounts. testnet without
    a key is a full node that follows. Settings come from flags, then AICHAIN_… variables
    (AICHAIN_RPC__LISTEN), then HOME/config.toml, then defaults.
    """
    _require_assertions()
    home, password_file = given.pop("home"), given.pop("password_file")
    vouch, sync_again = given.pop("vouch_for_vote_log"), given.pop("sync_again")
    flags = {
        option.replace("__", "."): value
        for option, value in given.items()
        if value is not None and value != ()
    }
    for number in ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _leave)
    temporary = temporary_home()
    try:
        plan = plan_run(
            flags,
            os.environ,
            home=home,
            password_file=password_file,
            temporary=temporary,
            vouch_for_vote_log=vouch,
            sync_again=sync_again,
        )
        code = _run(plan)
    finally:
        _hear_no_more()
        shutil.rmtree(temporary, ignore_errors=True)
    sys.exit(code)


def again_with_key(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """The same command once more, with the key that `aichain keys new validator` makes."""
    home = environ.get("AICHAIN_HOME")
    key = (Path(home) if home else data_root(environ)) / KEYS_DIRECTORY / f"validator{KEY_SUFFIX}"
    kept = [hide_password(each) for each in arguments if each != "--sync-again"]  # good for once
    return shlex.join(["aichain", *kept, "--validator-key", str(key)])


def _require_assertions() -> None:
    """They are what stops a node that finds itself wrong: in its supply, its votes, its store."""
    if not __debug__:
        raise CommandError(
            "this Python runs without assertions, and a node that cannot stop itself is unsafe",
            "start it without -O and without PYTHONOPTIMIZE",
            ExitCode.CONFIG,
        )


def _run(plan: RunPlan) -> int:
    config = plan.config
    require_free((("--rpc-listen", config.rpc_listen), ("--p2p-listen", config.p2p_listen)))
    accounts = write_public_accounts(config.document, config.home / ACCOUNTS_DIRECTORY)
    lines = [*_identity(plan), *_role(plan)]
    if accounts:
        lines += ["", "Funded accounts (public test keys, worthless coins):"]
        lines += [*account_lines(accounts), "", *_next_steps(config)]
    banner = "\n".join(lines)
    is_human = config.log_format is LogFormat.HUMAN
    return run_node(
        config,
        on_ready=lambda: _show(banner) if is_human else None,
        screen=run_screen() if is_human else None,
    )


def _show(banner: str) -> None:
    """The node runs all the same where nobody reads it, or where the disk below it is full."""
    try:
        click.echo(banner)
    except OSError as error:
        log.warning("what this node is and where it listens cannot be shown: %s", error.strerror)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # its buffer is flushed yet


def _leave(*_: object) -> NoReturn:
    """A signal before the node listens for it must not skip the end of `run`."""
    raise SystemExit(ExitCode.OK)


def _hear_no_more() -> None:
    """An impatient second signal neither leaves half of a home nor spoils the exit code."""
    for number in (signal.SIGINT, *ENDS):
        signal.signal(number, signal.SIG_IGN)


def _identity(plan: RunPlan) -> list[str]:
    config, document = plan.config, plan.config.document
    peer_id = peer_id_text(peer_id_of_seed(config.node_seed))
    note = "  (removed when the node stops; --home DIR keeps it)" if plan.is_ephemeral else ""
    return [
        f"AI-Chain {__version__} · {document.name} (network id {document.network_id})",
        f"  genesis    0x{document.hash.hex()}",
        f"  RPC        http://{config.rpc_listen}",
        f"  p2p        {config.p2p_listen.multiaddr}/p2p/{peer_id}",
        f"  home       {config.home}{note}",
    ]


def _role(plan: RunPlan) -> list[str]:
    """Validator, candidate or full node; and for a full node whom it looks for."""
    config, document = plan.config, plan.config.document
    if config.validator_key is not None:
        address = format_address(address_of_key(config.validator_key.public_key))
        index = plan.validator_index
        if index is not None:
            return [f"  validator  {address}, {index} of {len(document.validators)} at genesis"]
        return [f"  validator  {address}, not in the genesis set: it votes while it is in the set"]
    stake = format_amount(document.staking.min_validator_stake)
    seekers = [f"             {address}" for address in config.bootstrap]
    return [
        "  full node  it follows the chain and does not vote; looking for",
        *(seekers or ["             nobody yet: add --bootstrap MULTIADDR of a running node"]),
        f"  To become a validator make a key, get {stake} AI and a fee to its address, register",
        "  it, and start this node again with it:",
        "    aichain keys new validator",
        f"    aichain tx register-validator --from validator --wait{_rpc_option(config)}",
        f"    {again_with_key(sys.argv[1:], os.environ)}",
    ]


def _rpc_option(config: NodeConfig) -> str:
    return "" if config.rpc_listen.port == RPC_PORT else f" --rpc http://{config.rpc_listen}"


def _next_steps(config: NodeConfig) -> list[str]:
    rpc = _rpc_option(config)
    return [
        "Try in another terminal:",
        f"  aichain tx send --from account:0 --to account:1 --amount 1.5 --wait{rpc}",
        f"  aichain query status{rpc}",
    ]
