"""The adapter to cupy, with a stand-in for it; and how its absence and its errors are told."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from native import backends
from native.compiled import ENGINE_VARIABLE, GPU, INSTRUCTION_SETS
from native.cpu import OpenSSLEngine
from native.engine import EngineFailed
from native.gpu.cupy_device import CupyDevice
from native.gpu.device import DeviceFailed
from native.gpu.emulated_device import EmulatedDevice, emulation
from native.gpu.engine import GpuEngine
from native.gpu.hashes import GpuHashes, HashLimits
from native.gpu.pipeline import Limits
from native.hashing import keyed_hash
from native.known_answers import wrong_answer
from native.merkle import merkle_root
from native.panel import Panel
from native.placement import Cost
from native.signatures import Algorithm
from tests.builders_signatures import keys_of, make_item
from tests.unit.native.gpu import stand_in_cupy

needs_emulation = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")

SMALL = Limits(items=16, fresh_keys=8, message_bytes=16_384, recent_keys=4)


def use(monkeypatch: pytest.MonkeyPatch, fail_after_allocations: int = 10_000) -> None:
    cupy, numpy = stand_in_cupy.stand_in(fail_after_allocations)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "numpy", numpy)


@needs_emulation
def test_signatures_and_hashes_go_through_the_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    device = CupyDevice()
    assert device.name == "stand-in 0, CUDA driver 13000"
    assert wrong_answer(GpuEngine(device, SMALL)) == ""
    hashes = GpuHashes(device, HashLimits(items=8, message_bytes=4_096))
    leaves = [bytes([number]) for number in range(21)]
    assert hashes.merkle_root(leaves) == merkle_root(leaves)
    keyed = hashes.keyed_hash_many(bytes(32), leaves)
    assert keyed == b"".join(keyed_hash(bytes(32), leaf) for leaf in leaves)


@needs_emulation
def test_whatever_cuda_refuses_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    device = CupyDevice()
    for error in (
        stand_in_cupy.CUDARuntimeError("cudaErrorIllegalAddress"),
        stand_in_cupy.CompileException("no such thing"),
        MemoryError("Out of memory"),
        OSError("libnvrtc.so.13: cannot open shared object file"),
    ):
        with pytest.raises(DeviceFailed, match=str(error)), device.at_work():
            raise error


@needs_emulation
def test_when_the_memory_of_the_device_ends_the_processor_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    item = make_item(keys_of(Algorithm.ML_DSA_65, 1)[0])
    batch = [item, replace(item, message=b"another")]
    failed_while_verifying = 0
    for allocations in range(4, 40, 3):
        use(monkeypatch, allocations)
        try:
            engine = GpuEngine(CupyDevice(), SMALL)
        except EngineFailed:
            continue
        panel = Panel(OpenSSLEngine(1), engine)
        panel.pin([item.public_key])
        assert panel.judge(batch).verdicts == [True, False]
        if panel.faults:
            assert "Out of memory" in panel.faults[0].reason
            assert panel.name == "openssl"
            failed_while_verifying += 1
    assert failed_while_verifying > 2


def test_without_cupy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setenv(ENGINE_VARIABLE, GPU)
    with pytest.raises(DeviceFailed, match="cupy") as refusal:
        backends.select_engine()
    assert "pip install 'aichain[gpu]'" in refusal.value.fix
    assert refusal.value.code == "device_failed"


def test_cupy_is_not_loaded_unless_it_is_asked_for() -> None:
    assert GPU in backends.ON_REQUEST
    assert GPU not in backends.ENGINES
    program = """
import sys
from native.batch import verify_many
from native.signatures import SignatureItem
verify_many([SignatureItem(bytes(1952), b"", b"", bytes(3309))])
assert not {"cupy", "numpy"} & set(sys.modules)
"""
    environment = {**os.environ, ENGINE_VARIABLE: ""}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)


@needs_emulation
@pytest.mark.skipif(not INSTRUCTION_SETS, reason="installed without a C++ compiler")
def test_floods_go_to_the_gpu_and_all_else_to_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = GpuEngine(EmulatedDevice(), SMALL)
    monkeypatch.setattr(backends, "ON_REQUEST", {GPU: lambda: gpu})
    backends._engine.cache_clear()
    backends._panel.cache_clear()
    try:
        monkeypatch.setenv(ENGINE_VARIABLE, GPU)
        panel = backends.select_panel()
        assert [each.name for each in panel.engines] == [GPU, INSTRUCTION_SETS[0], "openssl"]
        assert panel.name == INSTRUCTION_SETS[0]
        panel.set_costs(lambda engine: Cost(1, 1, 1 if engine is gpu else 100))
        item = make_item(keys_of(Algorithm.ML_DSA_65, 1)[0])
        assert panel.judge([item] * 65).engine == GPU
        gpu._failure = DeviceFailed("it fell off the bus")
        assert panel.judge([item] * 65).engine == INSTRUCTION_SETS[0]
        assert "fell off the bus" in str(backends.view_engines())
    finally:
        backends._engine.cache_clear()
        backends._panel.cache_clear()
