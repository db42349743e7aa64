"""Who signs twice: from the proof in the hands of an honest node to the block that slashes."""

from collections.abc import Callable
from typing import Final

import trio

from aichain.node.assemble import Node
from aichain.node.evidence_book import EvidenceBook
from aichain.node.lanes.assemble import LaneNode
from aichain.node.pool import TransactionPool
from consensus.evidence import Evidence, check_evidence
from consensus.lanes.accusations import Accusation as LaneAccusation
from consensus.lanes.accusations import check_accusation
from genesis.networks import founder_key
from genesis.units import Address, address_of_key
from native.hashing import Hash32
from tests.simulation.nodes.checkers import Checker, Violation
from tests.simulation.nodes.plan import Plan
from vm.blocks import Block
from vm.system_bodies import Evidence as Accusation

SLASHED_WITHIN_BLOCKS: Final = 3
SLASHED: Final = "(slashed on chain)"
SHELTERING: Final = "accusation kept out of a block"
PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.1


class ProofBook(EvidenceBook):
    """Tells of each proof as it comes."""

    def __init__(self, tell: Callable[[Evidence | LaneAccusation], None]) -> None:
        super().__init__()
        self._tell = tell

    def add(self, evidence: Evidence) -> Hash32:
        self._tell(evidence)
        return super().add(evidence)

    def accuse(self, accusation: LaneAccusation) -> Hash32:
        self._tell(accusation)
        return super().accuse(accusation)


class Offenders:
    """Founders that are proven guilty, how high the chain was then, and where they are slashed."""

    def __init__(self, plan: Plan, checker: Checker, fault: Callable[[str], None]) -> None:
        self._plan, self._checker, self._fault = plan, checker, fault
        self._founders = {
            address_of_key(founder_key("testnet", founder).public_key): founder
            for founder in range(plan.founders)
        }
        self._nodes: dict[int, Node | LaneNode] = {}
        self.proven_at: dict[int, int] = {}
        self.slashed_at: dict[int, int] = {}

    def watch(self, index: int, node: Node | LaneNode) -> None:
        """See what this honest node finds out."""
        self._nodes[index] = node

        def tell(evidence: Evidence | LaneAccusation) -> None:
            self._on_proof(index, self._founders.get(_accused(node, evidence)))

        node.engine.evidence = ProofBook(tell)

    def _on_proof(self, index: int, founder: int | None) -> None:
        """Of somebody who is not honest."""
        if founder is None or founder not in self._plan.evil:
            raise Violation(f"node {index} accuses {founder}, who is honest")
        self.proven_at.setdefault(founder, max(map(_decided, self._nodes.values())))

    def on_final(self, block: Block) -> None:
        """Somebody honest has this block."""
        for signed in block.transactions:
            body = signed.transaction.body
            if isinstance(body, Accusation):
                self._on_slashed(self._founders.get(body.offender), block.header.height)

    def _on_slashed(self, founder: int | None, height: int) -> None:
        """Whoever brought it there: nobody honest can be slashed."""
        if founder is None or founder not in self._plan.evil:
            raise Violation(f"false evidence: founder {founder}, who is honest, is slashed")
        if founder in self.slashed_at:
            return
        self.slashed_at[founder] = height
        self._fault(SLASHED)
        if founder not in self.proven_at:
            return  # by the evil ones among us, or by certificates that no core was shown together
        blocks = height - self.proven_at[founder]
        self._fault(f"(slashed {blocks} blocks after the proof)")
        if not self._plan.is_disturbed and blocks > SLASHED_WITHIN_BLOCKS:
            raise Violation(f"founder {founder} is slashed {blocks} blocks after the proof")

    async def punish(self) -> None:
        """A proof leads to a slash: nobody may sit on it, and no crash of one loses it."""
        with trio.move_on_after(PATIENCE_S):
            while self.proven_at.keys() - self.slashed_at.keys():  # noqa: ASYNC110 others' state
                await trio.sleep(_LOOK_S)
        for founder in self.proven_at.keys() - self.slashed_at.keys():
            raise Violation(f"founder {founder} is proven to have signed twice, and not slashed")


def _accused(node: Node | LaneNode, evidence: Evidence | LaneAccusation) -> Address:
    """Whom a proof is against. It stands on its own."""
    if isinstance(evidence, LaneAccusation):
        assert isinstance(node, LaneNode), "who else has lanes?"
        seating = node.services.instances.numbered(evidence.lane, evidence.term)
        assert seating is not None, "what was signed in an instance that lives"
        voters = seating.instance.electorate
        check_accusation(evidence, voters, node.context.document.hash)
        return voters.members[evidence.offender]
    check_evidence(evidence)
    return node.context.electorates.electorate(evidence.epoch).members[evidence.offender]


def _decided(node: Node | LaneNode) -> int:
    """How high its chain is, with what a committee alone has decided."""
    height = node.chain.head.head.height
    if isinstance(node, LaneNode):
        terms = node.engine.state.terms
        return max((block.height for term in terms for block in term.fast), default=height)
    return height


def shelter(pool: TransactionPool, fault: Callable[[str], None]) -> None:
    """What an accomplice does when it has the turn: no accusation is in its blocks."""
    candidates = pool.accusations.candidates

    def none() -> tuple[()]:
        if candidates():
            fault(SHELTERING)
        return ()

    setattr(pool.accusations, "candidates", none)  # noqa: B010 it is a method
