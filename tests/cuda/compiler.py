"""Compiling kernels for two kinds of device without one, and what the compiler says of them."""

import collections
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from numba import config


def missing():
    """The wheels that compiling needs and that are not here."""
    if config.ENABLE_CUDASIM:
        return "the simulator is on, which compiles nothing"
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not here: pip install 'convkit[cu13]'"
    from numba import cuda

    try:
        cuda.compile_ptx(lambda x: None, (cuda.types.float32[::1],), cc=(9, 0))
    except Exception as error:  # NVVM, NVRTC or nvJitLink cannot be loaded
        return f"nothing can be compiled: {error}"
    return ""


REASON = missing()
needed = pytest.mark.skipif(bool(REASON), reason=REASON)
DEVICES = [(8, 0), (9, 0)]
# Sums and products in double precision; rounding to an integer goes through a conversion.
ARITHMETIC = r"\b(add|sub|mul|fma|div|setp|min|max)\S*\.f64"


def compiled(body, signature, device):
    """PTX of a plain function."""
    from numba import cuda

    return cuda.compile_ptx(body, signature, cc=device)[0]


def count(pattern, ptx):
    return len(re.findall(pattern, ptx))


def assembled(ptx, device, registers):
    """Machine code, and what the assembler reports of it."""
    from cuda.core import Linker, LinkerOptions, ObjectCode

    options = LinkerOptions(arch=f"sm_{device[0]}{device[1]}", max_register_count=registers, verbose=True)
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
    return linker.link("cubin"), linker.get_info_log()


def resources(ptx, device, registers):
    """Registers and spilled bytes that the assembler reports."""
    return assembled(ptx, device, registers)[1]


def spills(body, signature, registers):
    """Devices for which registers are spilled: the compiler makes the same of a function for each, and is asked once."""
    ptx = compiled(body, signature, DEVICES[0])
    assert not count(r"\.local\b", ptx)
    none = "0 bytes spill stores, 0 bytes spill loads"
    return [device for device in DEVICES if none not in resources(ptx, device, registers)]


def disassembler():
    """The program that shows machine code, of the wheel nvidia-cuda-nvdisasm or on the path; or None."""
    found = importlib.util.find_spec("nvidia")
    for folder in found.submodule_search_locations if found else ():
        for path in Path(folder).glob("*/bin/nvdisasm*"):
            return str(path)
    return shutil.which("nvdisasm")


def stretches(ptx, registers, tmp_path, device=(9, 0)):
    """How often each instruction stands between two jumps or labels of the machine code, for every such stretch."""
    path = tmp_path / "kernel.cubin"
    path.write_bytes(assembled(ptx, device, registers)[0].code)
    text = subprocess.run([disassembler(), "-c", str(path)], capture_output=True, text=True, check=True).stdout
    found = [collections.Counter()]
    for line in text.splitlines():
        if line.startswith(".L_x_"):
            found.append(collections.Counter())
        elif instruction := re.match(r"\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9]+(?:\.[A-Z0-9_.]+)?)", line):
            name, *more = instruction[1].split(".")
            found[-1][f"{name}.{next((m for m in more if m in ('64', '128')), '')}".rstrip(".")] += 1
            if name == "BRA":
                found.append(collections.Counter())
    return [stretch for stretch in found if stretch]
