"""Many signatures in one call: what every caller of an engine uses."""

from collections.abc import Sequence

from native.backends import select_panel
from native.panel import Judged, Refusal
from native.signatures import SignatureItem


def verify_many(items: Sequence[SignatureItem]) -> list[bool]:
    """One verdict an item; an invalid one changes no other. Blocks: run it off the event loop.

    The items are of one author, who is to blame for any refusal: of them all OpenSSL is asked
    about the first.
    """
    while True:
        judged = judge_many(items)
        refusal = first_refusal(items, judged)
        is_wrong = refusal is not None and confirm_refusals([refusal]).verdicts[0]
        if not is_wrong and is_trusted(judged.engine):
            return judged.verdicts


def judge_many(items: Sequence[SignatureItem]) -> Judged:
    """The same for items of many authors: refusals have yet to be confirmed."""
    return select_panel().judge(items) if items else Judged([], "")


def judge_votes(items: Sequence[SignatureItem]) -> Judged:
    """`judge_many` for what must not wait behind floods."""
    return select_panel().judge_votes(items) if items else Judged([], "")


def is_trusted(engine: str) -> bool:
    """What an engine said is thrown away if it was found wrong before anybody made use of it."""
    return select_panel().is_trusted(engine)


def first_refusal(items: Sequence[SignatureItem], judged: Judged) -> Refusal | None:
    """What OpenSSL should look at, too, before it costs the author anything; None for nothing."""
    if all(judged.verdicts) or select_panel().is_reference(judged.engine):
        return None
    return Refusal(items[judged.verdicts.index(False)], judged.engine)


def confirm_refusals(refusals: Sequence[Refusal]) -> Judged:
    """OpenSSL's verdicts. An engine that was wrong is not used any more. Blocks: 0.3 ms each."""
    return select_panel().confirm(refusals)


def pin_keys(public_keys: Sequence[bytes]) -> None:
    """Whose signatures will come often, in place of those named before. Blocks for 20 µs a key."""
    select_panel().pin(public_keys)
