"""`aichain fork-proof`: after a halt, who signed both sides, and a file that shows it."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

import click

from aichain.chain import Chain
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.options import json_option
from aichain.cli.output import coins, show
from aichain.cli.run_plan import document_of
from aichain.cli.values import EXISTING_FILE, FILE, RAW_HASH, SomePath
from aichain.config import load_document, read_config_file, resolve_settings
from aichain.disclosure import disclosure_of, last_part, parted_in
from aichain.homes import CONFIG_FILE, data_directory
from aichain.regular_file import read_regular
from consensus.evidence import ConflictingVotes
from consensus.fork_files import (
    decode_disclosure,
    decode_fork_proof,
    encode_disclosure,
    encode_fork_proof,
)
from consensus.fork_proof import (
    Disclosure,
    Epoch,
    ForkProof,
    Side,
    prove_fork,
    verify_fork_proof,
)
from consensus.votes import Vote
from genesis.checkpoints import Checkpoint
from genesis.document import GenesisDocument
from genesis.limits import FORK_FILE_MAX_BYTES
from genesis.units import format_address
from native.batch import verify_many
from native.errors import InvalidData
from native.hashing import Hash32

T = TypeVar("T")

ACCOUNTABLE_PERCENT: Final = 38
SOURCE: Final = SomePath(path_type=Path, exists=True)
NETWORK: Final = click.option(
    "--network", metavar="NAME|PATH", help="The genesis document; else that of the home."
)
VALIDATORS_HASH: Final = click.option(
    "--validators-hash",
    type=RAW_HASH,
    help="The set of that epoch, where it is not that of the genesis document any more.",
)
PART: Final = click.option(
    "--epoch",
    "--checkpoint",
    "part",
    type=click.IntRange(0),
    help="Where the sides parted, if it is not found: the epoch; with two lanes the checkpoint.",
)


@click.group("fork-proof")
def fork_proof() -> None:
    """Name who made a fork, with proof.

    Of two honest nodes on two sides neither knows all: the signatures that exclude each other lie
    on both disks. `find` lays homes of stopped nodes side by side; where they are on machines of
    different people, each runs `export` and sends the file.
    """


@fork_proof.command("export")
@click.argument("home", type=SOURCE)
@click.option("--out", type=FILE, required=True, help="The file to write.")
@PART
@NETWORK
@json_option
def export(home: Path, out: Path, part: int | None, network: str | None, *, as_json: bool) -> None:
    """Write what a stopped node's HOME holds of an epoch (the last one, unless told).

    With two lanes: of one checkpoint.
    """
    with ExitStack() as opened:
        chain = _open(home, network, opened)
        chosen = last_part(chain) if part is None else part
        disclosure = disclosure_of(chain, data_directory(home), chosen)
    out.write_bytes(encode_disclosure(disclosure))
    written = {
        "file": str(out),
        "checkpoint" if disclosure.epoch.checkpoint else "epoch": chosen,
        "blocks": len(disclosure.headers),
        "certificates": len(disclosure.certificates),
    }
    show(written, as_json=as_json)


@fork_proof.command("find")
@click.argument("sources", nargs=-1, required=True, type=SOURCE)
@click.option("--out", type=FILE, help="Write the proof there, for anybody to verify.")
@PART
@NETWORK
@VALIDATORS_HASH
@json_option
def find(
    sources: Sequence[Path],
    out: Path | None,
    part: int | None,
    network: str | None,
    validators_hash: Hash32 | None,
    *,
    as_json: bool,
) -> None:
    """Compare SOURCES: homes of stopped nodes, and files that `export` wrote; two or more.

    A home knows who voted. Files may come from anybody, with a set of their own making: where
    there is no home beside them, they are compared with the genesis document.
    """
    if len(sources) < 2:
        raise CommandError(
            "one source shows one side only",
            "give a second home, or a file that another operator exported",
            CommandExit.USAGE,
        )
    document = _document_for(sources, network)
    proof = prove_fork(_disclosures(sources, part, network), verify_many)
    if document is not None:
        _require_known_set(proof, document, validators_hash)
    verify_fork_proof(proof, verify_many)
    if out is not None:
        out.write_bytes(encode_fork_proof(proof))
    _print(proof, as_json=as_json)
    if proof.convicted_percent < ACCOUNTABLE_PERCENT:
        _say_what_is_lacking(proof)


@fork_proof.command("verify")
@click.argument("file", type=EXISTING_FILE)
@click.option("--network", metavar="NAME|PATH", required=True, help="The genesis document.")
@VALIDATORS_HASH
@json_option
def verify(file: Path, network: str, validators_hash: Hash32 | None, *, as_json: bool) -> None:
    """Check a proof with nothing but the genesis document, and print whom it convicts."""
    proof = _read(file, decode_fork_proof)
    _require_known_set(proof, load_document(network), validators_hash)
    verify_fork_proof(proof, verify_many)
    _print(proof, as_json=as_json)


def _document_for(sources: Sequence[Path], network: str | None) -> GenesisDocument | None:
    """What the set of the voters is compared with; None where a home knows it."""
    if any(path.is_dir() for path in sources):
        return None
    if network is None:
        raise CommandError(
            "files alone do not say whether their validators are those of your network",
            "name it with --network, or give a home of it as one of the sources",
            CommandExit.USAGE,
        )
    return load_document(network)


def _disclosures(
    sources: Sequence[Path], part: int | None, network: str | None
) -> list[Disclosure]:
    files = [_read(path, decode_disclosure) for path in sources if path.is_file()]
    homes = [path for path in sources if not path.is_file()]
    with ExitStack() as opened:
        held = [(_open(home, network, opened), data_directory(home)) for home in homes]
        if part is None and files:
            part = _part_of(files[0].epoch)
        elif part is None:
            found = parted_in(held)
            part = last_part(held[0][0]) if found is None else found
        return [*files, *(disclosure_of(*each, part) for each in held)]


def _part_of(epoch: Epoch) -> int:
    return epoch.checkpoint or epoch.number


def _open(home: Path, network: str | None, opened: ExitStack) -> Chain:
    file = read_config_file(home / CONFIG_FILE)
    document = document_of(resolve_settings({"network": network}, os.environ, file), home)
    chain = Chain.open(data_directory(home), document, index=False)
    opened.callback(chain.close)
    return chain


def _read(path: Path, decode: Callable[[bytes], T]) -> T:
    try:
        raw, _ = read_regular(path, FORK_FILE_MAX_BYTES)
        return decode(raw)
    except (InvalidData, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(
            f"{path} is not such a file, or damaged: {reason}",
            "`export` writes what `find` reads, and `find --out` what `verify` reads",
            CommandExit.FORK_UNPROVEN,
        ) from None


def _require_known_set(
    proof: ForkProof, document: GenesisDocument, validators_hash: Hash32 | None
) -> None:
    epoch = proof.epoch
    if epoch.genesis_hash != document.hash:
        raise CommandError(
            f"the proof is of the chain 0x{epoch.genesis_hash.hex()}, not of {document.name}",
            "name the network it is of with --network",
            CommandExit.OTHER_NETWORK,
        )
    if epoch.validators.hash not in (document.validator_set.hash, validators_hash):
        raise CommandError(
            f"the validators of epoch {epoch.number} in the proof, "
            f"0x{epoch.validators.hash.hex()}, are not those of the genesis document",
            f"compare that with `aichain light header {_height_of_set(proof)}`, and if it is the "
            "same, give it with --validators-hash",
            CommandExit.FORK_UNPROVEN,
        )


def _height_of_set(proof: ForkProof) -> int:
    """A block whose header names the set that voted."""
    lowest = proof.sides[0].headers[-1]
    return lowest.block_height if isinstance(lowest, Checkpoint) else proof.height - 1


def _say_what_is_lacking(proof: ForkProof) -> None:
    names = ", ".join(map(_name, proof.lacking)) or "more certificates"
    click.echo(
        f"note: whoever made this fork holds {ACCOUNTABLE_PERCENT} % at least. Not all are named, "
        f"for no source has {names}; other validators may: ask them for an `export` and give it "
        "as one more source",
        err=True,
    )


def _print(proof: ForkProof, *, as_json: bool) -> None:
    epoch = proof.epoch
    total = epoch.validators.total_stake
    show(
        {
            "forkCheckpoint" if epoch.checkpoint else "forkHeight": proof.height,
            "epoch": epoch.number,
            "lastCommonCheckpoint" if epoch.checkpoint else "lastCommonBlock": "0x"
            + proof.sides[0].headers[-1].parent_id.hex(),
            "convictedStake": _stake(sum(proof.offenders.values()), as_json=as_json),
            "totalStake": _stake(total, as_json=as_json),
            "convictedPercent": proof.convicted_percent,
            "sides": [_side(side) for side in proof.sides],
            "convicted": [_offender(proof, each, as_json=as_json) for each in proof.evidence],
        },
        as_json=as_json,
    )


def _side(side: Side) -> dict[str, object]:
    certificate, lowest = side.certificate, side.headers[-1]
    if isinstance(lowest, Checkpoint):
        place = {"checkpoint": "0x" + lowest.id.hex(), "block": "0x" + lowest.block_id.hex()}
        height = {"finalHeight": lowest.block_height}
    else:
        place, height = {"block": "0x" + lowest.id.hex()}, {"finalHeight": certificate.height}
    return {
        **place,
        **height,
        "finalView": certificate.view,
        "signers": " ".join(map(str, certificate.voter_indices)),
    }


def _offender(proof: ForkProof, pair: ConflictingVotes, *, as_json: bool) -> dict[str, object]:
    validator = proof.epoch.validators[pair.offender]
    return {
        "validator": pair.offender,
        "address": format_address(validator.address),
        "stake": _stake(validator.stake, as_json=as_json),
        "signed": _name(pair.first.vote),
        "and": _name(pair.second.vote),
    }


def _name(vote: Vote) -> str:
    block = f" of 0x{vote.block_id.hex()[:16]}" if vote.height else ""
    return f"{vote.phase.name}{block} in view {vote.view}"


def _stake(stake: int, *, as_json: bool) -> str:
    return str(stake) if as_json else coins(stake)
