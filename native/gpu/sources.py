"""The kernels as one text: what NVRTC compiles, with our headers in place of their includes."""

import re
from pathlib import Path

MAIN = Path(__file__).parents[1].joinpath("kernels", "gpu", "kernels.cu")

COMPILER_OPTIONS = ("-std=c++17",)

_INCLUDE = re.compile(r'^#include "([^"]+)"\n', re.MULTILINE)


def translation_unit() -> str:
    """One text without includes of ours: a cache that is keyed by it sees every change."""
    return _inlined(MAIN, set())


def texts() -> set[Path]:
    """The files that it is made of."""
    seen: set[Path] = set()
    _inlined(MAIN, seen)
    return seen


def _inlined(path: Path, seen: set[Path]) -> str:
    if path in seen:
        return ""
    seen.add(path)
    text = path.read_text(encoding="utf-8").replace("#pragma once\n", "")

    def included(found: re.Match[str]) -> str:
        return _inlined(path.parent.joinpath(found[1]).resolve(), seen)

    return _INCLUDE.sub(included, text)
