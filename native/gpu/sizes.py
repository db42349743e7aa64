"""How much memory the kernels need for keys and signatures, by parameter set."""

from collections.abc import Mapping
from dataclasses import dataclass

from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Algorithm

POLYNOMIAL_BYTES = 1024
MU_BYTES = 64
_TR_BYTES = 64


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one parameter set (FIPS 204, tables 1 and 2): A has `rows` times `columns` polynomials."""

    suffix: str
    rows: int
    columns: int
    w1_row_bytes: int
    public_key_bytes: int
    signature_bytes: int

    @property
    def streams(self) -> int:
        """Polynomials of A, each drawn from a hash of its own."""
        return self.rows * self.columns

    @property
    def expanded_key_bytes(self) -> int:
        """A, t1 and the hash of the key: `ExpandedKey` in kernels/expanded_key.h."""
        return (self.streams + self.rows) * POLYNOMIAL_BYTES + _TR_BYTES

    @property
    def w1_bytes(self) -> int:
        """The high bits of w, packed."""
        return self.rows * self.w1_row_bytes


def _sizes(algorithm: Algorithm, rows: int, columns: int, w1_row_bytes: int) -> Sizes:
    suffix = algorithm.name[-2:]
    public_key, signature = PUBLIC_KEY_BYTES[algorithm], SIGNATURE_BYTES[algorithm]
    return Sizes(suffix, rows, columns, w1_row_bytes, public_key, signature)


SIZES: Mapping[Algorithm, Sizes] = {
    Algorithm.ML_DSA_44: _sizes(Algorithm.ML_DSA_44, 4, 4, 192),
    Algorithm.ML_DSA_65: _sizes(Algorithm.ML_DSA_65, 6, 5, 128),
    Algorithm.ML_DSA_87: _sizes(Algorithm.ML_DSA_87, 8, 7, 128),
}
