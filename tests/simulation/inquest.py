"""After a fork: what the certificates that honest members held say about who made it."""

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

from consensus.certificates import QuorumCertificate
from consensus.core.effects import Effect, Finalize, PersistCertificate
from consensus.electorate import Electorate
from consensus.forensics import Branch, convicted, decisive_votes, lacking
from consensus.instance import BlockRef, Instance
from consensus.votes import Vote
from genesis.units import Address
from native.hashing import Hash32


class Inquest:
    """Keeps every certificate and final block of honest members, as all their disks together."""

    def __init__(self) -> None:
        self._certificates: dict[Hash32, list[QuorumCertificate]] = {}
        self._finals: dict[Hash32, dict[Vote, QuorumCertificate]] = {}
        self._blocks: dict[Hash32, BlockRef] = {}

    def take(self, effects: Iterable[Effect]) -> None:
        """What an honest member's core asks to be kept."""
        for effect in effects:
            match effect:
                case PersistCertificate(certificate):
                    self._certificates.setdefault(certificate.instance_id, []).append(certificate)
                case Finalize(certificate, blocks):
                    finals = self._finals.setdefault(certificate.instance_id, {})
                    finals[certificate.vote] = certificate
                    self._blocks |= {block.id: block for block in blocks}

    def forks(self) -> Iterable[tuple[Branch, Branch]]:
        """Every two FINALs of one instance of which none is below the other."""
        for finals in self._finals.values():
            branches = [self._branch(certificate) for certificate in finals.values()]
            for one, other in combinations(branches, 2):
                if one.blocks[0] not in other.blocks and other.blocks[0] not in one.blocks:
                    yield one, other

    def faults(
        self, instances: Mapping[Hash32, Instance], is_evil: Callable[[Address], bool]
    ) -> list[str]:
        """Where the proof in consensus/README does not hold."""
        found: list[str] = []
        for one, other in self.forks():
            name = one.certificate.instance_id
            held = self._certificates[name]
            pairs = decisive_votes(one, other)
            if not pairs or lacking(pairs, held):
                found.append(f"nobody held {lacking(pairs, held) or pairs} of {one} and {other}")
                continue
            guilty = convicted(held, name)
            electorate = instances[name].electorate
            if _percent(electorate, guilty) < 38:
                found.append(f"{sorted(guilty)} weigh too little for {one} and {other}")
            honest = [each for each in guilty if not is_evil(electorate.members[each])]
            if honest:
                found.append(f"convicts {honest}, who are honest")
        return found

    def _branch(self, certificate: QuorumCertificate) -> Branch:
        blocks = [self._blocks[certificate.block_id]]
        while (parent := self._blocks.get(blocks[-1].parent_id)) is not None:
            if parent.epoch != blocks[0].epoch:
                break
            blocks.append(parent)
        return Branch(certificate, tuple(blocks))


def _percent(electorate: Electorate, guilty: Iterable[int]) -> int:
    return 100 * sum(electorate.weights[index] for index in guilty) // electorate.total
