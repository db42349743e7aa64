"""The C++ kernels, if they were compiled when this was installed."""

import os

__all__ = ["ENGINE_VARIABLE", "GPU", "INSTRUCTION_SETS", "hashing_set", "kernels"]

ENGINE_VARIABLE = "AICHAIN_NATIVE"
GPU = "gpu"
"""The name of the engine that is not of this processor."""

try:
    from native import _vector as kernels
except ImportError:  # installed without a C++ compiler
    kernels = None  # type: ignore[assignment]

INSTRUCTION_SETS: tuple[str, ...] = () if kernels is None else kernels.instruction_sets()
"""Those that this build and this processor have, the fastest first."""


def hashing_set() -> str | None:
    """The instruction set for batches of hashes: the fastest, or what AICHAIN_NATIVE names; None
    where that is no set of ours, for then the libraries hash."""
    named = os.environ.get(ENGINE_VARIABLE)
    if named and named != GPU:
        return named if named in INSTRUCTION_SETS else None
    return next(iter(INSTRUCTION_SETS), None)
