"""How many workers may run, and the process-wide pool that runs them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

Piece = TypeVar("Piece")
_Job = Callable[[], None]

_default: int | None = None


def _cgroup_limit() -> int | None:
    """CPUs granted by the container, rounded up; None without a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    try:
        quota_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        period_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text())
        return max(1, -(-quota_us // period_us)) if quota_us > 0 else None
    except (OSError, ValueError):
        return None


@cache
def processors() -> int:
    """CPUs that this process may run on: affinity and container limits."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    limit = _cgroup_limit()
    return count if limit is None else min(count, limit)


def available() -> int:
    """Workers used when none are asked for: `set_workers`, else ``OMP_NUM_THREADS``, else every processor."""
    if _default is not None:
        return _default
    word = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(word), processors()) if word.isdigit() and int(word) > 0 else processors()


def resolve(workers: object) -> int:
    """Number of workers meant by a ``workers=`` argument.

    Raises
    ------
    TypeError, ValueError
        For anything but None, a positive number, or a negative one that wraps around as in `scipy.fft`.
    """
    if workers is None:
        return available()
    try:
        n = int(workers.__index__())  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        raise TypeError(f"workers={workers!r} must be a whole number or None (as many as this process may use)") from None
    if isinstance(workers, bool):
        raise TypeError(f"workers={workers!r} must be a whole number or None (as many as this process may use)")
    most = processors()
    if n < 0:
        n += most + 1
    if n < 1:
        raise ValueError(
            f"workers={workers!r} is not allowed; give 1 or more, None (as many as this process may use), "
            f"or -1 (all {most}) down to -{most} (one)"
        )
    return n


class _Restore:
    """Restores the former number of workers when the ``with`` block ends."""

    def __init__(self, former: int | None) -> None:
        self._former = former

    def __enter__(self) -> _Restore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        global _default
        _default = self._former


def set_workers(n: int | None) -> _Restore:
    """Set how many workers (threads) convkit uses where ``workers=None``.

    It takes effect at once, in all threads. Results never depend on it.

    Parameters
    ----------
    n : int or None
        1 or more; -1 for all processors of this process, -2 for all but one and so on; None for the
        default: the processors allowed by affinity and container limits, or ``OMP_NUM_THREADS``.

    Returns
    -------
    object
        As a context manager it restores the former number at the end of the block.

    Raises
    ------
    ValueError
        If `n` is 0, or below minus the number of processors.
    TypeError
        If `n` is not a whole number.

    Examples
    --------
    >>> import convkit
    >>> with convkit.set_workers(1):
    ...     y = convkit.convolve([1.0, 2.0, 3.0], [0.5, 0.5])
    """
    global _default
    value = None if n is None else resolve(n)
    restore = _Restore(_default)
    _default = value
    return restore


class _Pool:
    """Daemon threads that wait for jobs; started as needed, never stopped."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0

    def submit(self, job: _Job, count: int) -> None:
        with self._lock:
            while self._threads < count:
                self._threads += 1
                threading.Thread(target=self._work, name=f"convkit-{self._threads}", daemon=True).start()
        for _ in range(count):
            self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()


_pool = _Pool()


def _remake() -> None:
    """Forget threads that a fork did not copy."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remake)


class _Run:
    """One parallel loop: the pieces not yet begun, the helpers at work, and the first error."""

    def __init__(self, task: Callable[[Any], object], pieces: Iterable[Any]) -> None:
        self._task = task
        self._pieces: Iterator[Any] = iter(pieces)
        self._lock = threading.Lock()
        self._active = 0
        self._over = False
        self._idle = threading.Event()
        self.error: BaseException | None = None

    def _next(self) -> tuple[bool, Any]:
        with self._lock:
            if self.error is None:
                for piece in self._pieces:
                    return True, piece
            return False, None

    def _work(self) -> None:
        try:
            more, piece = self._next()
            while more:
                self._task(piece)
                more, piece = self._next()
        except BaseException as error:
            self.error = self.error or error

    def help(self) -> None:
        with self._lock:
            # A helper that wakes after the loop is over has nothing to do, and nobody waits for it:
            # so a task may itself run a loop without running out of threads.
            if self._over:
                return
            self._active += 1
        self._work()
        with self._lock:
            self._active -= 1
            if self._over and self._active == 0:
                self._idle.set()

    def finish(self) -> None:
        self._work()
        with self._lock:
            self._over = True
            if self._active == 0:
                return
        self._idle.wait()


def run(task: Callable[[Piece], object], pieces: list[Piece], workers: int) -> None:
    """Call ``task(piece)`` for every piece, on up to `workers` threads; the caller works too.

    The tasks must release the GIL to gain anything and write to places of their own. A failing task stops
    the loop, and its exception is raised here once no task is running.
    """
    helpers = min(workers, len(pieces)) - 1
    if helpers < 1:
        for piece in pieces:
            task(piece)
        return
    loop = _Run(task, pieces)
    _pool.submit(loop.help, helpers)
    loop.finish()
    if loop.error is not None:
        raise loop.error
