"""Metrics: the names dashboards rely on, and no state shared between two nodes."""

from prometheus_client.parser import text_string_to_metric_families

from aichain.metrics import Metrics, Standing

STANDING = Standing(
    height=7,
    target_height=19,
    first_height=3,
    finalized_at_ms=1_500,
    epoch=1,
    view=9,
    syncing=True,
    voting=True,
    peers=3,
    snapshot_part=2,
    snapshot_parts=5,
    clock_offset_ms=-40,
    disk_total_bytes=1_000,
    disk_free_bytes=250,
    troubles={"clock": False, "index": True},
)


def samples(metrics: Metrics) -> dict[str, float]:
    return {
        sample.name
        + "".join(f"{{{k}={v}}}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_everything_an_operator_watches_is_there() -> None:
    metrics = Metrics(network="devnet", version="0.1.0")
    metrics.block_final(7, succeeded=3, failed=1, interval_ms=502)
    metrics.finality_took(60)
    metrics.stand(STANDING)
    metrics.block_took_views(2)
    metrics.network_is({"bans": 4})
    metrics.mempool_is(5, 20_000)
    metrics.vote_cast("prefer")
    metrics.vote_received("commit")
    metrics.wal_synced(0.004)
    metrics.rpc_called("aichain_status", 0.001)
    metrics.rpc_refused("nonce_mismatch")
    shown = samples(metrics)
    assert shown["aichain_height"] == 7
    assert shown["aichain_transactions_total{outcome=succeeded}"] == 3
    assert shown["aichain_transactions_total{outcome=failed}"] == 1
    assert shown["aichain_mempool_transactions"] == 5
    assert shown["aichain_peers"] == 3
    assert shown["aichain_target_height"] == 19
    assert shown["aichain_last_final_timestamp_seconds"] == 1.5
    assert shown["aichain_voting"] == 1
    assert shown["aichain_snapshot_parts{what=here}"] == 2
    assert shown["aichain_clock_offset_seconds"] == -0.04
    assert shown["aichain_disk_bytes{what=free}"] == 250
    assert shown["aichain_trouble{what=index}"] == 1
    assert shown["aichain_trouble{what=clock}"] == 0
    assert shown["aichain_network_total{what=bans}"] == 4
    assert shown["aichain_block_views_bucket{le=1.0}"] == 0
    assert shown["aichain_block_views_bucket{le=2.0}"] == 1
    assert shown["aichain_votes_total{direction=cast}{phase=prefer}"] == 1
    assert shown["aichain_finality_seconds_count"] == 1
    assert shown["aichain_finality_seconds_sum"] == 0.06
    assert shown["aichain_block_interval_seconds_bucket{le=0.505}"] == 1
    assert shown["aichain_block_interval_seconds_bucket{le=0.495}"] == 0
    assert shown["aichain_wal_fsync_seconds_count"] == 1
    assert shown["aichain_rpc_seconds_count{method=aichain_status}"] == 1
    assert shown["aichain_rpc_refusals_total{code=nonce_mismatch}"] == 1
    assert shown["process_resident_memory_bytes"] > 1_000_000


def test_what_verification_does_is_there() -> None:
    metrics = Metrics(network="devnet", version="0.1.0")
    metrics.verified("bulk", "avx512", [True, False, True], 0.0002)
    metrics.verification_waited("bulk", 0.004)
    metrics.engine_failed("avx512")
    metrics.block_checked(known=3, verified=1)
    metrics.key_cache_is("avx512", {"hits": 7, "pinned": 4})
    shown = samples(metrics)
    of_engine = "aichain_signatures_total{engine=avx512}{lane=bulk}"
    assert shown[of_engine + "{verdict=valid}"] == 2
    assert shown[of_engine + "{verdict=invalid}"] == 1
    assert shown["aichain_verify_batch_items_sum{lane=bulk}"] == 3
    assert shown["aichain_verify_seconds_bucket{lane=bulk}{le=0.0003}"] == 1
    assert shown["aichain_verify_wait_seconds_bucket{lane=bulk}{le=0.002}"] == 0
    assert shown["aichain_engine_faults_total{engine=avx512}"] == 1
    assert shown["aichain_block_transactions_checked_total{how=known}"] == 3
    assert shown["aichain_key_cache{engine=avx512}{what=hits}"] == 7


def test_two_nodes_in_one_process_do_not_share_counters() -> None:
    first, second = (Metrics(network="n", version="v") for _ in range(2))
    first.view_cancelled()
    assert samples(first)["aichain_views_cancelled_total"] == 1
    assert samples(second)["aichain_views_cancelled_total"] == 0


def test_the_first_block_has_no_interval() -> None:
    metrics = Metrics(network="n", version="v")
    metrics.block_final(1, succeeded=0, failed=0, interval_ms=None)
    assert samples(metrics)["aichain_block_interval_seconds_count"] == 0
