"""The composition root of a node with two lanes: the same services around another core."""

from dataclasses import dataclass

import trio
from trio_typing import TaskStatus

from aichain.chain import Chain
from aichain.config import NodeConfig
from aichain.feed import Feed
from aichain.machine import Machine
from aichain.node.accuser import Accuser
from aichain.node.anchor_votes import AnchorVotes
from aichain.node.assemble import (
    NetworkFactory,
    archive_of,
    clock_watch_of,
    context_of,
    core_config,
    mempool_of,
    require_something_to_vouch_for,
    reveals_of,
    rpc_server,
)
from aichain.node.backend import NodeBackend
from aichain.node.ballots import Signer
from aichain.node.bodies import Bodies
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.electorates import Electorates
from aichain.node.faults import machine_of
from aichain.node.fork_report import ForkReport
from aichain.node.history import History, history_of
from aichain.node.home import open_home
from aichain.node.joiner import Handover
from aichain.node.lanes.alarms import Alarms
from aichain.node.lanes.answers import LaneAnswers
from aichain.node.lanes.ballots import LaneBallots
from aichain.node.lanes.caster import Caster
from aichain.node.lanes.certificates import LaneCertificates
from aichain.node.lanes.engine import LaneEngine, TimerKey, voters_of
from aichain.node.lanes.finalizer import LaneFinalizer
from aichain.node.lanes.fork_watch import LaneForkWatch
from aichain.node.lanes.inbound import LaneInbound
from aichain.node.lanes.instances import Instances
from aichain.node.lanes.performer import KeyHolder, LanePerformer, LaneServices
from aichain.node.lanes.probation import LaneProbation
from aichain.node.lanes.relay import Relay
from aichain.node.lanes.syncer import LaneSyncer
from aichain.node.lanes.upstream import Upstream
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.node.producer import Producer
from aichain.node.proofs import Proofs
from aichain.node.renewer import Renewer
from aichain.node.responder import Responder
from aichain.node.timers import Timers
from aichain.rpc.backend import BlockView
from aichain.rpc.server import RpcServer
from aichain.store.wal import VoteWal
from consensus.core.events import BlockExecuted, Started
from consensus.headers import block_ref
from consensus.lanes.checkpoints import first_checkpoint
from consensus.lanes.guard import SignedLanes
from consensus.lanes.probation import is_trusted, must_abstain
from consensus.lanes.records import LaneRecord, decode_lane_record, settled_number
from consensus.lanes.recovery import restore
from consensus.lanes.state import Lanes, LanesConfig
from consensus.lanes.step import step
from genesis import limits
from native.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class LaneNode:
    """Every service of a node with two lanes; `run` starts it as it starts any other."""

    config: NodeConfig
    chain: Chain
    wal: VoteWal | None
    engine: LaneEngine
    services: LaneServices
    context: NodeContext
    inbound: LaneInbound
    pool: TransactionPool
    syncer: LaneSyncer
    history: History
    finalizer: LaneFinalizer
    feed: Feed[BlockView]
    rpc: RpcServer

    @property
    def probation(self) -> LaneProbation | None:
        """On a validator whose vote log is new."""
        return None if self.services.holder is None else self.services.holder.probation

    @property
    def renewer(self) -> Renewer | None:
        """On a validator."""
        return None if self.services.holder is None else self.services.holder.renewer

    @property
    def accuser(self) -> Accuser | None:
        """On a validator."""
        return None if self.services.holder is None else self.services.holder.accuser

    async def decide(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Step until cancelled; raises ConsensusHalted when the hard lane says so."""
        clock = self.context.clock
        timers = Timers[TimerKey](clock, self.engine.timer_fired(clock))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run)
            nursery.start_soon(self.services.relay.run)
            performer = LanePerformer(self.engine, self.services, timers.set, nursery.start_soon)
            self.engine.post(Started(clock.now_ms()))
            task_status.started()
            await self.engine.step_forever(performer.perform)

    def close(self) -> None:
        """Release files and locks; after `run` has ended."""
        self.history.close()
        if self.wal is not None:
            self.wal.close()
        self.chain.close()


def assemble_lanes(
    config: NodeConfig,
    network_of: NetworkFactory,
    machine: Machine | None = None,
    before: Handover | None = None,
) -> LaneNode:
    """Build a node on its data directory, recovering what a crash left. Blocking."""
    document, machine = config.document, machine or machine_of(config.faults)
    (chain, wal), key = open_home(config, before=before), config.validator_key
    records = tuple(decode_lane_record(raw) for raw in wal.records()) if wal else ()
    context = context_of(config, network_of, machine, chain, before)
    lanes = restore_lanes(config, chain, records, context.electorates)
    engine, instances = LaneEngine(lanes, document.consensus), Instances(context.electorates)
    feed: Feed[BlockView] = Feed(capacity=limits.FEED_CAPACITY, max_readers=limits.FEED_READERS)
    ledger, alarms = LedgerWriter(chain, machine.run_blocking), Alarms(engine, context.metrics)
    pool = TransactionPool(mempool_of(document), chain, context)
    bodies = Bodies(ledger, pool, context, config.trust)
    finalizer = LaneFinalizer(ledger, pool, feed, context, lambda: engine.state, alarms)
    fork_watch, archive = LaneForkWatch(engine, chain, context), archive_of(config)
    certificates = LaneCertificates(engine, instances, fork_watch, context)
    reveals, own = reveals_of(config, chain), lanes.config.core.validator
    anchors = AnchorVotes(key, chain) if key else None
    producer = Producer(ledger, pool, context, own, reveals, anchors)
    syncer = LaneSyncer(engine, certificates, bodies, finalizer, fork_watch, context)
    relay, watch = relay_of(engine, context, key), clock_watch_of(context)
    holder, report = None, ForkReport(chain, wal, archive, config, machine.run_blocking)
    if key is not None and wal is not None and own is not None and anchors is not None:
        signer, proofs = Signer(key, wal, archive), Proofs(chain, records)
        ballots = LaneBallots(signer, signed_of(records), context, holds=proofs.holds)
        holder = KeyHolder(
            ballots=ballots,
            caster=Caster(engine, ballots, instances, producer, anchors, relay, context, own),
            accuser=Accuser(key, chain, pool, context, proofs, ballots.keep),
            renewer=Renewer(key, reveals, chain, pool, context),
            probation=probation_of(engine, context, ballots, syncer, watch, records),
        )
    inbound = LaneInbound(engine, certificates, bodies, pool, watch, relay, anchors, context)
    answers = LaneAnswers(engine, relay, chain, machine.clock)
    history = history_of(config, ledger, syncer, feed, archive, context)
    context.network.set_handler(Responder(chain, pool, answers, machine, history.shelf).answer)
    context.network.set_gossip_check(inbound.judge_gossip)
    backend = NodeBackend(chain, engine, pool, syncer, watch, feed, context, history.beside)
    services = LaneServices(
        instances, holder, relay, bodies, producer, finalizer, certificates, alarms, report, context
    )
    return LaneNode(
        config=config,
        chain=chain,
        wal=wal,
        engine=engine,
        services=services,
        context=context,
        inbound=inbound,
        pool=pool,
        syncer=syncer,
        history=history,
        finalizer=finalizer,
        feed=feed,
        rpc=rpc_server(config, backend, context.metrics, machine.clock),
    )


def restore_lanes(
    config: NodeConfig, chain: Chain, records: tuple[LaneRecord, ...], electorates: Electorates
) -> Lanes:
    """The lanes as they were: last decision, own signatures, durable blocks above the head."""
    document, head = config.document, block_ref(chain.head.head)
    epoch = head.height // document.consensus.epoch_blocks
    epochs = {
        number: voters_of(electorates, number, document.consensus) for number in (epoch, epoch + 1)
    }
    decided = chain.decisions.last
    checkpoint = (
        first_checkpoint(head, epochs[0].electorate.vset_hash)
        if decided is None
        else decided.checkpoint
    )
    abstain = config.validator_key is not None and must_abstain(records, checkpoint.number + 1)
    lanes = restore(
        LanesConfig(core_config(config), document.consensus.escape_ms),
        checkpoint,
        None if decided is None else decided.certificate,
        head,
        epochs,
        records,
        abstain=abstain,
    )
    me = epochs[epoch].electorate.index_of(lanes.config.core.validator)
    require_something_to_vouch_for(config, me=me, abstain=not is_trusted(records))
    for block in chain.execute_unfinalized():
        lanes, effects = step(lanes, BlockExecuted(block_ref(block.header), now_ms=0))
        assert not effects, "before they start the lanes only take note"
    return lanes


def relay_of(engine: LaneEngine, context: NodeContext, key: SigningKey | None) -> Relay:
    """What passes on the signatures of others, if we are one of those who pass them on."""
    return Relay(engine, Upstream(engine, context, b"" if key is None else key.public_key), context)


def probation_of(
    engine: LaneEngine,
    context: NodeContext,
    ballots: LaneBallots,
    syncer: LaneSyncer,
    watch: ClockWatch,
    records: tuple[LaneRecord, ...],
) -> LaneProbation | None:
    """Who has a new log, or lost its chain, is silent for a while."""
    if not engine.state.abstain:
        return None
    floor = settled_number(records) if is_trusted(records) else None
    return LaneProbation(engine, context, ballots, syncer, watch, floor)


def signed_of(records: tuple[LaneRecord, ...]) -> SignedLanes:
    """What the log says we signed, for the guard."""
    signed = SignedLanes()
    for record in records:
        signed = signed.after(record)
    return signed
