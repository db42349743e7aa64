"""The composition root: configuration in, a node out, top to bottom; nothing runs yet."""

from collections.abc import Callable
from dataclasses import dataclass

import trio
from trio_typing import TaskStatus

from aichain import __version__
from aichain.chain import Chain
from aichain.clock import Clock
from aichain.config import NodeConfig
from aichain.errors import ConfigError
from aichain.explorer.site import Explorer
from aichain.feed import Feed
from aichain.machine import Machine
from aichain.mempool import Mempool
from aichain.metrics import Metrics
from aichain.node.accuser import Accuser
from aichain.node.anchor_votes import AnchorVotes
from aichain.node.backend import NodeBackend
from aichain.node.ballots import Ballots, PostEvent, Signer
from aichain.node.bodies import Bodies
from aichain.node.certificates import CertificateDesk
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.electorates import Electorates
from aichain.node.engine import Engine, EngineServices
from aichain.node.faults import crash_points_of, machine_of, place_in_regions
from aichain.node.finalizer import Finalizer
from aichain.node.fork_report import ForkReport
from aichain.node.fork_watch import ForkWatch
from aichain.node.history import History, history_of
from aichain.node.home import open_home
from aichain.node.inbound import InboundDesk
from aichain.node.joiner import Handover
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.node.probation import ProbationWatch
from aichain.node.producer import Producer
from aichain.node.proofs import Proofs
from aichain.node.renewer import Renewer
from aichain.node.responder import Responder
from aichain.node.reveals import Reveals
from aichain.node.syncer import Syncer
from aichain.node.verifier import Verifier
from aichain.pace import stands_after_ms
from aichain.rpc.backend import BlockView
from aichain.rpc.limits import RpcLimits
from aichain.rpc.server import RpcServer
from aichain.rpc.settings import LOCAL_NAMES, RpcSettings
from aichain.rpc.unix_socket import fits
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.failpoints import CrashPoint
from aichain.store.paths import DataPaths
from aichain.store.wal import VoteWal
from consensus.core.events import BlockExecuted
from consensus.core.recovery import restore
from consensus.core.state import CoreConfig, State
from consensus.core.step import step
from consensus.guard import SignedSlots
from consensus.headers import block_ref
from consensus.instance import BlockRef
from consensus.records import ProofFound, Record, decode_record, is_trusted
from genesis import limits
from genesis.document import GenesisDocument
from genesis.epochs import epoch_after, first_height
from genesis.units import address_of_key
from p2p.network import Network
from p2p.settings import NetworkSettings, NodeIdentity

NetworkFactory = Callable[[NodeIdentity, NetworkSettings], Network]


@dataclass(frozen=True, slots=True)
class Node:
    """Every service of a node, made and connected, for `run` to start and for tests to look at."""

    config: NodeConfig
    chain: Chain
    wal: VoteWal | None
    engine: Engine
    services: EngineServices
    context: NodeContext
    inbound: InboundDesk
    pool: TransactionPool
    syncer: Syncer
    probation: ProbationWatch | None
    renewer: Renewer | None
    history: History
    finalizer: Finalizer
    feed: Feed[BlockView]
    rpc: RpcServer

    @property
    def accuser(self) -> Accuser | None:
        """Who brings proofs on chain; None on a node that only follows."""
        return self.services.accuser

    async def decide(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Step until cancelled; raises ConsensusHalted when safety is gone."""
        await self.engine.run(self.services, task_status=task_status)

    def close(self) -> None:
        """Release files and locks; after `run` has ended."""
        self.history.close()
        if self.wal is not None:
            self.wal.close()
        self.chain.close()


def assemble(
    config: NodeConfig,
    network_of: NetworkFactory,
    machine: Machine | None = None,
    before: Handover | None = None,
) -> Node:
    """Build a node on its data directory, recovering what a crash left. Blocking."""
    machine, key = machine or machine_of(config.faults), config.validator_key
    chain, wal = open_home(config, reached := crash_points_of(config.faults), before)
    records = tuple(decode_record(raw) for raw in wal.records()) if wal else ()
    context = context_of(config, network_of, machine, chain, before)
    engine = Engine(restore_core(config, chain, records, context.electorates))
    feed: Feed[BlockView] = Feed(capacity=limits.FEED_CAPACITY, max_readers=limits.FEED_READERS)
    ledger, archive = LedgerWriter(chain, machine.run_blocking), archive_of(config)
    pool = TransactionPool(mempool_of(config.document), chain, context)
    bodies = Bodies(ledger, pool, context, config.trust)
    finalizer = Finalizer(ledger, pool, feed, context, lambda: engine.state)
    certificates = CertificateDesk(engine, context)
    ballots, anchors, accuser, renewer = None, None, None, None
    reveals, own = reveals_of(config, chain), engine.state.config.validator
    if key is not None and wal is not None:
        anchors, proofs = AnchorVotes(key, chain), Proofs(chain, records)
        signer, post = Signer(key, wal, archive), anchors.watching(engine.post)
        ballots = ballots_of(signer, records, proofs.holds, context, post, reached)
        accuser = Accuser(key, chain, pool, context, proofs, ballots.keep)
        renewer = Renewer(key, reveals, chain, pool, context)
    clock_watch, watch = clock_watch_of(context), ForkWatch(engine, chain, context)
    inbound = InboundDesk(engine, certificates, bodies, pool, clock_watch, watch, context, anchors)
    syncer = Syncer(engine, bodies, finalizer, watch, context)
    history = history_of(config, ledger, syncer, feed, archive, context)
    context.network.set_handler(Responder(chain, pool, engine, machine, history.shelf).answer)
    context.network.set_gossip_check(inbound.judge_gossip)
    backend = NodeBackend(chain, engine, pool, syncer, clock_watch, feed, context, history.beside)
    return Node(
        config=config,
        chain=chain,
        wal=wal,
        engine=engine,
        services=EngineServices(
            ballots=ballots,
            bodies=bodies,
            producer=Producer(ledger, pool, context, own, reveals, anchors),
            finalizer=finalizer,
            accuser=accuser,
            fork_report=ForkReport(chain, wal, archive, config, machine.run_blocking),
            request_certificates=certificates.request,
            context=context,
        ),
        context=context,
        inbound=inbound,
        pool=pool,
        syncer=syncer,
        probation=probation_of(engine, chain, context, ballots, syncer),
        renewer=renewer,
        history=history,
        finalizer=finalizer,
        feed=feed,
        rpc=rpc_server(config, backend, context.metrics, machine.clock),
    )


def probation_of(
    engine: Engine,
    chain: Chain,
    context: NodeContext,
    ballots: Ballots | None,
    syncer: Syncer,
) -> ProbationWatch | None:
    """Whoever watches a validator whose log is new; None for all others."""
    if ballots is None or not engine.state.abstain:
        return None
    return ProbationWatch(engine, chain, context, ballots, syncer)


def mempool_of(document: GenesisDocument) -> Mempool:
    """Room for some blocks."""
    return Mempool(max_weight=limits.MEMPOOL_BLOCKS * document.fees.max_block_weight)


def context_of(
    config: NodeConfig,
    network_of: NetworkFactory,
    machine: Machine,
    chain: Chain,
    before: Handover | None,
) -> NodeContext:
    """What nearly every service needs; the network knows the validators before it runs."""
    network = network_of(node_identity(config), network_settings(config))
    if before is not None:
        network.standings = before.standings
    place_in_regions(network, config.document, on=config.faults.regions)
    metrics = Metrics(network=config.document.name, version=__version__)
    context = NodeContext(
        document=config.document,
        electorates=Electorates(chain),
        network=network,
        verifier=Verifier(machine.run_blocking, metrics),
        metrics=metrics,
        clock=machine.clock,
        run_blocking=machine.run_blocking,
    )
    context.serve_validators()
    return context


def ballots_of(
    signer: Signer,
    records: tuple[Record, ...],
    holds: Callable[[ProofFound], bool],
    context: NodeContext,
    post: PostEvent,
    reached: CrashPoint,
) -> Ballots:
    """Whoever signs for this node, knowing what its log says that it signed."""
    slots, size = slots_of(records), limits.WAL_PRUNE_BYTES
    return Ballots(signer, slots, context, post, holds=holds, prune_bytes=size, reached=reached)


def clock_watch_of(context: NodeContext) -> ClockWatch:
    """Whoever compares our clock with the proposals of the others."""
    return ClockWatch(context.document.consensus, context.electorates)


def archive_of(config: NodeConfig) -> CertificateArchive:
    """Where certificates go that leave the vote log."""
    return CertificateArchive(DataPaths(config.data_dir).certificates)


def restore_core(
    config: NodeConfig,
    chain: Chain,
    records: tuple[Record, ...],
    electorates: Electorates,
) -> State:
    """The core as it was: last final block, own signatures, durable blocks above the head.

    A validator abstains until its log says that it may sign, however often it was started.
    """
    epoch_blocks = config.document.consensus.epoch_blocks
    tip = block_ref(chain.head.head)
    epoch = epoch_after(tip.height, epoch_blocks)
    state = restore(
        core_config(config),
        _block_at(chain, first_height(epoch, epoch_blocks) - 1),
        tip,
        chain.blocks.certificate_at(tip.height),
        {number: electorates.electorate(number) for number in (epoch, epoch + 1)},
        records,
        abstain=config.validator_key is not None and not is_trusted(records),
    )
    require_something_to_vouch_for(config, me=state.me, abstain=state.abstain)
    for block in chain.execute_unfinalized():
        state, effects = step(state, BlockExecuted(block_ref(block.header), now_ms=0))
        assert not effects, "before it starts the core only takes note"
    return state


def core_config(config: NodeConfig) -> CoreConfig:
    """What does not change while the node runs."""
    consensus, key = config.document.consensus, config.validator_key
    return CoreConfig(
        genesis_hash=config.document.hash,
        epoch_blocks=consensus.epoch_blocks,
        block_time_ms=consensus.block_time_ms,
        delta_ms=config.delta_ms or consensus.delta_ms,
        clock_offset_ms=consensus.clock_offset_ms,
        validator=address_of_key(key.public_key) if key else None,
    )


def reveals_of(config: NodeConfig, chain: Chain) -> Reveals:
    """Our onion, made before the first turn: it takes longer than a turn lasts."""
    reveals = Reveals(config.validator_key)
    if config.validator_key is not None:
        reveals.prepare(chain.head)
    return reveals


def slots_of(records: tuple[Record, ...]) -> SignedSlots:
    """What the log says we signed, for the guard."""
    slots = SignedSlots()
    for record in records:
        slots = slots.after(record)
    return slots


def node_identity(config: NodeConfig) -> NodeIdentity:
    """Who we are to peers."""
    return NodeIdentity(
        network_id=config.document.network_id,
        genesis_hash=config.document.hash,
        node_seed=config.node_seed,
        validator_key=config.validator_key,
        agent=agent_of(config.moniker),
    )


def agent_of(moniker: str) -> str:
    """What peers see of our version and name, cut to what a hello may hold."""
    start, end = f"aichain/{__version__} (", ")"
    room = limits.AGENT_MAX_BYTES - len(start) - len(end)
    return start + moniker.encode()[:room].decode(errors="ignore") + end


def network_settings(config: NodeConfig) -> NetworkSettings:
    """Where we listen and whom we dial."""
    return NetworkSettings(
        listen=config.p2p_listen.multiaddr,
        announce=config.p2p_announce,
        bootstrap=config.bootstrap,
        loopback_only=config.loopback_only,
    )


def rpc_server(
    config: NodeConfig, backend: NodeBackend, metrics: Metrics, clock: Clock
) -> RpcServer:
    """The one listener of programs and, where it is wanted, of people."""
    site = Explorer(backend, config.document) if config.explorer else None
    return RpcServer(backend, rpc_settings(config), metrics, clock, site)


def rpc_settings(config: NodeConfig) -> RpcSettings:
    """Where RPC listens and whom it trusts."""
    return RpcSettings(
        host=config.rpc_listen.host,
        port=config.rpc_listen.port,
        hosts=LOCAL_NAMES | frozenset(config.rpc_hosts),
        origins=frozenset(config.rpc_cors),
        faults=config.allow_faults,
        socket=config.rpc_socket if fits(config.rpc_socket) else None,
        tokens=config.rpc_tokens,
        fleet=config.fleet,
        ready_within_ms=stands_after_ms(config.document),
        limits=RpcLimits(),
    )


def require_something_to_vouch_for(config: NodeConfig, *, me: int | None, abstain: bool) -> None:
    """Refuse the flag where it means nothing: left in a service file it would act unseen later."""
    if not config.vouch_for_vote_log or (me is not None and abstain):
        return
    cause = "its vote log is not new" if me is not None else "this node is not a validator"
    raise ConfigError(
        reason=f"there is nothing to vouch for: {cause}",
        fix="start it without --vouch-for-vote-log",
    )


def _block_at(chain: Chain, height: int) -> BlockRef:
    header = chain.head.head if height == chain.head.head.height else None
    header = header or chain.blocks.header_at(height)
    assert header is not None, "every height up to the head has a block"
    return block_ref(header)
