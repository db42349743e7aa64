"""All Byzantine members as one rushing adversary, which sees every honest vote at once.

It may vote for everything, and hand any certificate that honest votes and its own weight allow to
anybody at any time. Its moods are those of the table in consensus/lanes/README.md.
"""

from dataclasses import replace

from consensus.instance import Instance
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import Close, CloseMessage, SignedClose
from consensus.votes import Lane, SignedVote, Vote, VotePhase
from native.hashing import Hash32
from tests.builders_consensus import GENESIS
from tests.simulation.lanes.means import Front, Means
from tests.simulation.lanes.proposers import EvilProposers
from tests.simulation.lanes.scenario import BLOCK_TIME_MS, DELTA_MS, ESCAPE_MS, TICK_MS
from tests.simulation.lanes.twins import TWINS, Twins
from tests.simulation.lanes.world import World

EVERYBODY = 999
OBEDIENT = ("coop", "silent", "chase", "feed", "strike")
STEADY = ("split", "drip", "strike", "help")
WORKING_VIEWS = 2
"""How long those who strike go along: some blocks become fast, then the committee is dead."""
MUTE = ("silent", "chase", "feed", TWINS)
"""A lie about tips by a captured committee would help: its CLOSEs are proof enough to restart."""
LEAVE_MS = (0, 100, 500, 3_000, 9_750, 10_750, 11_500)
CHASES_MAX = 60
FORGERIES = ("short", "signature repeated", "another instance")
FORGED_EVERY = 97
VOTE_WITHHELD = "vote withheld"
VOTE_TO_SOME = "vote to some only, or late"
COMMIT_WITHHELD = "certificate of COMMITs held back"
LAST_MOMENT = "FINAL just before the term stalls"
VOTED = (VOTE_WITHHELD, VOTE_TO_SOME, COMMIT_WITHHELD, LAST_MOMENT)


class Rushing:
    """One mood for each instance, drawn when it begins."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.means = Means(world)
        self.proposers = EvilProposers(self.means)
        self.twins = Twins(self.means, self.proposers)
        self.rng = self.means.rng
        self.votes_seen = 0

    # --- what it is told ------------------------------------------------------------------------

    def on_instance(self, lane: Lane, number: int, instance: Instance) -> None:
        front = self.means.open_front(lane, number, instance)
        if front.mode == "feed" and front.bad >= front.quorum:
            self._later(20 * TICK_MS, lambda: self._capture(front, 0))

    def on_vote(self, signed: SignedVote) -> None:
        front = self.means.fronts[signed.vote.instance_id]
        if not front.evil:
            return
        first, certified = self.means.hear(front, signed)
        if front.mode == TWINS:
            self.twins.support(front, signed)
            return
        self._forge_now_and_then(front, signed.vote)
        if first and front.audience and not self._support(front, signed.vote):
            self.world.fault(VOTE_WITHHELD)
        if certified:
            self._within_reach(front, signed.vote)

    def _forge_now_and_then(self, front: Front, vote: Vote) -> None:
        """By a choice of its own, so that whatever else is drawn does not depend on it."""
        self.votes_seen += 1
        if self.votes_seen % FORGED_EVERY == 0:
            number = self.votes_seen // FORGED_EVERY
            if vote.phase is VotePhase.PREFER and number % 2:
                vote = replace(vote, phase=VotePhase.COMMIT)  # hardly anybody has said that yet
            self.means.forge(front, vote, FORGERIES[number % len(FORGERIES)])

    def on_view(self, instance_id: Hash32, view: int) -> None:
        front = self.means.fronts[instance_id]
        if front.instance.proposer(view) in front.evil and view not in front.led:
            front.led.add(view)
            leads = self.twins.lead if front.mode == TWINS else self.proposers.lead
            leads(front, view)

    def on_checkpoint(self, checkpoint: Checkpoint, instance_id: Hash32) -> None:
        """Somebody honest proposes a target: move it, if the committee is ours."""
        for front in self.means.fronts.values():
            ours = front.lane is Lane.FAST and front.number == checkpoint.number
            if ours and front.mode == "chase" and front.bad >= front.quorum:
                self._capture(front, -1)

    def on_close(self, member: int, message: CloseMessage) -> None:
        """The first CLOSE of a term: now old honest votes become certificates."""
        front = self.means.fronts[message.signed.close.instance_id]
        self.proposers.closes.setdefault(front.instance.id, {})[message.signed.voter_index] = (
            message.signed
        )
        if len(self.proposers.closes[front.instance.id]) != 1 or not front.evil:
            return
        moments = (1, 14, 16, 19, 30, 201)
        for vote in front.held_back:
            if self.rng.random() < 0.8:
                delay = TICK_MS * self.rng.choice(moments)
                self.means.release_later(front, vote, delay, self.rng.choice((1, 2, EVERYBODY)))
        if front.mode not in MUTE and self.rng.random() < 0.6:
            self._lie_about_tips(front)
        if front.mode == "capture" and front.bad >= front.quorum:
            self._later(3 * DELTA_MS, lambda: self._capture(front, 0))

    def on_blackout(self) -> None:
        """One node is shown what nobody else will remember."""
        member = self.rng.choice(self.means.live)
        node = self.world.nodes[member]
        live = set(node.state.instances()) if node.is_up else set()
        for front in self.means.fronts.values():
            if front.instance.id in live:
                for vote in front.held_back[-3:]:
                    certificate = self.means.certificate(front, vote)
                    if certificate is not None:
                        self.means.show(certificate, [member], 1)
                        self.world.fault("certificate shown to one node only")

    # --- votes ----------------------------------------------------------------------------------

    def _support(self, front: Front, vote: Vote) -> bool:
        """An honest vote for something new: do we join?"""
        mode, means, cancels = front.mode, self.means, vote.phase is VotePhase.CANCEL
        if mode in STEADY:
            if not self._joins(front, vote):
                return False
            means.vote(front, vote, front.audience, TICK_MS)
        elif (
            (cancels and self.rng.random() < 0.7)
            or mode == "coop"
            or (mode in ("late", "dribble") and vote.phase is VotePhase.PREFER)
        ):
            means.vote(front, vote, front.audience)
        elif mode == "slowp" and not cancels:
            delay = TICK_MS * self.rng.choice((1, 20, 90, 150))
            means.vote(front, vote, means.some(front.audience), delay)
            self.world.fault(VOTE_TO_SOME)
        elif mode in ("equiv", "random", "lie"):
            mood = self.rng.random()
            if mood < 0.4:
                means.vote(front, vote, front.audience)
            elif mood < 0.8:
                delay = TICK_MS * self.rng.choice((1, 3, 10, 40))
                means.vote(front, vote, means.some(front.audience), delay)
                self.world.fault(VOTE_TO_SOME)
            else:
                return False
        else:
            return False
        return True

    def _joins(self, front: Front, vote: Vote) -> bool:
        """Moods that know what they want."""
        prefers = vote.phase is VotePhase.PREFER
        match front.mode:
            case "split":
                return prefers and vote.view == 1
            case "drip":
                dry = prefers and self._is_dry(front)
                return dry or vote.phase is VotePhase.CANCEL
            case "strike":
                return vote.view <= WORKING_VIEWS
            case _:
                return True

    def _is_dry(self, front: Front) -> bool:
        """Everything COMMITted so far has been released: the next drop may form."""
        commits = [vote for vote in front.votes if vote.phase is VotePhase.COMMIT]
        shown = [vote for vote in front.certified if vote.phase is VotePhase.COMMIT]
        return len(commits) == len(shown)

    def _within_reach(self, front: Front, vote: Vote) -> None:
        """With our weight, a certificate exists: whose is it, and when?"""
        mode, means, rng = front.mode, self.means, self.rng
        commits = vote.phase is VotePhase.COMMIT
        if mode in OBEDIENT:
            return
        if mode == "drip":
            if commits:
                moment = self._first_stall(front) - 2 * DELTA_MS
                delay = max(1, moment - self.world.now)
                means.release_later(front, vote, delay, EVERYBODY)
                self.world.fault(LAST_MOMENT)
            return
        if mode == "split":
            self._split(front, vote)
            return
        if front.lane is Lane.FAST and commits and mode != "slowp":
            front.held_back.append(vote)
            self.world.fault(COMMIT_WITHHELD)
        if mode == "dribble" and commits:
            moment = self._first_stall(front) - TICK_MS * rng.randint(0, 4)
            delay = max(1, moment - self.world.now)
            means.release_later(front, vote, delay, rng.choice((1, 2, EVERYBODY)))
            self.world.fault(LAST_MOMENT)
        if mode in ("random", "equiv", "lie") and rng.random() < 0.5:
            delay = rng.choice(LEAVE_MS)
            means.release_later(front, vote, delay, rng.choice((1, 3, EVERYBODY)))

    def _split(self, front: Front, vote: Vote) -> None:
        """Keep a minority open by a late FINAL, close the rest, finish behind the restart."""
        if front.minority is None:
            front.minority = self._choose_minority(front)
        minority, closed = front.minority, self._first_closed(front)
        moment = self._first_stall(front) if closed is None else closed
        commits, first = vote.phase is VotePhase.COMMIT, vote.view == 1
        certificate = self.means.certificate(front, vote)
        if not minority or certificate is None:
            return
        if first and commits and self.world.scenario.kind.cut_ms and not self.world.was_cut:
            self.world.at(moment, lambda: self.world.cut_off(minority))
        if first:
            time = moment - TICK_MS
        elif vote.phase is VotePhase.PREFER:
            time = moment + 3 * DELTA_MS + TICK_MS * self.rng.randint(0, 6)
        else:
            time = moment
        show = lambda: self.means.show(certificate, minority, TICK_MS)  # noqa: E731
        self.world.at(time, show)

    def _choose_minority(self, front: Front) -> list[int]:
        scenario, chosen = self.world.scenario, list[int]()
        total = sum(scenario.stakes)
        rest = total - -(-69 * total // 100)
        seats = stake = 0
        slack = self.rng.choice((0, 0, 30))
        for member in self.rng.sample(list(self.means.live), len(self.means.live)):
            index = front.instance.electorate.index_of(scenario.members[member])
            if index is None or seats >= front.quorum - front.bad:
                continue
            if stake + scenario.stakes[member] <= rest + slack:
                chosen.append(member)
                seats += front.instance.electorate.weights[index]
                stake += scenario.stakes[member]
        return chosen

    # --- closing --------------------------------------------------------------------------------

    def _lie_about_tips(self, front: Front) -> None:
        """Our seats claim to have seen nothing."""
        close = Close(front.instance.id, 0, front.instance.start.id)
        members = self.means.some(self.means.live)
        delay = self.means.ticks(1, 20)
        for index in front.evil:
            signed = SignedClose(close, front.instance.epoch, front.number, index, b"")
            message = CloseMessage(signed, None)
            self.world.gossip_close(-1, message, groups=[(delay, list(members))])
        self.world.fault("lying CLOSE")

    def _capture(self, front: Front, round_: int) -> None:
        """Our committee notarizes one more block: tips move, or bodies never come."""
        if round_ > CHASES_MAX or front.number in self.world.checker.decided:
            return
        mode, instance = front.mode, front.instance
        known = [block for block in front.blocks.values() if block.id not in front.spoilt]
        parent = max(known, key=lambda block: block.view, default=None)
        view = (parent.view if parent else 0) + 1 + self.rng.randint(0, 1)
        if mode == "feed":
            view += 2 * max(0, round_)
        elif parent is not None and parent.height >= instance.last_height - 1:
            parent = front.blocks.get(parent.parent_id)
        withheld = mode == "feed" or (mode != "chase" and self.rng.random() < 1 / 3)
        base = instance.start if parent is None else parent
        block = self.means.make_block(front, view, base, parent.view if parent else 0, spoilt=False)
        if withheld:
            front.spoilt.add(block.id)
        everybody = mode in ("chase", "feed")
        to = list(self.means.live) if everybody else self.means.some(self.means.live)
        self.means.publish(block, flaw="withheld" if withheld else "")
        if not withheld:
            self.means.hand_body(block, to, TICK_MS)
        finals = mode == "feed" or self.rng.random() < 1 / 3
        phase = VotePhase.COMMIT if finals and mode != "chase" else VotePhase.PREFER
        vote = Vote(instance.id, phase, view, block.height, block.id)
        certificate = self.means.certificate(front, vote)
        assert certificate is not None, "the committee is ours"
        to = list(self.means.live) if everybody else self.means.some(self.means.live)
        self.means.show(certificate, to, TICK_MS if everybody else 0)
        self.world.fault("captured committee")
        if round_ >= 0:
            pause = 150 if mode == "feed" else self.rng.choice((8, 15, 25))
            self._later(pause * TICK_MS, lambda: self._capture(front, round_ + 1))

    # --- peeking --------------------------------------------------------------------------------

    def _later(self, delay: int, action: object) -> None:
        assert callable(action)
        self.world.at(self.world.now + delay, action)

    def _first_stall(self, front: Front) -> int:
        """When the first honest node would close this term for want of a FINAL."""
        moments = [
            term.last_final_ms - GENESIS.timestamp_ms + ESCAPE_MS
            for node in self.world.nodes.values()
            for term in node.state.terms
            if term.instance.id == front.instance.id
        ]
        return min(moments, default=self.world.now + BLOCK_TIME_MS)

    def _first_closed(self, front: Front) -> int | None:
        moments = [
            term.closed.at_ms - GENESIS.timestamp_ms
            for node in self.world.nodes.values()
            for term in node.state.terms
            if term.instance.id == front.instance.id and term.closed is not None
        ]
        return min(moments, default=None)
