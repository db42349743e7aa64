"""What programs print of GPUs and /proc of the host, read; and which source is believed."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aichain.fleet.gpu_outputs import (
    parse_loadavg,
    parse_meminfo,
    parse_nvidia_smi,
    parse_rocm_smi,
)
from aichain.fleet.telemetry import Gpu, GpuSource, read_telemetry, strains, telemetry_value
from aichain.readings import MachineReader, by_command, read_host, read_nvml
from genesis.limits import TELEMETRY_GPUS_MAX
from native import codec
from native.errors import DecodeError
from tests.unit.aichain.fleet.fleets import GPU, HOST, TELEMETRY

NVIDIA = "NVIDIA H200, 143771, 512, 3, 41, 75.40\nNVIDIA H200, 143771, 0, 0, 39, 74.99\n"
UNIFIED = "NVIDIA GB10, [N/A], [N/A], 0, 52, [Not Supported]\n"
ROCM = {
    "card1": {
        "Card series": "Instinct MI210",
        "Temperature (Sensor edge) (C)": "45.0",
        "Temperature (Sensor junction) (C)": "50.0",
        "Average Graphics Package Power (W)": "120.5",
        "GPU use (%)": "62",
        "VRAM Total Memory (B)": "68702699520",
        "VRAM Total Used Memory (B)": "27481079808",
    },
    "card0": {
        "Card Series": "Radeon RX 7900 XTX",
        "VRAM Total Memory (B)": "25753026560",
        "VRAM Total Used Memory (B)": "N/A",
        "Current Socket Graphics Package Power (W)": "9.215",
    },
    "system": {"Driver version": "6.7.0"},
}
MEMINFO = "MemTotal:       16384000 kB\nMemFree:  1 kB\nMemAvailable:    8192000 kB\nHugePages: 0\n"


def test_nvidia_smi_is_read() -> None:
    first, second = parse_nvidia_smi(NVIDIA)
    assert first == Gpu("NVIDIA H200", 143771 << 20, 512 << 20, 3, 41, 75_400)
    assert second.power_milliwatts == 74_990
    assert parse_nvidia_smi(UNIFIED) == (Gpu("NVIDIA GB10", None, None, 0, 52, None),)
    assert parse_nvidia_smi("Odd, name, 1, 2, 3, 4, 5\n")[0].name == "Odd, name"
    assert len(parse_nvidia_smi(NVIDIA * 40)) == TELEMETRY_GPUS_MAX


def test_rocm_smi_is_read_whatever_the_case_of_its_names() -> None:
    first, second = parse_rocm_smi(json.dumps(ROCM))
    assert first == Gpu("Radeon RX 7900 XTX", 25753026560, None, None, None, 9215)
    assert second == Gpu("Instinct MI210", 68702699520, 27481079808, 62, 50, 120_500)


@pytest.mark.parametrize("text", ["No devices were found", "a, b, c", "\x00"])
def test_what_nvidia_smi_says_instead_is_no_gpu(text: str) -> None:
    with pytest.raises(ValueError, match="nvidia-smi printed"):
        parse_nvidia_smi(text)


@pytest.mark.parametrize("text", ["", "[]", "WARNING: no GPU", "5"])
def test_what_rocm_smi_says_instead_is_no_gpu(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 json has its own words
        parse_rocm_smi(text)


@pytest.mark.parametrize("figure", ["-1", "NaN", "Infinity", "1e99", "9" * 40, "[N/A]", ""])
def test_figures_that_are_none_are_gaps(figure: str) -> None:
    (gpu,) = parse_nvidia_smi(f"X, {figure}, 1, 1, 1, 1")
    assert gpu.memory_total_bytes is None


def test_proc_is_read() -> None:
    assert parse_meminfo(MEMINFO) == (16384000 << 10, 8192000 << 10)
    assert parse_loadavg("0.52 0.58 0.59 1/467 12345\n") == 520
    for text in ("", "MemTotal: 5 kB", "MemTotal:\nMemAvailable:\n"):
        with pytest.raises(ValueError, match="no MemTotal"):
            parse_meminfo(text)
    with pytest.raises(ValueError, match="no load"):
        parse_loadavg("")


def test_this_machine_is_read(tmp_path: Path) -> None:
    host = read_host(tmp_path)
    assert host.cores >= 1
    assert 0 < host.memory_available_bytes <= host.memory_total_bytes
    assert 0 <= host.disk_free_bytes <= host.disk_total_bytes
    assert host.disk_total_bytes > 0
    blind = read_host(tmp_path / "gone", proc=tmp_path)
    assert (blind.load_permille, blind.memory_total_bytes, blind.disk_total_bytes) == (0, 0, 0)


def test_the_first_source_that_names_a_gpu_is_believed_and_the_next_not_asked() -> None:
    asked: list[str] = []

    def source(name: str, *gpus: Gpu) -> Any:
        def read() -> tuple[Gpu, ...]:
            asked.append(name)
            return gpus

        return read

    reader = MachineReader(
        (
            (GpuSource.NVML, source("nvml")),
            (GpuSource.NVIDIA_SMI, source("smi", GPU)),
            (GpuSource.ROCM_SMI, source("rocm", GPU)),
        )
    )
    assert reader.read_gpus() == (GpuSource.NVIDIA_SMI, (GPU,))
    assert asked == ["nvml", "smi"]
    assert MachineReader(((GpuSource.NVML, source("x")),)).read_gpus() == (GpuSource.NONE, ())


def test_a_source_that_hangs_is_left_alone_while_it_does() -> None:
    ended, asked = threading.Event(), []

    def hang() -> tuple[Gpu, ...]:
        asked.append(1)
        ended.wait(30)
        return (GPU,)

    reader = MachineReader(((GpuSource.NVML, hang), (GpuSource.ROCM_SMI, lambda: (GPU,))))
    begun = time.monotonic()
    for _ in range(2):
        assert reader.read_gpus(timeout_s=0.1) == (GpuSource.ROCM_SMI, (GPU,))
    assert time.monotonic() - begun < 5
    assert asked == [1]
    ended.set()


def test_a_program_that_is_not_there_or_fails_or_prints_rubbish_names_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    reader = by_command(("nvidia-smi",), parse_nvidia_smi)
    assert reader() == ()
    program = tmp_path / "nvidia-smi"
    for script, gpus in (
        (f"cat <<'X'\n{NVIDIA}X", 2),
        ("echo No devices were found", 0),
        (f"cat <<'X'\n{NVIDIA}X\nexit 9", 0),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert len(reader()) == gpus


class NvmlError(Exception):
    """As the library's own."""


def refuse(*_: object) -> Any:
    raise NvmlError


def fake_nvml(**changes: Any) -> Any:
    """In the shape of pynvml, which needs a driver."""
    told = {
        "NVMLError": NvmlError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda _: b"NVIDIA H200",
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=139 << 30, used=2 << 30),
        "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=7),
        "nvmlDeviceGetTemperature": lambda handle, _: 41 + handle,
        "nvmlDeviceGetPowerUsage": lambda _: 75_400,
    }
    return SimpleNamespace(**(told | changes))


def test_nvml_is_read() -> None:
    first, second = read_nvml(fake_nvml())
    assert first == Gpu("NVIDIA H200", 139 << 30, 2 << 30, 7, 41, 75_400)
    assert second.temperature_celsius == 42
    (gpu, _) = read_nvml(fake_nvml(nvmlDeviceGetPowerUsage=refuse, nvmlDeviceGetMemoryInfo=refuse))
    assert gpu == Gpu("NVIDIA H200", None, None, 7, 41, None)


def test_a_reading_survives_its_encoding() -> None:
    unknown = replace(TELEMETRY, gpus=(Gpu("x", None, None),))
    for reading in (TELEMETRY, unknown):
        raw = codec.encode([telemetry_value(reading)])
        (value,) = codec.decode(raw, max_bytes=9_000, max_items=1_024, max_depth=6)
        assert read_telemetry(value) == reading


def test_a_reading_of_rubbish_is_refused() -> None:
    good = [b"nvml", [], [0] * 6]
    assert read_telemetry(good).gpus == ()  # type: ignore[arg-type]
    for bad in ([b"x", [], [0] * 6], [b"nvml", [[]], [0] * 6], [b"nvml", [], [0] * 5], 7):
        with pytest.raises(DecodeError):
            read_telemetry(bad)  # type: ignore[arg-type]


def test_strains_begin_above_their_limits() -> None:
    def of(degrees: int, free_percent: int) -> Any:
        host = replace(HOST, disk_total_bytes=100, disk_free_bytes=free_percent)
        gpu = replace(GPU, temperature_celsius=degrees)
        return strains(replace(TELEMETRY, gpus=(gpu,), host=host))

    assert of(85, 5) == ()
    assert of(86, 4) == ("GPU 0 is at 86 °C", "its disk is 96 % full")
    assert strains(replace(TELEMETRY, host=replace(HOST, memory_total_bytes=0))) == ()
