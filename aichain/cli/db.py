"""`aichain db`: the home of a stopped node looked at, checked, moved and made smaller."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from aichain.chain import Chain
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.options import home_option, json_option
from aichain.cli.output import show
from aichain.cli.progress import shown_progress
from aichain.cli.stopped_home import StoppedHome, network_option, stopped_home
from aichain.cli.values import EXISTING_FILE, FILE
from aichain.clock import SystemClock
from aichain.config_values import TrustPoint, read_trust
from aichain.errors import HomeMissing, StoreCorrupt
from aichain.node.first_start import signs_of_a_chain
from aichain.store.paths import DataPaths
from aichain.upkeep.block_file import export_blocks, import_blocks
from aichain.upkeep.chain_check import CheckReport, check_chain
from aichain.upkeep.compaction import compact_home
from aichain.upkeep.figures import disk_of, figures_of
from aichain.upkeep.read_only import stored_chain
from aichain.upkeep.snapshot_file import restore_snapshot, write_snapshot
from genesis.limits import CERTIFICATE_WINDOW_BLOCKS

NO_SNAPSHOT: Final = (
    "no snapshot of an epoch's end is kept in this home",
    "let the node run to the end of an epoch without --no-snapshots, or use `aichain db export`",
)


@click.group()
def db() -> None:
    """Look after the disk of a node that is stopped: while one runs, its home is locked."""


@db.command()
@home_option
@network_option
@json_option
def stats(home: Path | None, network: str | None, *, as_json: bool) -> None:
    """Height, entries of the database, and bytes on the disk by what they are of."""
    place = stopped_home(home, network)
    with (
        shown_progress("counting") as progress,
        stored_chain(place.root, place.document) as stored,
    ):
        found = figures_of(stored, progress)
    show(
        {
            "home": str(place.path),
            "network": place.document.name,
            "height": found.height,
            "firstBlock": found.first,
            "entries": {
                name: {"count": each.count, "bytes": each.size_bytes}
                for name, each in found.entries.items()
            },
            "diskBytes": found.disk,
        },
        as_json=as_json,
    )


@db.command()
@home_option
@network_option
@json_option
def check(home: Path | None, network: str | None, *, as_json: bool) -> None:
    """Verify every block, certificate, receipts root and state root; nothing is changed.

    The whole state is hashed and compared with the root that is recorded, each block with its id,
    its roots, its child and the range under the last header, each certificate with the keys of its
    epoch's validators. The indexes are not looked at: they are rebuilt from the blocks.
    """
    place = stopped_home(home, network)
    try:
        with (
            shown_progress("checking") as progress,
            stored_chain(place.root, place.document) as stored,
        ):
            report = check_chain(stored, progress)
    except StoreCorrupt as error:  # it cannot even be opened
        report = CheckReport()
        report.note("the database", f"{error.reason} ({error.path})", error.fix)
    show(_reported(place, report), as_json=as_json)
    if report.damaged:
        first = report.damages[0]
        raise CommandError(
            f"{report.damaged} damaged: {first.where}: {first.reason}",
            first.fix,
            CommandExit.DAMAGED,
        )


def _reported(place: StoppedHome, report: CheckReport) -> dict[str, object]:
    return {
        "home": str(place.path),
        "height": report.height,
        "firstBlock": report.first,
        "blocks": report.blocks,
        "transactions": report.transactions,
        "certificates": report.certificates,
        "damaged": report.damaged,
        "damages": [
            {"where": each.where, "reason": each.reason, "fix": each.fix} for each in report.damages
        ],
    }


@db.command()
@home_option
@network_option
@json_option
def compact(home: Path | None, network: str | None, *, as_json: bool) -> None:
    """Free what overwritten and deleted entries of the databases still take."""
    place = stopped_home(home, network)
    paths = DataPaths(place.root)
    before = sum(disk_of(paths).values())
    with shown_progress("compacting") as progress:
        compact_home(place.root, progress)
    after = sum(disk_of(paths).values())
    show({"home": str(place.path), "bytesBefore": before, "bytesAfter": after}, as_json=as_json)


@db.command()
@click.option(
    "--keep",
    type=click.IntRange(CERTIFICATE_WINDOW_BLOCKS),
    required=True,
    metavar="N",
    help=f"How many of the last blocks stay, from {CERTIFICATE_WINDOW_BLOCKS} on.",
)
@home_option
@network_option
@json_option
def prune(keep: int, home: Path | None, network: str | None, *, as_json: bool) -> None:
    """Drop old blocks, as a node with `run --keep N` does while it runs. They cannot be got back
    but from others."""
    place = stopped_home(home, network)
    with _opened(place) as chain, shown_progress("pruning") as progress:
        begun = chain.blocks.first
        total = max(0, chain.head.head.height - keep - begun)
        while chain.prune(keep):
            progress(chain.blocks.first - begun, total)
        first = chain.blocks.first
    show({"home": str(place.path), "dropped": first - begun, "firstBlock": first}, as_json=as_json)


@db.command("export")
@click.argument("file", type=FILE)
@click.option("--from", "first", type=click.IntRange(1), help="The first block; else the oldest.")
@click.option("--to", "last", type=click.IntRange(1), help="The last block; else the head.")
@home_option
@network_option
@json_option
def export(
    file: Path,
    first: int | None,
    last: int | None,
    home: Path | None,
    network: str | None,
    *,
    as_json: bool,
) -> None:
    """Write final blocks to FILE, each stretch with its certificate.

    It ends with a certified block, which may lie a little above --to. A FILE of the same blocks is
    gone on with, so an export that was interrupted is given again.
    """
    place = stopped_home(home, network)
    with _opened(place) as chain, shown_progress("exporting") as progress:
        begin = max(1, chain.blocks.first) if first is None else first
        end = min(last or chain.head.head.height, chain.head.head.height)
        if not max(1, chain.blocks.first) <= begin <= end:
            raise CommandError(
                f"blocks {begin} to {end} are not all here: from {max(1, chain.blocks.first)} to "
                f"{chain.head.head.height} they are",
                "choose --from and --to among those",
                CommandExit.NOT_FOUND,
            )
        moved = export_blocks(chain, file, range(begin, end + 1), progress)
    show(
        {"file": str(file), "from": moved.first, "to": moved.last, "blocks": moved.blocks},
        as_json=as_json,
    )


@db.command("import")
@click.argument("file", type=EXISTING_FILE)
@home_option
@network_option
@json_option
def import_(file: Path, home: Path | None, network: str | None, *, as_json: bool) -> None:
    """Take blocks out of FILE that follow this home's chain.

    Nothing in it is believed: hashes, certificates, signatures and execution are checked as those
    of a peer. What is here already is passed over, so it may be given again after an interruption.
    A home that never had a chain gets block 0.
    """
    place = stopped_home(home, network)
    if not Chain.exists(place.root):
        if signs_of_a_chain(place.path):
            raise HomeMissing(path=str(DataPaths(place.root).chain))
        Chain.create(place.root, place.document)
    with _opened(place) as chain, shown_progress("importing") as progress:
        moved = import_blocks(chain, file, progress)
    show(
        {"file": str(file), "from": moved.first, "to": moved.last, "blocks": moved.blocks},
        as_json=as_json,
    )


@db.command()
@click.argument("file", type=FILE)
@home_option
@network_option
@json_option
def snapshot(file: Path, home: Path | None, network: str | None, *, as_json: bool) -> None:
    """Write the state of the last epoch's end to FILE, with the proofs that it is the chain's."""
    place = stopped_home(home, network)
    if file.exists():
        raise CommandError(f"{file} exists", "choose another file", CommandExit.USAGE)
    with _opened(place) as chain, shown_progress("writing") as progress:
        height = write_snapshot(chain, DataPaths(place.root), file, progress)
        header = None if height is None else chain.blocks.header_at(height)
    if header is None:
        raise CommandError(*NO_SNAPSHOT, CommandExit.NOT_FOUND)
    show(
        {
            "file": str(file),
            "height": header.height,
            "trust": f"{header.height}:0x{header.id.hex()}",
            "bytes": file.stat().st_size,
        },
        as_json=as_json,
    )


def _trust(_: click.Context, __: click.Parameter, value: str | None) -> TrustPoint | None:
    try:
        return None if value is None else read_trust(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@db.command()
@click.argument("file", type=EXISTING_FILE)
@click.option(
    "--trust",
    metavar="HEIGHT:HASH",
    callback=_trust,
    help="The snapshot's block, which somebody you trust vouches for; needed where this home's "
    "last block, or block 0, is older than 14 days.",
)
@home_option
@network_option
@json_option
def restore(
    file: Path, trust: TrustPoint | None, home: Path | None, network: str | None, *, as_json: bool
) -> None:
    """Put the state in FILE in the place of this home's chain; keys and the vote log stay.

    It is proved from a block that is trusted, as `run --sync snapshot` proves what peers give.
    """
    place = stopped_home(home, network)
    with shown_progress("restoring") as progress:
        height = restore_snapshot(
            place.root,
            place.document,
            file,
            point=trust,
            clock=SystemClock(),
            progress=progress,
        )
    show({"home": str(place.path), "height": height, "firstBlock": height + 1}, as_json=as_json)


@contextmanager
def _opened(place: StoppedHome) -> Iterator[Chain]:
    """Checked and recovered as at a start, and locked."""
    chain = Chain.open(place.root, place.document)
    try:
        yield chain
    finally:
        chain.close()
