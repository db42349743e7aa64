"""The C++ kernels, if they were compiled when this was installed."""

__all__ = ["INSTRUCTION_SETS", "kernels"]

try:
    from native import _vector as kernels
except ImportError:  # installed without a C++ compiler
    kernels = None  # type: ignore[assignment]

INSTRUCTION_SETS: tuple[str, ...] = () if kernels is None else kernels.instruction_sets()
"""Those that this build and this processor have, the fastest first."""
