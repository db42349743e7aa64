"""Random histories of a ledger: wishes of a few people, block by block."""

from typing import Any, TypeAlias

from hypothesis import strategies as st

from genesis.document import GenesisDocument
from genesis.units import AI, U128_MAX
from tests.builders_evidence import make_evidence, make_participation, report
from tests.builders_vm import (
    FOUNDER_STAKE,
    PURSE,
    address,
    build,
    make_registration,
    make_transaction,
    seal,
)
from vm.apply import apply_block
from vm.genesis_block import genesis_state
from vm.queries import account_view
from vm.state import State
from vm.transactions import (
    Body,
    Role,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    VerifiedTransaction,
    Withdraw,
)

Wish: TypeAlias = dict[str, Any]
History: TypeAlias = list[list[Wish]]

PEOPLE = 10  # two founders, six purses, two without an account
AMOUNTS = st.one_of(
    st.integers(1, 10),
    st.integers(1, 3_000).map(lambda whole: whole * AI),
    st.sampled_from([FOUNDER_STAKE, PURSE - AI, PURSE, PURSE + 1, U128_MAX]),
)
USUALLY = [True] * 7 + [False]


@st.composite
def bodies(draw: st.DrawFn, sender: int) -> Body:
    """Mostly what could work for this sender."""
    own = draw(st.sampled_from(USUALLY))
    target = address(sender if own else draw(st.integers(0, PEOPLE - 1)))
    role = Role.VALIDATOR if draw(st.sampled_from(USUALLY)) else draw(st.sampled_from(Role))
    match draw(st.sampled_from("ttttrrssuuuwwj")):
        case "t":
            return Transfer(address(draw(st.integers(0, PEOPLE - 1))), draw(AMOUNTS))
        case "r":
            stake = draw(st.sampled_from([AI, 2_000 * AI, 2_500 * AI]))
            return make_registration(draw(st.integers(40, 43)), stake=stake)
        case "s":
            return Stake(role, target, draw(AMOUNTS))
        case "u":
            return Unstake(role, target, draw(AMOUNTS))
        case "w":
            return Withdraw()
        case _:
            return Unjail()


@st.composite
def accusations(draw: st.DrawFn) -> Wish:
    """Evidence of double signing against somebody, of this epoch or the one before or after."""
    return {
        "sender": draw(st.sampled_from([1, 3, 8, 9])),
        "accused": draw(st.sampled_from([0, 1, 2, 2, 3, 3, 4, 4, 5])),
        "epochs": draw(st.sampled_from([0, 0, 0, -1, 1])),
    }


@st.composite
def attendances(draw: st.DrawFn) -> Wish:
    """Votes for the last block of the last epoch that ended."""
    places = draw(st.sampled_from([(0,), (1,), (0, 1), (0, 1), (0, 1, 2), (2,)]))
    return {"sender": draw(st.sampled_from([0, 2, 9])), "votes": places}


@st.composite
def intentions(draw: st.DrawFn) -> Wish:
    """A sender's wish; `nonce` is how far ahead of its turn it is."""
    sender = draw(st.sampled_from([0, 0, 1, 2, 2, 3, 4, 5, 8]))
    usual = draw(st.sampled_from(USUALLY))
    return {
        "body": draw(bodies(sender)),
        "sender": sender,
        "fee_max": AI if usual else draw(st.sampled_from([10**14, 0])),
        "tip": draw(st.sampled_from([0, 5, AI])) if usual else 2 * PURSE,
        "nonce": 0 if usual else draw(st.integers(0, 2)),
    }


WISHES = st.one_of(*[intentions()] * 8, accusations(), attendances())
HISTORIES = st.lists(st.lists(WISHES, max_size=6), min_size=1, max_size=8)


def candidates_of(state: State, wishes: list[Wish]) -> list[VerifiedTransaction]:
    """Sealed transactions; `nonce` is relative, and consecutive for one sender."""
    ahead: dict[int, int] = {}
    candidates: list[VerifiedTransaction] = []
    for wish in wishes:
        sender = wish["sender"]
        if "accused" in wish:
            epoch = max(0, epoch_of_next(state) + wish["epochs"])
            evidence = make_evidence(state, wish["accused"], epoch=epoch)
            candidates.append(report(evidence, sender=sender))
            continue
        if "votes" in wish:
            epoch = max(0, epoch_of_next(state) - 1)
            body = make_participation(state, *wish["votes"], epoch=epoch)
            candidates.append(report(body, sender=sender))
            continue
        account = account_view(state, address(sender))
        nonce = account.nonce + ahead.get(sender, 0) + wish["nonce"]
        ahead[sender] = ahead.get(sender, 0) + 1
        transaction = make_transaction(**(wish | {"nonce": nonce}))
        candidates.append(seal(transaction, reveal=account.algorithm == 0, sender=sender))
    return candidates


def run(history: History, document: GenesisDocument) -> list[State]:
    """Every block built by one node and applied by another; the states, oldest first."""
    states = [genesis_state(document)]
    for wishes in history:
        parent = states[-1]
        built = build(
            parent, candidates_of(parent, wishes), proposer_index=turn(parent, len(states))
        )
        after, receipts = apply_block(parent, built.block)
        assert receipts == built.receipts
        assert after.changes == built.state.changes
        assert after.root == built.state.root
        states.append(after)
    return states


def turn(parent: State, view: int) -> int:
    """The place of whoever proposes on this parent."""
    voters = parent.validators_of(epoch_of_next(parent))
    assert voters is not None
    return view % len(voters)


def epoch_of_next(state: State) -> int:
    """The epoch of the next block."""
    return state.head.height // state.document.consensus.epoch_blocks
