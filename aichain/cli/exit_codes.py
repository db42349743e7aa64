"""Every exit code of the `aichain` command in one table, and how an error becomes two lines."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import IO, Final

import click

from aichain.errors import ExitCode
from native.errors import AIChainError


class CommandExit(IntEnum):
    """Exit codes of commands; those of a running node are `aichain.errors.ExitCode`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    REFUSED = 5
    KEY = 6
    NOT_APPLIED = 7
    TIMEOUT = 8
    GENESIS = 9
    LOCALNET = 40
    DOCTOR = 41
    NOT_PROVEN = 50
    OTHER_NETWORK = 51
    BEHIND = 52
    TRUST_OLD = 53
    TRUST_CONTRADICTED = 54
    NO_FORK = 55
    FORK_UNPROVEN = 56
    DAMAGED = 57
    FILE_REFUSED = 58
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


EXIT_CODES: Final[Mapping[int, str]] = {
    CommandExit.OK: "done",
    CommandExit.FAILED: "a failure that has no code of its own; `node health`: a node is degraded",
    CommandExit.USAGE: "wrong arguments; `node health`: a node is offline",
    CommandExit.NOT_FOUND: "no such block, transaction, account, key or node",
    CommandExit.UNREACHABLE: "no node answers at the RPC address",
    CommandExit.REFUSED: "the node refused the request or the transaction",
    CommandExit.KEY: "the key file is missing, exposed, damaged, or the passphrase is wrong",
    CommandExit.NOT_APPLIED: "the transaction is final and it failed (its fee was charged)",
    CommandExit.TIMEOUT: "not final within the time given; it may still become so",
    CommandExit.GENESIS: "the genesis document is invalid, or the network has none yet",
    ExitCode.CONFIG: "a setting is wrong",
    ExitCode.HOME_MISSING: "there is no chain in this home",
    ExitCode.HOME_LOCKED: "another process runs on this home",
    ExitCode.WRONG_CHAIN: "the home belongs to another genesis document",
    ExitCode.TRUST_EXPIRED: "the block to start from is too old to rely on",
    ExitCode.UPGRADE_MISSED: "the home's blocks do not follow the network's schedule of upgrades",
    ExitCode.STORE_CORRUPT: "the database is not what was written",
    ExitCode.STORE_FAILED: "the disk refused a write",
    ExitCode.WAL_DAMAGED: "the record of signed votes is damaged, so nothing is signed",
    ExitCode.WAL_LOCKED: "another process signs with this key",
    ExitCode.WAL_FOREIGN: "the record of signed votes belongs to another key",
    ExitCode.BLOCK_LOST: "a final block had to make room and is not on this disk; start again",
    ExitCode.CONSENSUS_HALTED: "a fork, or a final block that this node refuses: it stopped voting",
    ExitCode.NETWORK: "an address cannot be listened on: the port is taken",
    ExitCode.DOUBLE_SIGN: "the node was about to sign against its own log, so it stopped",
    CommandExit.LOCALNET: "the local network is not running, or has no such node",
    CommandExit.DOCTOR: "a check of `aichain doctor` failed",
    CommandExit.NOT_PROVEN: "the server's answer does not follow from the trusted block",
    CommandExit.OTHER_NETWORK: "the server's chain is another one than the trusted block's",
    CommandExit.BEHIND: "the server is behind a block that was final already",
    CommandExit.TRUST_OLD: "the trusted block is too old to rely on",
    CommandExit.TRUST_CONTRADICTED: "another block stands where the trusted one should",
    CommandExit.NO_FORK: "what was compared does not contradict itself: there is no fork in it",
    CommandExit.FORK_UNPROVEN: "the file does not prove a fork",
    CommandExit.DAMAGED: "`db check` found that the chain on the disk is not what was decided",
    CommandExit.FILE_REFUSED: "a file of blocks or of a snapshot says what does not hold",
    CommandExit.INTERRUPTED: "interrupted",
    CommandExit.OUTPUT_CLOSED: "whoever read the output went away (`| head`)",
}

_LIAR: Final = (CommandExit.NOT_PROVEN, "do not believe this server; ask another one with --rpc")

FIXES: Final[Mapping[str, tuple[int, str]]] = {
    **dict.fromkeys(
        (
            *("path_broken", "not_final", "foreign_validators", "foreign_instance"),
            *("validators_unknown", "ancestor_unproven", "record_unproven"),
            *("transaction_unproven", "receipt_unproven"),
            *("voters_malformed", "quorum_not_reached", "invalid_signature"),
        ),
        _LIAR,
    ),
    "other_chain": (
        CommandExit.OTHER_NETWORK,
        "ask a node of your network with --rpc, or keep this one's trust in another --home",
    ),
    "older_than_trusted": (
        CommandExit.BEHIND,
        "ask again when it has caught up, or ask another node with --rpc",
    ),
    "trust_too_old": (
        CommandExit.TRUST_OLD,
        "get a recent block's height and hash from somebody you trust and give them with --trust, "
        "or add --allow-old-trust",
    ),
    "trust_contradicted": (
        CommandExit.TRUST_CONTRADICTED,
        "compare the hash with somebody you trust: it is mistyped, the server lies, or the chain "
        "has forked",
    ),
    "no_fork": (
        CommandExit.NO_FORK,
        "give the homes, or the exported files, of nodes of both sides, of the epoch in which "
        "they parted",
    ),
    "fork_unproven": (
        CommandExit.FORK_UNPROVEN,
        "do not believe this file; ask whoever made it to make it again",
    ),
    "file_refused": (
        CommandExit.FILE_REFUSED,
        "do not use this file; make it again with `aichain db export` or `db snapshot` on a node "
        "that you trust to have its disk in order",
    ),
    "file_behind": (
        CommandExit.FILE_REFUSED,
        "nothing has to be restored: the chain here is as far, or farther",
    ),
    "file_torn": (
        CommandExit.FILE_REFUSED,
        "let `aichain db export` finish, or copy the file again; what was taken is kept",
    ),
    "invalid_genesis": (
        CommandExit.GENESIS,
        "correct that in the document, then `aichain genesis check FILE`",
    ),
    "mainnet_not_launched": (
        CommandExit.GENESIS,
        "for a chain now use `--network devnet` or `--network testnet`",
    ),
    "network_unknown": (CommandExit.GENESIS, "use devnet, testnet, or the path of a document"),
    "engine_unknown": (ExitCode.CONFIG, "unset AICHAIN_NATIVE, or set it to one of those"),
    "device_failed": (ExitCode.CONFIG, "mend that, or unset AICHAIN_NATIVE: the processor will do"),
    "engine_failed": (ExitCode.CONFIG, "unset AICHAIN_NATIVE, so that another engine serves"),
    "unknown_seed_word": (CommandExit.USAGE, "correct that word"),
    "seed_word_count": (CommandExit.USAGE, "write all 24 words, with spaces between them"),
    "invalid_peer_id": (
        CommandExit.USAGE,
        "give one with --peer-id: `aichain init` prints it",
    ),
    "invalid_address": (CommandExit.USAGE, "copy the address again"),
    "invalid_amount": (CommandExit.USAGE, "write an amount of AI, such as 1.5"),
    "amount_out_of_range": (CommandExit.USAGE, "write an amount of AI, such as 1.5"),
    "seed_checksum_mismatch": (CommandExit.USAGE, "compare the words with the paper, in order"),
}


UNPRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"
REPORT_IT: Final = "nothing here explains it: report it with the command that caused it"


class CommandError(click.ClickException):
    """One line of cause, one line of fix, and the exit code of the table above."""

    def __init__(self, cause: str, fix: str, exit_code: int = CommandExit.FAILED) -> None:
        super().__init__(cause)
        self.cause = _one_line(cause)
        self.fix = _one_line(fix)
        self.exit_code = int(exit_code)  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[str] | None = None) -> None:
        click.echo(f"error: {self.cause}", file=file, err=file is None)
        if self.fix:
            click.echo(f"fix:   {self.fix}", file=file, err=file is None)


def explain(error: AIChainError) -> CommandError:
    """An expected failure of any room, as the two lines a person reads."""
    code, fix = FIXES.get(error.code, (CommandExit.FAILED, ""))
    code = getattr(error, "exit_code", code)
    fix = getattr(error, "fix", "") or fix or REPORT_IT
    return CommandError(_cause(error), fix, code)


def render_table() -> str:
    """The table for `aichain --help` and for the documentation."""
    return "\n".join(f"{code:>5}  {meaning}" for code, meaning in sorted(EXIT_CODES.items()))


def printable(text: str) -> str:
    """Text from elsewhere without what would move a terminal's cursor or be no text at all."""
    return "".join(letter if letter.isprintable() else UNPRINTABLE for letter in text)


def values_of(error: AIChainError) -> dict[str, object]:
    """What an error says besides its fix."""
    if not is_dataclass(error):
        return {}
    shown = [entry.name for entry in fields(error) if "unshown" not in entry.metadata]
    return {name: getattr(error, name) for name in shown if name != "fix"}


def plain(value: object) -> str:
    """A value as the RPC writes it: bytes are 0x hex, integers are decimal."""
    if isinstance(value, tuple):
        return ", ".join(map(plain, value))
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _cause(error: AIChainError) -> str:
    """The rule in words (the first line of the class's docstring) and the values that broke it."""
    values = values_of(error)
    reason = values.pop("reason", None) or _words(error)
    if not values:
        return str(reason)
    shown = ", ".join(f"{name.replace('_', ' ')} {plain(value)}" for name, value in values.items())
    return f"{reason} ({shown})"


def _words(error: AIChainError) -> str:
    doc = (type(error).__doc__ or "").strip().split("\n", maxsplit=1)[0].rstrip(".")
    made_by_dataclass = doc.startswith(type(error).__name__ + "(")
    return error.code.replace("_", " ") if made_by_dataclass else doc


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
