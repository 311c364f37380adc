"""How kernels are compiled: the one place that decides decorators, caching and what a first call says."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

# "contract" alone turns a * b + c into one fused operation and keeps the order of sums: results do not
# depend on the vector width. `fastmath=True` would delete every test for NaN.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


@cache
def _stamp() -> str:
    """Digest of all sources that a compiled kernel may contain."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for path in sorted((package / "kernels").glob("*.py")) + [Path(__file__).resolve()]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_directory(dispatcher: Any) -> str | None:
    """Directory where a kernel is kept once compiled, or None where no directory can be written."""
    impl = getattr(getattr(dispatcher, "_cache", None), "_impl", None)
    return None if impl is None else str(impl.locator.get_cache_path())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on its first call, once per set of types, releasing the GIL; keep it on disk if possible."""
    import numba

    _announce()
    dispatcher = numba.njit(function, **_OPTIONS)
    if numba.config.DISABLE_JIT:
        return dispatcher
    # Numba's stamp covers only the file of the kernel itself: a kernel that inlines another file's
    # function would be loaded stale after an upgrade. Ours covers all of kernels/.
    try:
        dispatcher.enable_caching()
        locator = dispatcher._cache._impl.locator
        own = locator.get_source_stamp
        locator.get_source_stamp = lambda: (own(), _stamp())
        dispatcher._cache._cache_file._source_stamp = locator.get_source_stamp()
    except RuntimeError:  # no writable directory: compile anew in each process
        pass
    return dispatcher


def helper(function: Callable[..., Any]) -> Any:
    """Compile `function` as a part of the kernels that call it."""
    import numba

    return numba.njit(function, **_OPTIONS)


@cache
def _announce() -> None:
    """Say once, on a terminal, when compiling takes over a second (``CONVKIT_QUIET=1``: never)."""
    from numba.core import event

    class Announcer(event.Listener):  # type: ignore[misc]
        def __init__(self) -> None:
            self.timer: threading.Timer | None = None
            self.depth = 0

        def on_start(self, event: Any) -> None:
            function = getattr(event.data.get("dispatcher"), "py_func", None)
            self.depth += 1
            if self.depth == 1 and getattr(function, "__module__", "").startswith("convkit."):
                self.timer = threading.Timer(1.0, self.say)
                self.timer.daemon = True
                self.timer.start()

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if self.depth == 0 and self.timer is not None:
                self.timer.cancel()
                self.timer = None

        def say(self) -> None:
            event.unregister("numba:compile", self)
            print("convkit: compiling kernels for this machine; they are kept for later (CONVKIT_QUIET=1 hides this line)",
                  file=sys.stderr)

    if os.environ.get("CONVKIT_QUIET", "") in ("", "0") and sys.stderr.isatty():
        event.register("numba:compile", Announcer())
