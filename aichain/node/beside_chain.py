"""What a node keeps beside its chain and could do without."""

from dataclasses import dataclass

from aichain.store.certificate_archive import CertificateArchive
from aichain.store.history_index import HistoryIndex


@dataclass(frozen=True, slots=True)
class BesideChain:
    """Its trouble is told of, and stops nothing."""

    archive: CertificateArchive
    accounts: HistoryIndex | None
