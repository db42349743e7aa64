"""The page of bounds names limits that exist, with their values, and sums that follow from them."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from genesis import limits
from genesis.committee import COMMITTEE_SEATS
from genesis.limits import SIGNATURE_WEIGHT
from genesis.params import FeeParams
from p2p import libp2p_guard_yamux as yamux

PAGE = Path(__file__).parents[3] / "aichain" / "BOUNDS.md"
STATED = re.compile(r"`([a-z0-9_.]*[A-Z][A-Z_]+)` ([\d,]*\d)")
MIB = 2**20

# About, in bytes: with what stands around them in memory.
VOTE, SIGNATURE, VERIFIED, ACCUSATION = 3_400, 3_309, 5_500, 20 * 1024
NUMBERED_ID, KNOWN_ID, ASKED_ID, SEEN_ID, PASSED, WISHED = 73, 96, 104, 120, 180, 64
WINDOW = 256 * 1024
VERIFY_LANES, PHASES, LIBRARY_QUEUE = 5, 3, 32

STRANGE_CONNECTIONS = limits.INBOUND_CONNECTIONS_MAX - limits.PEERS_MAX
FRAMES_OF_A_PEER = (
    2 * limits.PUSHED_MAX_BYTES
    + 2 * limits.ANNOUNCEMENT_MAX_BYTES
    + limits.GOSSIP_MAX_BYTES
    + (limits.REQUEST_STREAMS_PER_PEER_MAX + 1) * limits.REQUEST_MAX_BYTES
)
VIEWS = limits.VIEWS_AHEAD_MAX + limits.VIEWS_BEHIND_MAX
MEMBERS = limits.ELECTORATE_MEMBERS_MAX
IDS_IN_A_BLOCK = FeeParams().max_block_weight // SIGNATURE_WEIGHT
ASKED_PEERS = 2 * limits.PEERS_MAX + limits.FETCH_TASKS

WORST = {
    "bytes of streams before a hello": STRANGE_CONNECTIONS * yamux.STREAMS_BEFORE_HELLO * WINDOW,
    "unfinished frames": limits.PEERS_MAX * FRAMES_OF_A_PEER,
    "answers to our questions": limits.PEERS_MAX
    * limits.REQUEST_STREAMS_PER_PEER_MAX
    * limits.RESPONSE_MAX_BYTES,
    "messages for the node": limits.INBOUND_QUEUE_BYTES_MAX,
    "frames to a peer: votes": limits.QUEUED_BYTES_PER_PEER_MAX,
    "frames to a peer: announcements": limits.PEERS_MAX * limits.QUEUED_ANNOUNCED_BYTES_MAX,
    "answers being written": (limits.ANSWERS_AT_ONCE_MAX + limits.ANSWERS_WAITING_MAX)
    * limits.RESPONSE_MAX_BYTES,
    "gossip to a peer": LIBRARY_QUEUE * limits.GOSSIP_MAX_BYTES,
    "gossip that is checked": limits.GOSSIP_CHECKS_AT_ONCE_MAX * limits.GOSSIP_MAX_BYTES,
    "ids of gossip": limits.GOSSIP_IDS_MAX * SEEN_ID,
    "points and bans, quotas, accounts of what was served": 3 * limits.PEER_STANDINGS_MAX * 1_024,
    "rates of hosts": limits.HOSTS_REMEMBERED_MAX * 256,
    "addresses": limits.KNOWN_ADDRESSES_MAX * 4 * limits.ADDRESS_MAX_BYTES,
    "tasks that verify": limits.INBOUND_TASKS_MAX * limits.PUSHED_MAX_BYTES,
    "signatures that wait, five lanes": VERIFY_LANES * limits.VERIFY_QUEUE_ITEMS * VERIFIED,
    "events for the core": limits.ENGINE_EVENTS_MAX // 2 * VOTE,
    "votes in views ahead": limits.VIEWS_AHEAD_MAX * PHASES * MEMBERS * VOTE,
    "certificates in views": VIEWS * PHASES * MEMBERS * SIGNATURE,
    "lists of proposed blocks": limits.CANDIDATE_BLOCKS_MAX * IDS_IN_A_BLOCK * NUMBERED_ID,
    "executed blocks": limits.UNFINALIZED_BYTES,
    "transactions that wait": limits.MEMPOOL_BYTES,
    "transactions lately final": limits.RECENT_TRANSACTIONS_BYTES,
    "ids that a peer knows": limits.PEERS_MAX * limits.KNOWN_TRANSACTIONS_PER_PEER * KNOWN_ID,
    "ids to ask a peer for": ASKED_PEERS * limits.FETCHING_TRANSACTIONS_PER_PEER * ASKED_ID,
    "accusations": limits.ACCUSATIONS_MAX * ACCUSATION,
    "proofs, also in the vote log": limits.ACCUSATIONS_MAX * limits.PROOF_MAX_BYTES,
    "evidence for who asks": limits.EVIDENCE_KEPT_MAX * limits.PROOF_MAX_BYTES,
    "late votes for an anchor": limits.GENESIS_VALIDATORS_MAX * VOTE,
    "questions about forks": limits.FORK_QUESTIONS_REMEMBERED * 1_024,
    "decisions told by gossip, to be weighed": limits.FORK_QUESTIONS_AT_ONCE
    * limits.GOSSIP_MAX_BYTES,
    "decisions that led elsewhere": limits.FORK_QUESTIONS_AT_ONCE
    * limits.LANE_MEMBERS_MAX
    * SIGNATURE,
    "certificates of terms that wait": 2
    * limits.TERM_CERTIFICATES_MAX
    * COMMITTEE_SEATS
    * SIGNATURE,
    "checkpoints of a ballot": limits.CHECKPOINTS_KNOWN_MAX * 1_024,
    "what was passed on": limits.RELAYED_SLOTS_MAX * limits.RELAYED_PER_SLOT_MAX * PASSED,
    "wishes of relays' peers": limits.PEERS_MAX * 2 * limits.LANE_MEMBERS_MAX * WISHED,
    "peers that did not deliver": limits.UNRELIABLE_PEERS_MAX * 256,
    "certificates that convict": limits.CERTIFICATE_ARCHIVE_BYTES,
    "vote log": limits.WAL_MAX_BYTES,
}


def rows() -> list[dict[str, str]]:
    """Each line of a table by the names of its columns."""
    found, head = list[dict[str, str]](), list[str]()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not head:
            head = cells
        elif not set(line) <= set("|-"):
            found.append(dict(zip(head, cells, strict=True)))
    return found


STATEMENTS = sorted({pair for row in rows() for pair in STATED.findall(" ".join(row.values()))})


def test_the_page_states_limits() -> None:
    assert len(STATEMENTS) > 60


@pytest.mark.parametrize(("name", "stated"), STATEMENTS)
def test_a_limit_has_the_value_that_the_page_says(name: str, stated: str) -> None:
    module, _, attribute = name.rpartition(".")
    place = import_module(module) if module else limits
    assert getattr(place, attribute) == int(stated.replace(",", ""))


def test_the_sums_follow_from_the_limits() -> None:
    stated = {
        row["what"]: int(row["at worst"].replace(",", ""))
        for row in rows()
        if row.get("at worst", "-") != "-"
    }
    assert stated == {what: -(-size // MIB) for what, size in WORST.items()}
