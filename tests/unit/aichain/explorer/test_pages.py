"""Every page of the explorer, made from a fake node: what it says, and its JSON form."""

from dataclasses import replace

import msgspec
import pytest

from aichain.explorer.routes import ROUTES, find_route
from aichain.rpc.backend import CommitView
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.limits import RpcLimits
from aichain.rpc.methods import build_registry
from genesis.units import AI
from tests.unit.aichain.explorer.visiting import SENDER, Visitor, visiting

METHODS = build_registry(faults_enabled=False).methods


def addresses(visitor: Visitor) -> dict[str, str]:
    """An address for each pattern."""
    block = visitor.backend.views[2].block
    paid = "0x" + block.transactions[0].id.hex()
    return {
        "/": "/",
        "/blocks": "/blocks",
        "/block/{block}": "/block/2",
        "/certificate/{height}": "/certificate/2?verify=1",
        "/tx/{hash}": f"/tx/{paid}",
        "/tx/{hash}/proof": f"/tx/{paid}/proof",
        "/address/{address}": f"/address/{SENDER}",
        "/address/{address}/proof": f"/address/{SENDER}/proof",
        "/validators": "/validators",
        "/consensus": "/consensus",
        "/mempool": "/mempool",
        "/supply": "/supply",
        "/rewards": "/rewards",
        "/network": "/network",
        "/charts": "/charts",
    }


async def test_every_address_has_a_page_and_a_json_form_of_what_rpc_answers() -> None:
    async with visiting() as visitor:
        found = addresses(visitor)
        assert {route.pattern for route in ROUTES} == {*found, "/search"}
        for path in found.values():
            page = await visitor.page(path)
            assert page.startswith("<!doctype html>"), path
            assert page.rstrip().endswith("</html>"), path
            assert 'format=json">JSON</a>' in page, path
            shown = await visitor.json(path)
            assert shown, path
            for name, result in shown.items():
                if name in METHODS and name != "aichain_getBlock":
                    msgspec.convert(result, METHODS[name].result)


async def test_no_page_styles_or_runs_anything_that_the_policy_forbids() -> None:
    async with visiting() as visitor:
        for path in [*addresses(visitor).values(), "/nothing"]:
            page = (await visitor.get(path)).body.decode()
            assert " style=" not in page, path
            assert "<style" not in page, path
            assert " onclick=" not in page, path
            scripts = page.split("<script")[1:]
            assert all(' src="/assets/' in each.partition(">")[0] for each in scripts), path


async def test_the_overview_has_figures_and_the_last_blocks() -> None:
    async with visiting() as visitor:
        page = await visitor.page("/")
        assert page.count("data-ms=") == 4  # blocks 3 to 0
        assert ">500</span>" in page  # ms between blocks
        assert ">40</span>" in page  # ms until final
        for height in range(4):
            assert f'href="/block/{height}"' in page


async def test_a_final_block_that_comes_is_on_the_next_page() -> None:
    async with visiting() as visitor:
        assert 'href="/block/4"' not in await visitor.page("/")
        visitor.backend.extend()
        await visitor.page("/block/4")
        assert 'href="/block/4"' in await visitor.page("/")


async def test_a_block_has_its_neighbours_its_certificate_and_its_transactions() -> None:
    async with visiting() as visitor:
        page = await visitor.page("/block/2")
        assert 'href="/block/1"' in page
        assert 'href="/block/3"' in page
        assert 'href="/certificate/2"' in page
        for signed in visitor.backend.views[2].block.transactions:
            assert f'href="/tx/0x{signed.id.hex()}"' in page
        last = await visitor.page("/block/latest")
        assert 'href="/block/4"' not in last
        first = await visitor.page("/block/0")
        assert 'rel="prev"' not in first
        assert "/certificate/0" not in first


async def test_blocks_are_listed_by_cursor() -> None:
    async with visiting() as visitor:
        for _ in range(60):
            visitor.backend.extend()
        newest = await visitor.page("/blocks")
        assert 'href="/block/63"' in newest
        assert 'href="/blocks?before=39"' in newest
        older = await visitor.page("/blocks?before=39")
        assert 'href="/block/38"' in older
        assert 'href="/block/39"' not in older
        assert (await visitor.get("/blocks?before=x")).status == 400


async def test_a_transaction_shows_what_it_asked_cost_and_caused() -> None:
    async with visiting() as visitor:
        paid, failed = visitor.backend.views[2].block.transactions
        page = await visitor.page(f"/tx/0x{paid.id.hex()}")
        assert "Transfer transaction" in page
        assert "<bdi>memo</bdi>" in page
        assert "transferred" in page
        assert "account created" in page
        assert "ML-DSA-" in page
        page = await visitor.page(f"/tx/{failed.id.hex()}")
        assert "It failed: validator unknown." in page


async def test_a_transaction_that_waits_is_in_the_mempool_and_has_a_page() -> None:
    async with visiting() as visitor:
        signed = visitor.backend.transfer(3 * AI)
        await visitor.backend.submit(signed.raw)
        assert f"/tx/0x{signed.id.hex()}" in await visitor.page("/mempool")
        page = await visitor.page(f"/tx/0x{signed.id.hex()}")
        assert "waits for a block" in page
        assert (await visitor.get(f"/tx/0x{signed.id.hex()}/proof")).status == 404


async def test_an_account_says_where_no_history_is_kept() -> None:
    async with visiting() as visitor:
        page = await visitor.page(f"/address/{SENDER}")
        assert "--index full" in page
        assert "998.99" in page or "999 998" in page.replace("\u202f", " ")
        unused = await visitor.page("/address/0x" + "12" * 20)
        assert "Nobody has used this address yet" in unused


async def test_a_founder_is_found_by_name_and_shown_as_a_validator() -> None:
    async with visiting() as visitor:
        page = await visitor.page("/address/founder-1")
        assert "in the set, seat 1" in page


async def test_a_certificate_is_verified_on_request_and_a_forged_signature_shows() -> None:
    async with visiting() as visitor:
        assert "not yet" in await visitor.page("/certificate/2")
        page = await visitor.page("/certificate/2?verify=1")
        assert page.count("✓ holds") == 3
        assert "and they are a quorum" in page
        checked = (await visitor.json("/certificate/2?verify=1"))["checkedCertificate"]
        assert (checked["verdicts"], checked["reachesQuorum"]) == ([True] * 3, True)
        honest = visitor.backend.commit

        async def one_forged(height: int) -> CommitView | None:
            view = await honest(height)
            assert view is not None
            first, *others = view.certificate.signatures
            signatures = (bytes([first[0] ^ 1]) + first[1:], *others)
            return replace(view, certificate=replace(view.certificate, signatures=signatures))

        visitor.backend.commit = one_forged  # type: ignore[method-assign]
        page = await visitor.page("/certificate/2?verify=1")
        assert page.count("✗ forged") == 1
        assert "and they are no quorum" in page


async def test_all_visitors_together_have_only_so_many_signatures_verified() -> None:
    few = CallBudget(RpcLimits(calls_per_second=1, burst_calls=4))
    async with visiting(few) as visitor:
        assert (await visitor.get("/certificate/2?verify=1")).status == 200
        refused = await visitor.get("/certificate/2?verify=1")
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) in (2, 3)
        assert (await visitor.get("/certificate/2")).status == 200


async def test_the_heat_map_has_a_cell_for_each_validator_and_part() -> None:
    async with visiting() as visitor:
        page = await visitor.page("/validators")
        assert page.count('class="cell"') == 4 * 30
        for warmth in (1, 2, 4):
            assert f'class="box w{warmth}' in page
        uptime = (await visitor.json("/validators"))["aichain_validatorUptime"]
        assert len(uptime["parts"]) == 30
        assert "parts" not in uptime["parts"][0]


async def test_votes_of_the_present_view_are_in_the_theatre() -> None:
    async with visiting() as visitor:
        page = await visitor.page("/consensus")
        assert page.count("data-seat=") == 4
        assert page.count("data-voter=") == 4
        assert 'data-topics="newBlocks,votes"' in page
        assert "no validator" not in page


async def test_charts_have_columns_of_equal_length() -> None:
    async with visiting() as visitor:
        series = (await visitor.json("/charts"))["series"]
        assert {len(column) for column in series.values()} == {3}
        assert series["heights"] == [1, 2, 3]
        assert series["intervalsMs"][1:] == [500, 500]
        assert series["finalityMs"] == [40, 40, 40]
        assert series["transactions"] == [0, 2, 0]


async def test_rewards_add_up() -> None:
    async with visiting() as visitor:
        split = (await visitor.json("/rewards"))["nextReward"]
        parts = [int(split[name]) for name in ("proposer", "voters", "aiPool", "treasury")]
        assert sum(parts) == int(split["reward"]) > 0


@pytest.mark.parametrize(
    ("query", "to"),
    [
        ("2", "/block/2"),
        ("%232", "/block/2"),
        ("1,000", "/block/1000"),
        ("latest", "/block/latest"),
        ("mempool", "/mempool"),
        ("founder-0", "/address/"),
        ("account:0", f"/address/{SENDER}"),
        (SENDER.lower(), f"/address/{SENDER}"),
        ("", "/"),
    ],
)
async def test_what_is_searched_for_is_found(query: str, to: str) -> None:
    async with visiting() as visitor:
        answer = await visitor.get(f"/search?q={query}")
        assert answer.status == 303
        assert answer.headers["location"].startswith(to)


async def test_hashes_are_found_whatever_they_are_of() -> None:
    async with visiting() as visitor:
        block = visitor.backend.views[2].block
        block_hash, tx_hash = "0x" + block.id.hex(), "0x" + block.transactions[0].id.hex()
        answer = await visitor.get(f"/search?q={block.id.hex().upper()}")
        assert answer.headers["location"] == f"/block/{block_hash}"
        answer = await visitor.get(f"/search?q={tx_hash}")
        assert answer.headers["location"] == f"/tx/{tx_hash}"
        assert (await visitor.get("/search?q=" + "ab" * 32)).status == 404


def test_a_path_is_matched_part_by_part() -> None:
    found = find_route("/tx/0xab/proof")
    assert found is not None
    assert (found[0].pattern, found[1]) == ("/tx/{hash}/proof", {"hash": "0xab"})
    for path in ("", "//", "/block/", "/block", "/block/1/2", "/Blocks", "/blocks/"):
        assert find_route(path) is None, path
