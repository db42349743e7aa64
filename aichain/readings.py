"""Reads this machine: GPUs by NVML, nvidia-smi or rocm-smi, the rest from /proc, in little time."""

import importlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aichain.fleet.gpu_outputs import (
    NVIDIA_QUERY,
    parse_loadavg,
    parse_meminfo,
    parse_nvidia_smi,
    parse_rocm_smi,
)
from aichain.fleet.telemetry import Gpu, GpuSource, Host, Telemetry
from genesis.limits import TELEMETRY_GPUS_MAX

SOURCE_TIMEOUT_S: Final = 5.0
NVML_LIBRARY: Final = "pynvml"
NVIDIA_SMI: Final = (
    "nvidia-smi",
    f"--query-gpu={NVIDIA_QUERY}",
    "--format=csv,noheader,nounits",
)
ROCM_SMI: Final = (
    "rocm-smi",
    *("--showproductname", "--showmeminfo", "vram", "--showuse", "--showtemp", "--showpower"),
    "--json",
)
Reader = Callable[[], tuple[Gpu, ...]]


class MachineReader:
    """Reads this machine again and again. A source that hangs is left alone while it does."""

    def __init__(self, sources: Sequence[tuple[GpuSource, Reader]] = ()) -> None:
        self._sources = sources or SOURCES
        self._hanging: dict[GpuSource, threading.Thread] = {}

    def read(self, disk: Path) -> Telemetry:
        """One reading; of the disk that `disk` lies on."""
        source, gpus = self.read_gpus()
        return Telemetry(source, gpus, read_host(disk))

    def read_gpus(self, timeout_s: float = SOURCE_TIMEOUT_S) -> tuple[GpuSource, tuple[Gpu, ...]]:
        """The first source that names a GPU within its time; the others are not asked."""
        for source, reader in self._sources:
            gpus = self._within(timeout_s, source, reader)
            if gpus:
                return source, gpus
        return GpuSource.NONE, ()

    def _within(self, timeout_s: float, source: GpuSource, read: Reader) -> tuple[Gpu, ...]:
        """A driver that hangs hangs a thread, and nobody who waits for it."""
        last = self._hanging.get(source)
        if last is not None and last.is_alive():
            return ()
        found: list[tuple[Gpu, ...]] = []
        thread = threading.Thread(target=lambda: found.append(read()), daemon=True)
        thread.start()
        thread.join(timeout_s)
        self._hanging[source] = thread
        return found[0] if found else ()


def read_host(disk: Path, proc: Path = Path("/proc")) -> Host:
    """Cores, load, memory and disk; zeros for what this system does not tell."""
    try:
        total, available = parse_meminfo((proc / "meminfo").read_text(encoding="ascii"))
        load = parse_loadavg((proc / "loadavg").read_text(encoding="ascii"))
    except (OSError, ValueError):
        total, available, load = 0, 0, 0
    try:
        space = os.statvfs(disk)
        disk_total, disk_free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
    except OSError:
        disk_total, disk_free = 0, 0
    return Host(os.cpu_count() or 0, load, total, available, disk_total, disk_free)


def read_nvml(library: Any) -> tuple[Gpu, ...]:  # noqa: ANN401 the module is optional
    """By NVIDIA's own library, in whose words a figure that a GPU has not is an error."""
    library.nvmlInit()
    try:
        count = min(library.nvmlDeviceGetCount(), TELEMETRY_GPUS_MAX)
        return tuple(
            _nvml_gpu(library, library.nvmlDeviceGetHandleByIndex(index)) for index in range(count)
        )
    finally:
        library.nvmlShutdown()


def _nvml_gpu(library: Any, handle: object) -> Gpu:  # noqa: ANN401 the module is optional
    def told(read: Callable[[], int]) -> int | None:
        try:
            return int(read())
        except library.NVMLError:
            return None

    name = library.nvmlDeviceGetName(handle)
    return Gpu(
        name=name.decode(errors="replace") if isinstance(name, bytes) else str(name),
        memory_total_bytes=told(lambda: library.nvmlDeviceGetMemoryInfo(handle).total),
        memory_used_bytes=told(lambda: library.nvmlDeviceGetMemoryInfo(handle).used),
        busy_percent=told(lambda: library.nvmlDeviceGetUtilizationRates(handle).gpu),
        temperature_celsius=told(
            lambda: library.nvmlDeviceGetTemperature(handle, library.NVML_TEMPERATURE_GPU)
        ),
        power_milliwatts=told(lambda: library.nvmlDeviceGetPowerUsage(handle)),
    )


def _by_nvml() -> tuple[Gpu, ...]:
    """Nothing where the library is not installed (`pip install nvidia-ml-py`), or has no driver."""
    try:
        library = importlib.import_module(NVML_LIBRARY)
    except ImportError:
        return ()
    try:
        return read_nvml(library)
    except library.NVMLError:
        return ()


def by_command(command: Sequence[str], parse: Callable[[str], tuple[Gpu, ...]]) -> Reader:
    """A source that is a program; nothing where it is not installed, fails or prints rubbish."""

    def read() -> tuple[Gpu, ...]:
        program = shutil.which(command[0])
        if program is None:
            return ()
        try:
            done = subprocess.run(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SOURCE_TIMEOUT_S,
                check=False,
            )
            return parse(done.stdout.decode(errors="replace")) if done.returncode == 0 else ()
        except (OSError, subprocess.SubprocessError, ValueError, RecursionError):
            return ()

    return read


SOURCES: Final[tuple[tuple[GpuSource, Reader], ...]] = (
    (GpuSource.NVML, _by_nvml),
    (GpuSource.NVIDIA_SMI, by_command(NVIDIA_SMI, parse_nvidia_smi)),
    (GpuSource.ROCM_SMI, by_command(ROCM_SMI, parse_rocm_smi)),
)
