"""A snapshot in a file with all that proves it, and back from there into a home.

The file holds the answers of one peer: what `SnapshotProver` asks, and the parts. So it is proved
and put in the chain's place by what does that for a node that joins its network by a snapshot.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, cast

import trio

from aichain.chain import Chain
from aichain.clock import Clock
from aichain.config_values import TrustPoint
from aichain.errors import FileBehind, FileRefused, StoreFailed
from aichain.node.proof_answers import ProofAnswers, ProofRequest
from aichain.node.snapshot_prover import NotProved, SnapshotProver
from aichain.store.durable import make_directory, sync_directory
from aichain.store.failpoints import FailPoints
from aichain.store.joining import JoiningChain, SnapshotBase, install_joined
from aichain.store.paths import DataPaths
from aichain.store.snapshots import SnapshotShelf
from aichain.upkeep.answer_file import AnswerWriter, read_answers
from aichain.upkeep.progress import Progress
from consensus.errors import InvalidCertificate, Unproven
from consensus.light import Trust, genesis_trust
from genesis.document import GenesisDocument
from genesis.limits import SNAPSHOT_PROOFS_MAX
from native.errors import DecodeError, InvalidSignature
from native.hashing import Hash32
from p2p.errors import RequestFailed
from p2p.wire.messages import (
    AnyRequest,
    GetPart,
    GetSnapshots,
    Request,
    Response,
    SnapshotOffers,
    SnapshotPart,
)
from vm.commitment import StateTree, Subtree
from vm.snapshot import read_part

KIND: Final = "snapshot"
FILE: Final = "the file"
_PARTIAL: Final = ".part"
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Start:
    """What is believed before the file is read."""

    document: GenesisDocument
    head: Trust
    """Our own last block."""
    point: TrustPoint | None
    """The block that somebody vouched for."""
    now_ms: Callable[[], int]


class _Recorder:
    """Answers as this node answers its peers, and keeps what it was asked."""

    def __init__(self, answers: ProofAnswers) -> None:
        self._answers = answers
        self.given: dict[AnyRequest, Response] = {}

    async def request(self, peer: str, request: Request[R], timeout_s: float) -> R:
        answer = self._answers.answer(cast("ProofRequest", request))
        self.given[cast("AnyRequest", request)] = answer
        return cast("R", answer)


class _Recorded:
    """A peer that says what stands in the file, and nothing else."""

    def __init__(self, given: dict[AnyRequest, Response]) -> None:
        self._given = given

    async def request(self, peer: str, request: Request[R], timeout_s: float) -> R:
        answer = self._given.get(cast("AnyRequest", request))
        if answer is None:
            raise RequestFailed(peer, f"it does not answer {request}")
        return cast("R", answer)


def write_snapshot(chain: Chain, paths: DataPaths, path: Path, progress: Progress) -> int | None:
    """Write the newest snapshot that is kept, with its proofs; the height, None if there is none.

    The file is there when it is whole: half of a snapshot is no backup. Blocking. StoreFailed,
    StoreCorrupt.
    """
    shelf = SnapshotShelf(paths.snapshots, FailPoints())
    offers = [each for each in shelf.offers if each[0] < chain.head.head.height]
    if not offers:
        return None
    height, name = offers[-1]
    answers = ProofAnswers(chain, shelf)
    base, proofs = trio.run(_record, chain, answers, height, name)
    parts = len(base.manifest.parts)
    fresh = path.with_name(path.name + _PARTIAL)
    fresh.unlink(missing_ok=True)  # of a call that was interrupted
    try:
        with AnswerWriter.create(fresh, KIND, chain.document.hash) as writer:
            writer.write(GetSnapshots(), SnapshotOffers(((height, name),)))
            for request, answer in proofs.items():
                writer.write(request, answer)
            for index in range(parts):
                raw = shelf.part(name, index)
                if raw is None:
                    raise StoreFailed(
                        str(paths.snapshots), f"part {index} of the snapshot is damaged"
                    )
                writer.write(GetPart(name, index), SnapshotPart(raw))
                progress(index + 1, parts)
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.absolute().parent)
    return height


async def _record(
    chain: Chain, answers: ProofAnswers, height: int, name: Hash32
) -> tuple[SnapshotBase, dict[AnyRequest, Response]]:
    """All that is asked by who trusts block 0, and by who trusts the snapshot's own block."""
    recorder, document = _Recorder(answers), chain.document
    header = chain.blocks.header_at(height)
    assert header is not None, "what is offered is of this chain"
    start = genesis_trust(document)
    own = TrustPoint(height, header.id)

    def prover(point: TrustPoint | None) -> SnapshotProver:
        run = trio.to_thread.run_sync
        return SnapshotProver(document, point, recorder, run, lambda: start.header.timestamp_ms)

    base = await prover(own).prove(FILE, name, height, start)
    try:
        await prover(None).prove(FILE, name, height, start)
    except NotProved:
        pass  # a chain that was joined leads nobody from block 0
    return base, recorder.given


def restore_snapshot(
    root: Path,
    document: GenesisDocument,
    path: Path,
    *,
    point: TrustPoint | None,
    clock: Clock,
    progress: Progress,
) -> int:
    """Put the state of a file in the place of the chain that is there, if any; its height.

    What an interrupted call took is kept for the next. Blocking. FileRefused; TrustExpired where
    nothing that is trusted is recent; UpgradeMissed; HomeLocked, StoreFailed, StoreCorrupt.
    """
    paths = DataPaths(root)
    with ExitStack() as held:
        if Chain.exists(root):
            chain = Chain.open(root, document, index=False)
            held.callback(chain.close)
            head = chain.head.head
            trust = Trust(head, chain.head.validators_of(head.epoch))
        else:
            make_directory(root)
            held.callback(paths.lock().release)
            trust = genesis_trust(document)
        start = _Start(document, trust, point, clock.now_ms)
        height = _Restoring(paths, path, start).run(progress)
    install_joined(paths, FailPoints())
    return height


class _Restoring:
    """From a file to a chain that lies ready; the home is locked meanwhile."""

    def __init__(self, paths: DataPaths, path: Path, start: _Start) -> None:
        self._paths = paths
        self._path = path
        self._start = start
        self._genesis_hash = start.document.hash

    def run(self, progress: Progress) -> int:
        given = self._proofs()
        offers = given.get(GetSnapshots())
        if not isinstance(offers, SnapshotOffers) or len(offers.offers) != 1:
            raise self._refused("it does not say which snapshot it holds")
        [(height, name)] = offers.offers
        if height <= self._start.head.header.height:
            raise FileBehind(
                str(self._path),
                f"its snapshot of block {height} is not above this chain's last block, "
                f"{self._start.head.header.height}",
            )
        base = trio.run(self._prove, given, height, name)
        joining = JoiningChain.resume(self._paths, FailPoints())
        if joining is not None and joining.base != base:
            joining.close()
            joining = None
        joining = joining or JoiningChain.begin(self._paths, base, FailPoints())
        try:
            joining.finish(self._start.document, self._take_parts(joining, progress))
        finally:
            joining.close()
        return height

    def _proofs(self) -> dict[AnyRequest, Response]:
        """All answers before the first part. Few: what is read into memory is bounded."""
        given: dict[AnyRequest, Response] = {}
        for answered in read_answers(self._path, KIND, self._genesis_hash):
            if isinstance(answered.request, GetPart):
                break
            if len(given) >= SNAPSHOT_PROOFS_MAX:
                raise self._refused(f"more than {SNAPSHOT_PROOFS_MAX} proofs")
            given[answered.request] = answered.response
        return given

    async def _prove(
        self, given: dict[AnyRequest, Response], height: int, name: Hash32
    ) -> SnapshotBase:
        """As a peer's snapshot is proved."""
        start, asked = self._start, _Recorded(given)
        run = trio.to_thread.run_sync
        prover = SnapshotProver(start.document, start.point, asked, run, start.now_ms)
        prover.require_start(start.head.header)
        try:
            return await prover.prove(FILE, name, height, start.head)
        except (NotProved, RequestFailed) as error:
            raise self._refused(
                f"it does not prove its snapshot to who starts from {self._begin()}: {error}"
            ) from None
        except (Unproven, InvalidCertificate, InvalidSignature, DecodeError) as error:
            raise self._refused(f"what it says of its snapshot does not hold: {error}") from None

    def _begin(self) -> str:
        point = self._start.point
        height = self._start.head.header.height if point is None else point.height
        return f"block {height}"

    def _take_parts(self, joining: JoiningChain, progress: Progress) -> StateTree | None:
        """The tree of all parts, None where some were taken before."""
        base, missing = joining.base, set(joining.missing())
        parts = tuple(zip(base.manifest.parts, base.manifest.prefixes(), strict=True))
        subtrees: dict[int, Subtree] = {}
        for index, raw in self._parts(base.name):
            if index not in missing:
                continue
            try:
                read = read_part(raw, *parts[index])
            except DecodeError as error:
                raise self._refused(f"part {index}: {error}") from None
            joining.write_part(index, read.records)
            subtrees[index] = read.subtree
            missing.discard(index)
            progress(len(parts) - len(missing), len(parts))
        if missing:
            raise self._refused(f"{len(missing)} of its {len(parts)} parts are not in it")
        if len(subtrees) < len(parts):
            return None
        depths = [part.depth for part, _ in parts]
        return StateTree.of_subtrees((depths[at], subtrees[at]) for at in sorted(subtrees))

    def _parts(self, name: Hash32) -> Iterator[tuple[int, bytes]]:
        for answered in read_answers(self._path, KIND, self._genesis_hash):
            request, response = answered.request, answered.response
            if isinstance(request, GetPart) and isinstance(response, SnapshotPart):
                if request.name != name:
                    raise self._refused("a part of another snapshot")
                yield request.index, response.raw

    def _refused(self, reason: str) -> FileRefused:
        return FileRefused(str(self._path), reason)
