"""Where batches go: a function of what engines cost, with engines whose cost is only said."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from native.cpu import OpenSSLEngine
from native.engine import Engine
from native.panel import FLOOD_LEAST, VOTES_MAX, Panel
from native.placement import Cost, Load, audit_one_in, fit_cost, place
from native.signatures import SignatureItem, SigningKey
from tests.unit.native.liars import Broken

CPU = Cost(call_ns=4_000, known_ns=5_000, new_ns=13_000)
GPU = Cost(call_ns=100_000, known_ns=200, new_ns=500)
OPENSSL = Cost(call_ns=1_000, known_ns=163_000, new_ns=175_000)
COSTS = {"cpu": CPU, "gpu": GPU}
KEY = SigningKey.from_seed(bytes(32))
GOOD = SignatureItem(KEY.public_key, b"m", b"c", KEY.sign(b"m", b"c"))


class Named(OpenSSLEngine):
    """Remembers the sizes of what it was given."""

    def __init__(self, name: str) -> None:
        super().__init__(1)
        self.name = name
        self.given = list[int]()

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        self.given.append(len(items))
        return (
            super().verify(items[:1]) * len(items)
            if len(set(items)) == 1
            else (super().verify(items))
        )


def costs_of(engine: Engine) -> Cost:
    return {"cpu": CPU, "gpu": GPU, "openssl": OPENSSL}[engine.name]


def panel_of() -> tuple[Panel, Named, Named]:
    cpu, gpu = Named("cpu"), Named("gpu")
    panel = Panel(OpenSSLEngine(1), cpu, (gpu,), draw=lambda below: below - 1)
    for engine in (cpu, gpu):
        engine.given.clear()
    return panel, cpu, gpu


@pytest.mark.parametrize("last", ["cpu", "gpu", "gone", ""])
@pytest.mark.parametrize(
    ("load", "best"),
    [
        (Load(1, 0), "cpu"),
        (Load(0, 2), "cpu"),
        (Load(14, 0), "cpu"),  # 74 us of 103
        (Load(690, 0), "gpu"),
        (Load(0, 64), "gpu"),
        (Load(2_000, 100_000), "gpu"),
    ],
)
def test_what_is_clearly_faster_wherever_the_last_batch_went(
    load: Load, best: str, last: str
) -> None:
    assert place(load, COSTS, last) == best


def test_between_the_two_work_stays_where_it_was() -> None:
    level = Load(20, 0)  # 104 us on either
    assert [place(level, COSTS, last) for last in ("cpu", "gpu")] == ["cpu", "gpu"]


def test_sizes_about_the_threshold_do_not_send_work_to_and_fro() -> None:
    draw, last, places = random.Random(7), "cpu", list[str]()
    for _ in range(1_000):
        last = place(Load(draw.randrange(18, 24), 0), COSTS, last)
        places.append(last)
    assert set(places) == {"cpu"}
    places = [place(Load(count, 0), COSTS, "") for count in range(1, 200)]
    assert sum(one != other for one, other in pairwise(places)) == 1, "there is one threshold"


def test_one_engine_has_everything() -> None:
    assert place(Load(10_000, 10_000), {"cpu": CPU}, "") == "cpu"


@pytest.mark.parametrize("cost", [CPU, GPU, OPENSSL])
@pytest.mark.parametrize("count", [2, 4, 64, 1_024])
def test_costs_are_those_that_give_what_was_measured(cost: Cost, count: int) -> None:
    single, known, new = (cost.of(load) for load in (Load(1, 0), Load(count, 0), Load(0, count)))
    assert fit_cost(single, count, known, new) == cost


def test_costs_of_what_was_measured_badly_are_costs() -> None:
    assert fit_cost(1_000, 64, known_ns=127_000, new_ns=0) == Cost(0, 2_000, 1)
    assert fit_cost(9_000, 64, known_ns=8_000, new_ns=7_000) == Cost(8_999, 1, 1)
    assert str(CPU) == ("4.0 us a call, 5.0 us a signature of a known key, 13.0 us of a new one")


@pytest.mark.parametrize("cost", [CPU, GPU, OPENSSL])
def test_audits_take_a_hundredth_of_an_engines_time(cost: Cost) -> None:
    one_in = audit_one_in(cost, OPENSSL)
    assert OPENSSL.known_ns <= one_in * cost.known_ns / 100
    assert OPENSSL.known_ns > (one_in - 1) * cost.known_ns / 100


def test_floods_go_to_the_accelerator_and_votes_stay_at_home() -> None:
    panel, cpu, gpu = panel_of()
    panel.set_costs(costs_of)
    panel.pin([KEY.public_key])
    for items in ([GOOD], [GOOD] * VOTES_MAX):
        assert panel.judge_votes(items).engine == "cpu"
    assert panel.judge_votes([GOOD] * 690).engine == "gpu"
    assert panel.judge([GOOD] * 2).engine == "cpu"
    assert panel.judge([GOOD] * 500).engine == "gpu"
    assert (cpu.given, gpu.given) == ([1, VOTES_MAX, 2], [690, 500])
    assert panel.name == "cpu"


def test_a_few_stay_at_home_even_where_a_device_would_be_faster() -> None:
    gpu = Named("gpu")
    panel = Panel(OpenSSLEngine(1), accelerators=(gpu,))
    panel.set_costs(costs_of)
    assert panel.judge([GOOD] * (FLOOD_LEAST - 1)).engine == "openssl"
    assert panel.judge([GOOD] * FLOOD_LEAST).engine == "gpu"


def test_new_keys_count_for_what_they_cost() -> None:
    panel, _, _ = panel_of()
    panel.set_costs(costs_of)
    assert panel.judge([GOOD] * 14).engine == "gpu"
    panel.pin([KEY.public_key])
    panel.judge([GOOD])
    assert panel.judge([GOOD] * 14).engine == "cpu"


def test_nothing_leaves_home_before_anybody_has_measured() -> None:
    panel, cpu, gpu = panel_of()
    panel.judge([GOOD] * 1_000)
    assert (cpu.given, gpu.given) == ([1_000], [])


def test_without_its_accelerator_a_node_goes_on_at_home() -> None:
    cpu, gpu = Named("cpu"), Broken(1)
    panel = Panel(OpenSSLEngine(1), cpu, (gpu,))
    panel.set_costs(lambda engine: GPU if engine is gpu else costs_of(engine))
    assert panel.judge([GOOD] * 700).engine == "broken"
    assert panel.accelerators == ("broken",)
    gpu.works = False
    assert panel.judge([GOOD] * 700).engine == "cpu"
    assert panel.judge([GOOD] * 700).verdicts == [True] * 700
    assert [fault.engine for fault in panel.faults] == ["broken"]
    assert panel.name == "cpu"
    assert not panel.accelerators


@pytest.mark.parametrize("moment", ["test", "costs", "pin"])
def test_an_accelerator_may_fail_at_any_time(moment: str) -> None:
    gpu = Broken(1)
    gpu.works = moment != "test"
    panel = Panel(OpenSSLEngine(1), Named("cpu"), (gpu,))
    gpu.works = False

    def cost_of(engine: Engine) -> Cost:
        engine.verify([GOOD])
        return GPU if engine is gpu else costs_of(engine)

    if moment == "costs":
        panel.set_costs(cost_of)
    if moment == "pin":
        panel.pin([KEY.public_key])
    assert [fault.engine for fault in panel.faults] == ["broken"]
    assert panel.judge([GOOD] * 700).engine == "cpu"
