"""What a node keeps beside its chain and could do without."""

from dataclasses import dataclass

from aichain.store.account_index import AccountIndex
from aichain.store.certificate_archive import CertificateArchive


@dataclass(frozen=True, slots=True)
class BesideChain:
    """Its trouble is told of, and stops nothing."""

    archive: CertificateArchive
    accounts: AccountIndex | None
