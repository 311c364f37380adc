"""What a measurement must say about where it was made: versions, cores, vector width, cache, CUDA."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform


def versions(names: tuple[str, ...] = ("convkit", "numba", "numpy", "scipy")) -> dict[str, str]:
    """Versions of Python and of the named distributions; ``not installed`` where there is none."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, str | int]:
    """Processor, cores, workers that this process may use, vector width in bits, system."""
    from convkit._core.workers import available
    from convkit.kernels.simd import vector_bits
    from convkit.planning.profile import processor

    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "workers": int(available()),
        "vector_bits": int(vector_bits()),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cuda_state() -> str:
    """One line on CUDA: numba-cuda missing, no device, or the device's name. Never raises."""
    try:
        version = importlib.metadata.version("numba-cuda")
    except importlib.metadata.PackageNotFoundError:
        return 'numba-cuda is not installed (pip install "convkit[cu12]" or "convkit[cu13]")'
    try:
        from convkit._core.gpu import cuda, described

        if not cuda.is_available():
            return f"numba-cuda {version}, no device found"
        return f"numba-cuda {version}, {described()[0]}"
    except Exception as error:  # a broken driver may raise anything, and asking for the state must not fail
        return f"numba-cuda {version}, not usable: {' '.join(str(error).split())[:120]}"
