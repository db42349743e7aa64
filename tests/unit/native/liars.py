"""Engines that are wrong, for those who have to notice."""

from collections.abc import Callable, Sequence

from native.cpu import OpenSSLEngine
from native.engine import EngineFailed
from native.signatures import SignatureItem


class Liar(OpenSSLEngine):
    """Right until `lies` is set, so that it passes its test; then `lie` makes its verdicts."""

    name = "liar"

    def __init__(self, lie: Callable[[bool], bool]) -> None:
        super().__init__(1)
        self.lies = False
        self.calls = 0
        self._lie = lie

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        self.calls += 1
        truth = super().verify(items)
        return [self._lie(each) for each in truth] if self.lies else truth


class Broken(OpenSSLEngine):
    """Its device goes when `works` is taken away."""

    name = "broken"
    works = True

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        self._require_device()
        return super().verify(items)

    def pin(self, public_keys: Sequence[bytes]) -> None:
        self._require_device()

    def _require_device(self) -> None:
        if not self.works:
            raise EngineFailed("its device is gone")


def accepts_all(_truth: bool) -> bool:
    return True


def refuses_all(_truth: bool) -> bool:
    return False
