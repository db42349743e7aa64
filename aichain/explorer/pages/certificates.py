"""The certificate that made a height final, and its signatures verified on request."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from aichain.explorer.errors import NothingHere, VisitedTooOften
from aichain.explorer.pages.reading import height_in
from aichain.explorer.visit import Page, Visit
from aichain.rpc.backend import CommitView
from aichain.rpc.render.blocks import show_commit
from aichain.rpc.results.blocks import Signer
from aichain.rpc.results.result import Count, HashHex, Result
from consensus.quorum import quorum_weight, reaches_quorum
from consensus.votes import VOTE_CONTEXT
from genesis.units import format_address
from native.signatures import SignatureItem

_AT_ONCE = 64


class CheckedCertificate(Result, frozen=True):
    """What this node found when it verified every signature anew."""

    height: Count
    block_hash: HashHex
    verdicts: list[bool]
    """In the order of the certificate's signers."""
    reaches_quorum: bool
    """The weight of those that hold."""
    took_us: Count
    engine: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A member of the set, and what of it is in the certificate."""

    index: int
    address: str
    stake: str
    signature: str | None
    verdict: bool | None


async def certificate(visit: Visit) -> Page:
    """Who signed, with `verify=1` also whether each signature holds."""
    height = height_in(visit)
    view = await visit.context.backend.commit(height)
    if view is None:
        raise NothingHere(
            what=f"There is no certificate for height {height}."
            if height
            else "Block 0 is what all nodes agree on before they start: nobody signed it.",
            fix="The last final block has one, and so has every block that this node keeps.",
        )
    commit = show_commit(height, view)
    checked = await _check(visit, height, view) if visit.query.get("verify") == "1" else None
    results: dict[str, object] = {"aichain_commit": commit}
    if checked is not None:
        results["checkedCertificate"] = checked
    total = view.validators.total_stake
    return Page(
        template="certificate.html",
        title=f"Certificate of block {height}",
        results=results,
        values={
            "commit": commit,
            "certificate": commit.certificate,
            "rows": _rows(view, commit.certificate.signers, checked),
            "quorum": str(quorum_weight(total)),
            "quorum_permille": 1000 * quorum_weight(total) // total,
            "weight_permille": 1000 * int(commit.certificate.weight) // total,
            "checked": checked,
        },
    )


def _rows(
    view: CommitView, signers: Sequence[Signer], checked: CheckedCertificate | None
) -> list[_Row]:
    """All members of the set: who is missing may only have been late."""
    verdicts = dict(
        zip((each.index for each in signers), checked.verdicts if checked else (), strict=False)
    )
    signatures = {each.index: each.signature for each in signers}
    return [
        _Row(
            index=index,
            address=format_address(member.address),
            stake=str(member.stake),
            signature=signatures.get(index),
            verdict=verdicts.get(index),
        )
        for index, member in enumerate(view.validators)
    ]


async def _check(visit: Visit, height: int, view: CommitView) -> CheckedCertificate:
    """Verify all of it behind what the chain needs, within what all visitors together may ask."""
    certificate, validators = view.certificate, view.validators
    indices = certificate.voter_indices
    wait_s = visit.checks.take("certificates", len(indices), trio.current_time())
    if wait_s:
        raise VisitedTooOften(retry_ms=math.ceil(1000 * wait_s))
    message = certificate.vote.signing_bytes
    items = [
        SignatureItem(
            public_key=validators[index].public_key,
            message=message,
            context=VOTE_CONTEXT,
            signature=signature,
        )
        for index, signature in zip(indices, certificate.signatures, strict=True)
    ]
    started_s = trio.current_time()
    verdicts = await _verify(visit, items)
    took_us = int(1_000_000 * (trio.current_time() - started_s))
    weight = sum(
        validators[index].stake for index, holds in zip(indices, verdicts, strict=True) if holds
    )
    return CheckedCertificate(
        height=height,
        block_hash="0x" + view.headers[-1].id.hex(),
        verdicts=verdicts,
        reaches_quorum=reaches_quorum(weight, validators.total_stake),
        took_us=took_us,
        engine=visit.context.backend.status().engines.verifies,
    )


async def _verify(visit: Visit, items: list[SignatureItem]) -> list[bool]:
    verdicts = [False] * len(items)
    limit = trio.CapacityLimiter(_AT_ONCE)

    async def verify(place: int, item: SignatureItem) -> None:
        async with limit:
            verdicts[place] = await visit.context.backend.verify_signature(item)

    async with trio.open_nursery() as nursery:
        for place, item in enumerate(items):
            nursery.start_soon(verify, place, item)
    return verdicts
