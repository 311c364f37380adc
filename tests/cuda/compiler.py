"""Compiling kernels for two kinds of device without one, and what the compiler says of them."""

import importlib.util
import re

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


def resources(ptx, device, registers):
    """Registers and spilled bytes that the assembler reports."""
    from cuda.core import Linker, LinkerOptions, ObjectCode

    options = LinkerOptions(arch=f"sm_{device[0]}{device[1]}", max_register_count=registers, verbose=True)
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
    linker.link("cubin")
    return linker.get_info_log()
