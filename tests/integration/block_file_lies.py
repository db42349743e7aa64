"""Files of blocks in which something is not so, their checksums right."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from aichain.upkeep.answer_file import AnswerWriter, read_answers
from genesis.document import GenesisDocument
from native import codec
from p2p.wire.messages import BlockData, BlockRange, FinalityClaim, GetFinality


def rewritten(document: GenesisDocument, file: Path, change: Any) -> Path:
    """The same file with every record that `change` alters, its checksums right."""
    changed = file.with_name("changed")
    with AnswerWriter.create(changed, "blocks", document.hash) as writer:
        for each in read_answers(file, "blocks", document.hash):
            writer.write(*change(each.request, each.response))
    return changed


def forged(request: Any, response: Any) -> Any:
    """A certificate that nobody signed."""
    if isinstance(response, FinalityClaim) and response.finality is not None:
        final = response.finality.certificate
        signatures = tuple(bytes(len(each)) for each in final.signatures)
        finality = replace(response.finality, certificate=replace(final, signatures=signatures))
        return request, FinalityClaim(finality)
    return request, response


def far(request: Any, response: Any) -> Any:
    """A certificate of an epoch that no chain gets to."""
    if isinstance(response, FinalityClaim) and response.finality is not None:
        certificate = replace(response.finality.certificate, epoch=2**64 - 1)
        return request, FinalityClaim(replace(response.finality, certificate=certificate))
    return request, response


def bodiless(request: Any, response: Any) -> Any:
    """Blocks whose headers promise more than is there, or less."""
    if isinstance(response, BlockRange):
        blocks = [BlockData(each.header_raw, codec.encode([b"x"])) for each in response.blocks]
        return request, replace(response, blocks=tuple(blocks))
    return request, response


def missing(request: Any, response: Any) -> Any:
    """The first block of each stretch is left out."""
    if isinstance(response, BlockRange):
        return request, replace(response, blocks=response.blocks[1:])
    return request, response


def uncertified(request: Any, response: Any) -> Any:
    return (
        (GetFinality(1), FinalityClaim(None))
        if isinstance(request, GetFinality)
        else (
            request,
            response,
        )
    )


LIES = {
    forged: "is not shown to be final",
    far: "",
    bodiless: "",
    missing: "does not follow",
    uncertified: "no record of blocks",
}
