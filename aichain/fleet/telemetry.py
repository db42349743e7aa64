"""What a machine says of itself: processors, memory, disk and GPUs; what of it is alarming."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genesis.limits import TELEMETRY_GPUS_MAX, TELEMETRY_NAME_MAX_BYTES
from native import codec
from native.codec import Value
from native.errors import DecodeError

GPU_HOT_CELSIUS: Final = 85
FULL_PERCENT: Final = 95


class GpuSource(StrEnum):
    """Who was asked about GPUs, the first one that answers; the host's figures come from /proc."""

    NVML = "nvml"
    NVIDIA_SMI = "nvidia-smi"
    ROCM_SMI = "rocm-smi"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; None is what its driver does not tell."""

    name: str
    memory_total_bytes: int | None
    """None where it shares the host's."""
    memory_used_bytes: int | None
    busy_percent: int | None = None
    temperature_celsius: int | None = None
    power_milliwatts: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """The machine without its GPUs. Load is that of the last minute, a thousand a busy core."""

    cores: int
    load_permille: int
    memory_total_bytes: int
    memory_available_bytes: int
    disk_total_bytes: int
    disk_free_bytes: int


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One reading of a machine."""

    source: GpuSource
    gpus: tuple[Gpu, ...]
    host: Host


def strains(telemetry: Telemetry) -> tuple[str, ...]:
    """What somebody should look at, in words."""
    host = telemetry.host
    found = [
        f"GPU {index} is at {gpu.temperature_celsius} °C"
        for index, gpu in enumerate(telemetry.gpus)
        if gpu.temperature_celsius is not None and gpu.temperature_celsius > GPU_HOT_CELSIUS
    ]
    used = (
        ("memory", host.memory_total_bytes, host.memory_available_bytes),
        ("disk", host.disk_total_bytes, host.disk_free_bytes),
    )
    for what, total, free in used:
        if 100 * (total - free) > FULL_PERCENT * total:
            found.append(f"its {what} is {100 * (total - free) // total} % full")
    return tuple(found)


def telemetry_value(telemetry: Telemetry) -> codec.Encodable:
    """What `native.codec` encodes of it."""
    host = telemetry.host
    return [
        telemetry.source.encode(),
        [_gpu_value(gpu) for gpu in telemetry.gpus],
        [
            *(host.cores, host.load_permille),
            *(host.memory_total_bytes, host.memory_available_bytes),
            *(host.disk_total_bytes, host.disk_free_bytes),
        ],
    ]


def read_telemetry(value: Value) -> Telemetry:
    """The reverse; DecodeError for what is no reading."""
    source, gpus, host = codec.array(value, 3)
    if not isinstance(gpus, list) or len(gpus) > TELEMETRY_GPUS_MAX:
        raise DecodeError(f"not a list of at most {TELEMETRY_GPUS_MAX} GPUs")
    try:
        kind = GpuSource(_text(source))
    except ValueError:
        raise DecodeError("not a source of telemetry") from None
    figures = [codec.uint(each) for each in codec.array(host, 6)]
    return Telemetry(kind, tuple(map(_read_gpu, gpus)), Host(*figures))


def _gpu_value(gpu: Gpu) -> codec.Encodable:
    memory = (gpu.memory_total_bytes, gpu.memory_used_bytes)
    told = (*memory, gpu.busy_percent, gpu.temperature_celsius, gpu.power_milliwatts)
    name = gpu.name.encode()[:TELEMETRY_NAME_MAX_BYTES].decode(errors="ignore").encode()
    optional: Sequence[codec.Encodable] = [[] if each is None else [each] for each in told]
    return [name, *optional]


def _read_gpu(value: Value) -> Gpu:
    name, *told = codec.array(value, 6)
    return Gpu(_text(name), *map(_optional, told))


def _optional(value: Value) -> int | None:
    if value == []:
        return None
    return codec.uint(codec.array(value, 1)[0])


def _text(value: Value) -> str:
    try:
        return codec.bounded(value, TELEMETRY_NAME_MAX_BYTES).decode()
    except UnicodeDecodeError:
        raise DecodeError("not text in UTF-8") from None
