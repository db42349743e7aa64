"""After a fork: the certificates on the disks of honest nodes, and whom they convict together."""

from collections.abc import Iterable
from itertools import combinations

from aichain.config import NodeConfig
from aichain.node.assemble import open_chain, open_log
from consensus.certificates import QuorumCertificate
from consensus.evidence import certificates_conflict, check_evidence
from consensus.records import CertificateSeen, decode_record
from native.hashing import Hash32


def certificates_of(config: NodeConfig) -> list[QuorumCertificate]:
    """FINALs of the chain, and whatever the vote log still holds. The node must be down."""
    found: list[QuorumCertificate] = []
    chain = open_chain(config)
    for height in range(1, chain.head.head.height + 1):
        certificate = chain.blocks.certificate_at(height)
        if certificate is not None:
            found.append(certificate)
    chain.close()
    assert config.validator_key is not None, "a validator"
    log = open_log(config, config.validator_key.public_key)
    records = [decode_record(raw) for raw in log.records()]
    log.close()
    return [*found, *(each.certificate for each in records if isinstance(each, CertificateSeen))]


def convicted(certificates: Iterable[QuorumCertificate]) -> set[int]:
    """Members that signed two certificates of one view that exclude each other."""
    by_view: dict[tuple[Hash32, int], list[QuorumCertificate]] = {}
    for each in certificates:
        by_view.setdefault((each.instance_id, each.view), []).append(each)
    guilty = set[int]()
    for held in by_view.values():
        for one, other in combinations(held, 2):
            for evidence in certificates_conflict(one, other):
                check_evidence(evidence)
                guilty.add(evidence.offender)
    return guilty
