"""What nvidia-smi, rocm-smi and /proc print, as values; rubbish is ValueError, a gap is None."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from aichain.fleet.telemetry import Gpu
from aichain.shallow_json import load_shallow
from genesis.limits import TELEMETRY_GPUS_MAX

NVIDIA_QUERY: Final = "name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw"
MIB: Final = 1 << 20
U64_MAX: Final = 2**64 - 1
_NAMES: Final = ("card series", "card model", "device name")
_POWERS: Final = (
    "average graphics package power (w)",
    "current socket graphics package power (w)",
)


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Of `--query-gpu=NVIDIA_QUERY --format=csv,noheader,nounits`: MiB, %, °C and W."""
    lines = [line for line in text.splitlines() if line.strip()]
    return tuple(_nvidia_gpu(line) for line in lines[:TELEMETRY_GPUS_MAX])


def parse_rocm_smi(text: str) -> tuple[Gpu, ...]:
    """Of `rocm-smi … --json`, whose members' letters differ between versions in their case."""
    document = load_shallow(text.encode())
    if not isinstance(document, dict):
        raise ValueError("rocm-smi's output is not an object")
    cards = sorted(
        (int(name.removeprefix("card")), card)
        for name, card in document.items()
        if name.startswith("card") and name[4:].isdecimal() and isinstance(card, dict)
    )
    return tuple(_rocm_gpu(card) for _, card in cards[:TELEMETRY_GPUS_MAX])


def parse_meminfo(text: str) -> tuple[int, int]:
    """Total and available bytes, of /proc/meminfo."""
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        total, available = (values[name].split()[0] for name in ("MemTotal", "MemAvailable"))
    except (KeyError, IndexError):
        raise ValueError("no MemTotal and MemAvailable") from None
    return int(total) * 1024, int(available) * 1024


def parse_loadavg(text: str) -> int:
    """The load of the last minute in thousandths, of /proc/loadavg."""
    words = text.split()
    load = _scaled(words[0], 1000) if words else None
    if load is None:
        raise ValueError("no load average")
    return load


def _nvidia_gpu(line: str) -> Gpu:
    # Only the name, which comes first, could have a comma in it.
    name, *figures = line.rsplit(",", 5)
    if len(figures) != 5:
        raise ValueError(f"nvidia-smi printed {line[:80]!r}")
    total, used, busy, temperature, power = map(str.strip, figures)
    return Gpu(
        name=name.strip(),
        memory_total_bytes=_scaled(total, MIB),
        memory_used_bytes=_scaled(used, MIB),
        busy_percent=_scaled(busy, 1),
        temperature_celsius=_scaled(temperature, 1),
        power_milliwatts=_scaled(power, 1000),
    )


def _rocm_gpu(card: Mapping[str, object]) -> Gpu:
    told = {name.lower(): str(value) for name, value in card.items()}
    temperatures = [
        degrees
        for name, value in told.items()
        if name.startswith("temperature (sensor ") and (degrees := _scaled(value, 1)) is not None
    ]
    power = next((told[name] for name in _POWERS if name in told), "")
    return Gpu(
        name=next((told[name] for name in _NAMES if name in told), "AMD GPU"),
        memory_total_bytes=_scaled(told.get("vram total memory (b)", ""), 1),
        memory_used_bytes=_scaled(told.get("vram total used memory (b)", ""), 1),
        busy_percent=_scaled(told.get("gpu use (%)", ""), 1),
        temperature_celsius=max(temperatures, default=None),
        power_milliwatts=_scaled(power, 1000),
    )


def _scaled(text: str, factor: int) -> int | None:
    """A decimal number times `factor`, as a whole number; None for [N/A] and the like."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value < 0 or value > U64_MAX // factor:
        return None
    return int(value * factor)
