"""Every kernel compiles for the GPUs it is meant for, where NVRTC is installed; no GPU needed."""

import ctypes
import importlib.util
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from native.gpu.emulated_device import emulation
from native.gpu.kernels import lanes_of
from native.gpu.sources import COMPILER_OPTIONS, MAIN, texts, translation_unit

REGISTERS_MAX = 65_536 // 128 // 2  # two blocks of 128 lanes in a multiprocessor, at least


@cache
def nvrtc_library() -> Path | None:
    """The compiler's library of the wheels nvidia-cuda-nvrtc or nvidia-cuda-nvrtc-cu12."""
    found = importlib.util.find_spec("nvidia")
    for place in (found.submodule_search_locations or ()) if found else ():
        for library in sorted(Path(place).glob("*/lib/libnvrtc.so.*")):
            return library
    return None


def compile_for(architecture: str) -> tuple[int, str]:
    """NVRTC's result, 0 for success, and its log with what ptxas says of each kernel."""
    library = nvrtc_library()
    assert library is not None
    nvrtc, program, size = ctypes.CDLL(str(library)), ctypes.c_void_p(), ctypes.c_size_t()
    source = translation_unit().encode()
    created = nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"gpu", 0, None, None)
    assert created == 0
    options = [*COMPILER_OPTIONS, f"-arch={architecture}", "--ptxas-options=-v"]
    raw = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    result = nvrtc.nvrtcCompileProgram(program, len(options), raw)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return result, log.value.decode()


def kernel_names() -> list[str]:
    return re.findall(r"^AIC_KERNEL\((\w+),", MAIN.with_name("entries.h").read_text(), re.MULTILINE)


def test_the_text_is_whole() -> None:
    text = translation_unit()
    assert '#include "' not in text
    for name in kernel_names():
        assert text.count(f"AIC_KERNEL({name},") == 1
    assert len(kernel_names()) == 23


def test_every_wheel_has_the_text() -> None:
    root = MAIN.parents[3]
    configuration = tomllib.loads((root / "pyproject.toml").read_text())
    patterns = configuration["tool"]["setuptools"]["package-data"]["native"]
    packed = {path for pattern in patterns for path in (root / "native").glob(pattern)}
    assert texts() <= packed
    assert MAIN in packed


@pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")
def test_the_host_knows_how_many_lanes_a_block_has() -> None:
    assert {name: lanes_of(name) for name in kernel_names()} == emulation.kernels()


needs_nvrtc = pytest.mark.skipif(
    nvrtc_library() is None, reason="nvidia-cuda-nvrtc is not installed"
)


@needs_nvrtc
def test_every_kernel_compiles_for_hopper_without_spilling_registers() -> None:
    compiles_whole("sm_90", spilled_bytes_max=0)


@needs_nvrtc
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["sm_80", "sm_89", "sm_100", "sm_120"])
def test_every_kernel_compiles_for_others(architecture: str) -> None:
    compiles_whole(architecture, spilled_bytes_max=16)


def compiles_whole(architecture: str, spilled_bytes_max: int) -> None:
    """All kernels, in registers as good as all, two blocks of each side by side at least."""
    result, log = compile_for(architecture)
    assert result == 0, log
    pattern = rf"'(\w+)' for '{architecture}'.*?(\d+) bytes spill stores.*?Used (\d+) registers"
    found = {
        name: (int(spills), int(registers))
        for name, spills, registers in re.findall(pattern, log, re.DOTALL)
    }
    assert sorted(found) == sorted(kernel_names())
    spilling = {name: spills for name, (spills, _) in found.items() if spills > spilled_bytes_max}
    assert spilling == {}
    assert max(registers for _, registers in found.values()) <= REGISTERS_MAX
