"""Where compiled kernels are kept: one file per kernel, types and processor, so that processes need no lock to share them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent
# A file that another process left half written is removed after this many seconds.
_ABANDONED = 3600.0
# Settings of Numba that change code.
_SETTINGS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")


@cache
def stamp() -> str:
    """Digest of all sources that a compiled kernel may contain; empty where they cannot be read.

    A kernel inlines functions of other files: all of ``kernels/`` counts, and how kernels are compiled.
    """
    digest = hashlib.sha256()
    try:
        sources = sorted((_PACKAGE / "kernels").rglob("*.py"))
        for path in [*sources, _PACKAGE / "_core" / "jit.py", Path(__file__)]:
            text = path.read_bytes()
            digest.update(f"{path.name} {len(text)} ".encode())
            digest.update(text)
    except OSError:
        return ""
    return digest.hexdigest() if sources else ""


def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


@cache
def directories(source: str, named: str) -> tuple[tuple[Path, ...], Path | None]:
    """Directories to look for the kernels of a file in, and the one to keep them in (None: nothing can be written).

    In this order: `named` (``NUMBA_CACHE_DIR``), the ``__pycache__`` beside the source, the user's cache directory; up
    to the first that can be written. What stands before it is read only.
    """
    from platformdirs import user_cache_dir

    folder = Path(source).resolve().parent
    private = f"{folder.name}_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    candidates = [Path(named).absolute() / private] if named else []
    candidates += [folder / "__pycache__", Path(user_cache_dir("convkit", appauthor=False)) / "kernels" / private]
    looked: list[Path] = []
    for directory in candidates:
        if not directory.is_absolute():  # no home directory is known
            continue
        looked.append(directory)
        if _writable(directory):
            return tuple(looked), directory
    return tuple(looked), None


def _told(value: Any) -> str:
    """Describe what a function was made with, alike in every process: a function by its name and code."""
    function = getattr(value, "py_func", value)
    if hasattr(function, "__code__"):
        return f"{function.__module__}.{function.__qualname__} {function.__code__.co_code!r}"
    return repr(value)


class KernelCache:
    """Compiled variants of one function, on disk; takes the place of Numba's own cache in a dispatcher.

    Numba's keeps an index of numbered files, and two processes that fill it at once can leave the code of one under
    the types of the other; its stamp covers one source file; it does not tell code with bounds checked from code
    without. Here the names of an index and its one file follow from all that the code depends on, the index repeats it in
    full, and both appear in one step. Whatever cannot be read is compiled, and whatever cannot be written is not kept.
    """

    def __init__(self, function: Callable[..., Any], options: str) -> None:
        import llvmlite
        import numba

        code = function.__code__
        self._source = code.co_filename
        self._base = f"{Path(self._source).stem}.{function.__qualname__.replace('<', '').replace('>', '')}"
        # What a function was made with is part of its code.
        cells = [_told(cell.cell_contents) for cell in function.__closure__ or ()]
        made = hashlib.sha256(repr((code.co_code, cells, function.__defaults__)).encode()).hexdigest()
        self._own = (stamp(), sys.version, numba.__version__, llvmlite.__version__, options, code.co_firstlineno, made)
        self._enabled = bool(stamp())

    @property
    def cache_path(self) -> str | None:
        """Directory where compiled kernels are kept, or None where no directory can be written."""
        path = self._directories()[1] if self._enabled else None
        return None if path is None else str(path)

    def _directories(self) -> tuple[tuple[Path, ...], Path | None]:
        from numba import config

        return directories(self._source, config.CACHE_DIR or "")

    def enable(self) -> None:
        """Use the disk."""
        self._enabled = bool(stamp())

    def disable(self) -> None:
        """Leave the disk alone."""
        self._enabled = False

    def flush(self) -> None:
        """Forget all variants of this function."""
        path = self._directories()[1]
        if path is not None:
            for file in path.glob(f"{self._base}-*.nbc"):
                file.unlink(missing_ok=True)

    def _key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        from numba import config

        settings = tuple(repr(getattr(config, name, None)) for name in _SETTINGS)
        return (self._own, repr(signature), codegen.magic_tuple(), settings)

    def _name(self, key: tuple[Any, ...]) -> str:
        return f"{self._base}-{stamp()[:12]}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}"

    def _file(self, directory: Path, key: tuple[Any, ...]) -> Any:
        """Numba's own reader and writer, on an index and a file that hold this one variant."""
        from numba.core.caching import IndexDataCacheFile

        return IndexDataCacheFile(str(directory), self._name(key), stamp())

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Compiled code for a signature, or None."""
        if not self._enabled:
            return None
        from numba.core.compiler import CompileResult

        target_context.refresh()
        key = self._key(signature, target_context.codegen())
        for directory in self._directories()[0]:
            try:
                reduced = self._file(directory, key).load(key)
                if reduced is not None:
                    return CompileResult._rebuild(target_context, *reduced)
            # A file that is cut short or was written by something else may raise anything; it is compiled anew.
            except Exception:
                continue
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep compiled code on disk, if there is a place for it."""
        path = self._directories()[1] if self._enabled else None
        if path is None or result.library.has_dynamic_globals or any(not part.can_cache for part in result.lifted):
            return
        key = self._key(signature, result.codegen)
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)
            self._file(path, key).save(key, result._reduce())
            self._sweep(path)

    def _sweep(self, path: Path) -> None:
        """Remove what older sources of this function, and processes that were killed, have left."""
        for file in path.glob(f"{self._base}-*"):
            with contextlib.suppress(OSError):
                stale = file.suffix in (".nbc", ".nbi") and not file.name.startswith(f"{self._base}-{stamp()[:12]}-")
                if stale or (".tmp." in file.name and time.time() - file.stat().st_mtime > _ABANDONED):
                    file.unlink()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file such that no reader ever sees a part of it.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind then.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on a file; call `waiting` once if another process holds it. The system frees it on exit.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    with open(path, "a+b") as file:
        take, free = _lock_calls(file)
        if not take(False):
            waiting()
            while not take(True):
                time.sleep(0.1)
        try:
            yield
        finally:
            free()


def _lock_calls(file: Any) -> tuple[Callable[[bool], bool], Callable[[], None]]:
    """Calls that take a lock (True: wait for it), and free it."""
    if sys.platform == "win32":
        import msvcrt

        def take(wait: bool) -> bool:
            file.seek(0)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                return False
            return True

        def free() -> None:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

    else:
        import fcntl

        def take(wait: bool) -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return False
            return True

        def free() -> None:
            fcntl.flock(file, fcntl.LOCK_UN)

    return take, free
