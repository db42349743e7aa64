"""Joining by a snapshot past peers that give something else than they offer."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from aichain.config import SyncMode
from aichain.node.snapshot_prover import PROOF_S, REQUEST_TIMEOUT_S
from consensus.instance import instance_id
from consensus.light import Finality
from genesis.networks import founder_key
from genesis.units import U64_MAX, address_of_key
from genesis.validators import ValidatorSet
from native.hashing import Hash32, derive_hash
from p2p.wire.messages import (
    AnyRequest,
    FinalityClaim,
    GetFinality,
    GetManifest,
    GetPart,
    GetSnapshots,
    Response,
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
)
from tests.integration.nodes import Cluster, RunningNode, until
from tests.integration.snapshot_peers import (
    WINDOW,
    Lie,
    Truth,
    make_small,
    makes,
    score_of,
    short_epochs,
)
from tests.simulation.nodes.virtual_time import run_virtual
from vm.snapshot import decode_manifest, manifest_hash


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1]) if raw else raw


async def wrong_part(request: AnyRequest, truth: Truth) -> Response:
    answer = await truth(request)
    return SnapshotPart(flipped(answer.raw)) if isinstance(answer, SnapshotPart) else answer


async def short_part(request: AnyRequest, truth: Truth) -> Response:
    answer = await truth(request)
    return SnapshotPart(answer.raw[:-1]) if isinstance(answer, SnapshotPart) else answer


async def another_part(request: AnyRequest, truth: Truth) -> Response:
    """A true part of the same state, but not the one that was asked for."""
    if isinstance(request, GetPart):
        return await truth(replace(request, index=request.index ^ 1))
    return await truth(request)


async def wrong_manifest(request: AnyRequest, truth: Truth) -> Response:
    answer = await truth(request)
    return SnapshotManifest(flipped(answer.raw)) if isinstance(answer, SnapshotManifest) else answer


async def wrong_proof(request: AnyRequest, truth: Truth) -> Response:
    """The certificate has one vote that nobody cast."""
    answer = await truth(request)
    if not isinstance(answer, FinalityClaim) or answer.finality is None:
        return answer
    certificate = answer.finality.certificate
    signatures = (flipped(certificate.signatures[0]), *certificate.signatures[1:])
    spoiled = replace(certificate, signatures=signatures)
    return FinalityClaim(replace(answer.finality, certificate=spoiled))


async def other_height(request: AnyRequest, truth: Truth) -> Response:
    if isinstance(request, GetFinality):
        return await truth(GetFinality(request.height + 1))
    return await truth(request)


async def endless_epoch(request: AnyRequest, truth: Truth) -> Response:
    """Voters of the end of time, to whom anchors of very high epochs would have to lead."""
    answer = await truth(request)
    if not isinstance(answer, FinalityClaim) or answer.finality is None:
        return answer
    claim, key = answer.finality, founder_key("testnet", 1).public_key
    alone = replace(claim.validators[0], address=address_of_key(key), public_key=key)
    voters = ValidatorSet((alone,))
    header = replace(claim.headers[0], epoch=U64_MAX, vset_hash=voters.hash)
    name = instance_id(header.genesis_hash, U64_MAX, voters.hash, claim.start_id)
    final = replace(claim.certificate, instance_id=name, epoch=U64_MAX, block_id=header.id)
    return FinalityClaim(Finality(final, claim.start_id, (header,), voters))


class Inventor:
    """Its manifest agrees with itself, but is of a state that no header carries."""

    def __init__(self) -> None:
        self.made: dict[Hash32, bytes] = {}

    async def __call__(self, request: AnyRequest, truth: Truth) -> Response:
        if isinstance(request, GetManifest) and request.name in self.made:
            return SnapshotManifest(self.made[request.name])
        answer = await truth(request)
        if not isinstance(answer, SnapshotOffers):
            return answer
        offers = []
        for height, name in answer.offers:
            true = await truth(GetManifest(name))
            assert isinstance(true, SnapshotManifest)
            manifest = decode_manifest(true.raw)
            part, *rest = manifest.parts
            raw = true.raw
            while manifest_hash(raw) <= name:  # so that it is asked for before the true one
                part = replace(part, root=derive_hash("aichain/test/invented", part.root))
                raw = replace(manifest, parts=(part, *rest)).encode()
            self.made[manifest_hash(raw)] = raw
            offers.append((height, manifest_hash(raw)))
        return SnapshotOffers(tuple(offers))


class Boaster:
    """Offers its snapshots as if they were much newer."""

    async def __call__(self, request: AnyRequest, truth: Truth) -> Response:
        answer = await truth(request)
        if isinstance(answer, SnapshotOffers):
            return SnapshotOffers(tuple((height + 10**6, name) for height, name in answer.offers))
        return answer


LIES: dict[str, Callable[[], Lie]] = {
    "wrong part": lambda: wrong_part,
    "short part": lambda: short_part,
    "another part": lambda: another_part,
    "wrong manifest": lambda: wrong_manifest,
    "wrong proof": lambda: wrong_proof,
    "other height": lambda: other_height,
    "endless epoch": lambda: endless_epoch,
    "invented state": Inventor,
    "older than offered": Boaster,
}


@asynccontextmanager
async def two_givers(tmp_path: Path) -> AsyncIterator[tuple[Cluster, RunningNode, RunningNode]]:
    """A chain that stands, and two nodes that serve the same snapshots of it."""
    async with short_epochs(tmp_path, 1) as net:
        one = await net.start(2, founder=False, keep=WINDOW)
        other = await net.start(3, founder=False, keep=WINDOW)
        founder = await net.start(0, keep=WINDOW)
        await until(lambda: min(one.height, other.height) >= 30, 120)
        await founder.stop()
        await until(lambda: one.height == other.height, 60)
        await trio.sleep(10)
        shelves = [each.node.history.shelf.offers for each in (one, other)]
        assert shelves[0] == shelves[1] != ()
        yield net, one, other


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_is_banned_and_the_snapshot_comes_from_others(tmp_path: Path, lie: str) -> None:
    async def story() -> None:
        async with two_givers(tmp_path) as (net, liar, honest):
            makes(liar, LIES[lie]())
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            joining = stranger.node.context.network
            await until(lambda: stranger.starts == 2, 60)
            assert joining.counters.bans == 1
            await until(lambda: stranger.height == honest.height, 60)
            assert score_of(honest, stranger) == 100

    run_virtual(story, seed=3)


async def asleep(request: AnyRequest, truth: Truth) -> Response:
    """Offers what it has, and never gives a part of it."""
    if isinstance(request, GetPart):
        await trio.sleep_forever()
    return await truth(request)


async def empty_handed(request: AnyRequest, truth: Truth) -> Response:
    return SnapshotPart(b"") if isinstance(request, GetPart) else await truth(request)


@pytest.mark.parametrize("lie", [asleep, empty_handed])
def test_who_gives_nothing_is_left_out_and_not_banned(tmp_path: Path, lie: Lie) -> None:
    async def story() -> None:
        async with two_givers(tmp_path) as (net, idle, honest):
            makes(idle, lie)
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.starts == 2, 120)
            await until(lambda: stranger.height == honest.height, 60)
            assert score_of(idle, stranger) == score_of(honest, stranger) == 100

    run_virtual(story, seed=4)


class Dawdlers:
    """Whichever of them is asked for a proof first takes almost all the time that each answer may
    take."""

    def __init__(self) -> None:
        self.slow: object = None
        self.answered = 0

    def lie(self) -> Lie:
        async def answer(request: AnyRequest, truth: Truth) -> Response:
            if isinstance(request, GetManifest) and self.slow is None:
                self.slow = answer
            if self.slow is answer and not isinstance(request, GetPart | GetSnapshots):
                await trio.sleep(REQUEST_TIMEOUT_S - 1)
                self.answered += 1
            return await truth(request)

        return answer


def test_a_proof_that_comes_by_drops_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    dawdlers = Dawdlers()

    async def story() -> None:
        async with two_givers(tmp_path) as (net, one, other):
            for each in (one, other):
                makes(each, dawdlers.lie())
            stranger = await net.start(1, founder=False, sync=SyncMode.SNAPSHOT)
            await until(lambda: stranger.starts == 2, PROOF_S + REQUEST_TIMEOUT_S)
            assert score_of(one, stranger) == score_of(other, stranger) == 100

    run_virtual(story, seed=5)
    assert dawdlers.answered >= 3
    assert "took too long" in caplog.text
