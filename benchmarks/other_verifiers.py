"""ML-DSA-65 by others, where they are installed: the pure-Python `mldsa`, and liboqs.

pip install 'aichain[bench]'    brings mldsa
pip install liboqs-python       is all of it only where liboqs has been built and installed
"""

import ctypes.util
import importlib
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from native.signatures import SignatureItem

LIBOQS_NAME = "ML-DSA-65"

Check = Callable[[], list[bool]]
"""Verifies the same items each time."""


def other_verifiers(items: Sequence[SignatureItem]) -> Iterator[tuple[str, Check]]:
    """Names and checks of what is here: with keys that were parsed before, then with new ones."""
    mldsa = _mldsa()
    if mldsa is not None:
        name = f"mldsa {importlib.metadata.version('mldsa')} (pure Python)"
        keys = {item.public_key: mldsa.VerificationKey(item.public_key) for item in items}
        yield name, partial(_by_mldsa, mldsa, keys.__getitem__, items)
        yield f"{name}, keys never seen", partial(_by_mldsa, mldsa, mldsa.VerificationKey, items)
    oqs = _liboqs()
    if oqs is not None:
        name = f"liboqs {oqs.oqs_version()}, keys never seen"  # it keeps none
        yield name, partial(_by_liboqs, oqs, items)


def _mldsa() -> ModuleType | None:
    return importlib.import_module("mldsa") if _provides("mldsa", "mldsa") else None


def _liboqs() -> ModuleType | None:
    """liboqs-python, which is imported as `oqs`; the PyPI package `oqs` is something else.

    Where it finds no library, importing it would fetch the source and build it: not here.
    """
    if not _provides("oqs", "liboqs-python") or not _has_library():
        return None
    oqs = importlib.import_module("oqs")
    enabled = hasattr(oqs, "Signature") and LIBOQS_NAME in oqs.get_enabled_sig_mechanisms()
    return oqs if enabled else None


def _provides(module: str, distribution: str) -> bool:
    """Whether that distribution, and no other, holds the module."""
    return importlib.metadata.packages_distributions().get(module) == [distribution]


def _has_library() -> bool:
    root = Path(os.environ.get("OQS_INSTALL_PATH", Path.home() / "_oqs"))
    folders = (root / "lib", root / "lib64")
    return ctypes.util.find_library("oqs") is not None or any(
        (folder / "liboqs.so").exists() for folder in folders
    )


def _by_mldsa(
    mldsa: ModuleType, key_of: Callable[[bytes], object], items: Sequence[SignatureItem]
) -> list[bool]:
    verdicts = []
    for item in items:
        try:
            mldsa.VerificationKey.verify(
                key_of(item.public_key), item.signature, item.message, context=item.context
            )
        except mldsa.VerificationError:
            verdicts.append(False)
        else:
            verdicts.append(True)
    return verdicts


def _by_liboqs(oqs: ModuleType, items: Sequence[SignatureItem]) -> list[bool]:
    with oqs.Signature(LIBOQS_NAME) as verifier:
        check = verifier.verify_with_ctx_str
        return [
            check(each.message, each.signature, each.context, each.public_key) for each in items
        ]
