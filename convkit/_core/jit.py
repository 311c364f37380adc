"""How kernels are compiled: the one place that decides decorators, caching and what a first call says."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable
from functools import cache
from typing import Any

from convkit._core.announcer import Announcer
from convkit._core.codecache import DeviceCache, KernelCache

# "contract" alone turns a * b + c into one fused operation and keeps the order of sums: results do not
# depend on the vector width. `fastmath=True` would delete every test for NaN.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


# Kernels in the order in which they were defined, for the CPU and for a device.
KERNELS: list[Any] = []
DEVICE_KERNELS: list[Any] = []


def cache_directory(dispatcher: Any) -> str | None:
    """Directory where a kernel is kept once compiled, or None where no directory can be written."""
    path = getattr(getattr(dispatcher, "_cache", None), "cache_path", None)
    return None if path is None else str(path)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on its first call, once per set of types, releasing the GIL; keep it on disk if possible."""
    import numba

    _announce()
    _number_apart()
    dispatcher = numba.njit(function, **_OPTIONS)
    if numba.config.DISABLE_JIT:
        return dispatcher
    # A Numba that keeps its caches in another way compiles anew in each process, and does not share them unsafely.
    if hasattr(dispatcher, "_cache"):
        dispatcher._cache = KernelCache(function, repr(sorted(_OPTIONS.items())))
    KERNELS.append(dispatcher)
    return dispatcher


def helper(function: Callable[..., Any]) -> Any:
    """Compile `function` as a part of the kernels that call it."""
    import numba

    return numba.njit(function, **_OPTIONS)


def inlined(function: Callable[..., Any]) -> Any:
    """As `helper`, written into its caller before that is compiled: for what is long and called in one place."""
    import numba

    return numba.njit(function, inline="always", **_OPTIONS)


def cuda_kernel(function: Callable[..., Any], registers: int | None = None) -> Any:
    """Compile `function` for a CUDA device on its first launch, once per set of types; keep it on disk if possible.

    A thread has `registers` at most.
    """
    from convkit._core.gpu import SIMULATED, cuda

    if SIMULATED:  # which takes none of the compiler's options
        return cuda.jit(function)
    dispatcher = cuda.jit(function, max_registers=registers)
    if hasattr(dispatcher, "_cache"):
        dispatcher._cache = DeviceCache(function, repr(sorted(dispatcher.targetoptions.items())), _device_announcer())
    DEVICE_KERNELS.append(dispatcher)
    return dispatcher


def cuda_helper(function: Callable[..., Any]) -> Any:
    """Write `function` into the kernels for a CUDA device that call it."""
    from convkit._core.gpu import SIMULATED, cuda

    return cuda.jit(function, device=True) if SIMULATED else cuda.jit(function, device=True, inline="always")


_device_announcer = cache(Announcer)


def _number() -> None:
    """Begin to number functions at a place of this process's own."""
    from numba.core.bytecode import FunctionIdentity

    if hasattr(FunctionIdentity, "_unique_ids"):
        FunctionIdentity._unique_ids = itertools.count(secrets.randbits(60))


@cache
def _number_apart() -> None:
    """Keep symbols of different processes apart.

    Numba names a compiled function by its qualified name, its types and the number that it has in its process. Two closures of
    one factory, compiled in two processes, may so get one name, and who loads both from the cache then calls one for the other.
    """
    _number()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_number)


@cache
def _announce() -> None:
    """Say when compiling for the CPU takes over a second."""
    from numba.core import event

    announcer = Announcer()

    class Compiling(event.Listener):  # type: ignore[misc]
        depth = 0

        def on_start(self, event: Any) -> None:
            function = getattr(event.data.get("dispatcher"), "py_func", None)
            self.depth += 1
            if self.depth == 1 and getattr(function, "__module__", "").startswith("convkit."):
                announcer.begin()

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if self.depth == 0:
                announcer.end()

    if not announcer.silent:
        event.register("numba:compile", Compiling())
