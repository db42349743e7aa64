"""Engines under OpenSSL's eyes: who is wrong once is out, and the verdict is OpenSSL's."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from native import backends, batch
from native.backends import ENGINES, view_engines
from native.batch import verify_many
from native.cpu import OpenSSLEngine
from native.known_answers import wrong_answer
from native.panel import AUDIT_ONE_IN, Panel, Refusal
from native.signatures import SignatureItem, SigningKey
from tests.unit.native.liars import Broken, Liar, accepts_all, refuses_all

KEY = SigningKey.from_seed(bytes(32))
GOOD = SignatureItem(KEY.public_key, b"m", b"c", KEY.sign(b"m", b"c"))
BAD = replace(GOOD, message=b"another")
EITHER = pytest.mark.parametrize("lie", [accepts_all, refuses_all])


def always(_below: int) -> int:
    """Draws that look at the first item of each batch."""
    return 0


def never(below: int) -> int:
    """Draws that look at no item of batches smaller than `AUDIT_ONE_IN`."""
    return below - 1


def lying(lie: Callable[[bool], bool], draw: Callable[[int], int]) -> tuple[Panel, Liar]:
    liar = Liar(lie)
    panel = Panel(OpenSSLEngine(1), liar, draw=draw)
    assert (panel.name, panel.faults) == ("liar", ())
    liar.lies = True
    return panel, liar


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_here_knows_the_answers(name: str) -> None:
    assert wrong_answer(ENGINES[name]()) == ""


@pytest.mark.parametrize("lie", [accepts_all, refuses_all, lambda truth: not truth])
def test_who_gives_a_wrong_answer_at_the_start_is_never_asked(lie: Callable[[bool], bool]) -> None:
    liar = Liar(lie)
    liar.lies = True
    panel = Panel(OpenSSLEngine(1), liar)
    asked = liar.calls
    assert panel.judge([GOOD, BAD]).verdicts == [True, False]
    assert (panel.name, liar.calls) == ("openssl", asked)
    assert "in its test it answered" in str(panel.faults[0])


def test_one_wrong_lane_of_a_vector_is_noticed_at_the_start() -> None:
    class OneLane(OpenSSLEngine):
        def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
            verdicts = super().verify(items)
            return [each or place % 16 == 5 for place, each in enumerate(verdicts)]

    assert wrong_answer(OneLane(1)) != ""


@EITHER
def test_an_audit_puts_a_liar_into_quarantine_and_openssl_decides(
    lie: Callable[[bool], bool],
) -> None:
    panel, liar = lying(lie, always)
    items = [BAD, GOOD] if lie is accepts_all else [GOOD, BAD]
    judged = panel.judge(items)
    assert judged.verdicts == [item is GOOD for item in items]
    assert judged.engine == panel.name == "openssl"
    assert [fault.engine for fault in panel.faults] == ["liar"]
    asked = liar.calls
    assert panel.judge(items * 40).verdicts == [item is GOOD for item in items] * 40
    assert liar.calls == asked


def test_a_refusal_is_confirmed_before_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, liar = lying(refuses_all, never)
    for module in (backends, batch):
        monkeypatch.setattr(module, "select_panel", lambda: panel)
    assert verify_many([GOOD, GOOD, BAD]) == [True, True, False]
    assert liar.name in str(view_engines())
    assert "it refused a signature that OpenSSL finds valid" in str(view_engines())


def test_of_one_authors_refusals_openssl_is_asked_about_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel, liar = lying(lambda truth: truth, never)
    for module in (backends, batch):
        monkeypatch.setattr(module, "select_panel", lambda: panel)
    asked = list[int]()

    def confirm(refusals: Sequence[Refusal]) -> object:
        asked.append(len(refusals))
        return Panel.confirm(panel, refusals)

    monkeypatch.setattr(panel, "confirm", confirm)
    assert verify_many([BAD] * 50) == [False] * 50
    assert asked == [1]
    assert panel.name == liar.name


def test_one_in_so_many_verdicts_is_audited() -> None:
    asked = list[int]()

    class Counting(OpenSSLEngine):
        def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
            asked.append(len(items))
            return [True] * len(items)

    class Quick(Liar):
        def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
            return [True] * len(items) if self.lies else super().verify(items)

    quick, draw = Quick(accepts_all), random.Random(1)
    panel = Panel(Counting(1), quick, draw=draw.randrange)
    quick.lies = True
    batches, size = 300, 1_000
    for _ in range(batches):
        panel.judge([GOOD] * size)
    expected = batches * size / AUDIT_ONE_IN
    assert 0.6 * expected < len(asked) < 1.4 * expected
    asked.clear()
    panel.judge([GOOD] * (3 * AUDIT_ONE_IN))
    assert len(asked) == 3


def test_a_batch_under_way_when_its_engine_is_found_wrong_is_openssls() -> None:
    class Overtaken(Liar):
        def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
            verdicts = super().verify(items)
            if self.lies:
                panel.confirm([Refusal(GOOD, self.name)])  # as another thread does
            return verdicts

    liar = Overtaken(accepts_all)
    panel = Panel(OpenSSLEngine(1), liar, draw=never)
    liar.lies = True
    judged = panel.judge([BAD, GOOD])
    assert (judged.verdicts, judged.engine) == ([False, True], "openssl")


def test_an_engine_that_fails_gives_way() -> None:
    broken = Broken(1)
    panel = Panel(OpenSSLEngine(1), broken)
    assert panel.judge([GOOD]).engine == "broken"
    broken.works = False
    assert panel.judge([GOOD, BAD]).verdicts == [True, False]
    assert str(panel.faults[0]) == "broken is in quarantine: its device is gone"


def test_openssl_alone_is_not_asked_twice() -> None:
    panel = Panel(OpenSSLEngine(1), draw=lambda _: pytest.fail("there is nothing to audit"))
    assert panel.judge([GOOD, BAD]).verdicts == [True, False]
    assert panel.is_reference(panel.name)
