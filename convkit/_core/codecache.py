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
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from convkit._core.announcer import Announcer

_PACKAGE = Path(__file__).resolve().parent.parent
_KERNELS = _PACKAGE / "kernels"
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
        sources = sorted(_KERNELS.rglob("*.py"))
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


class _UntoldError(Exception):
    """Something that cannot be described alike in every process."""


def _told(value: Any, seen: list[FunctionType] | None = None) -> str:
    """Describe what a function was made with, alike in every process, and all that this was made with in turn.

    Raises
    ------
    _UntoldError
        For what has no other name than its place in memory, and for code that no stamp covers.
    """
    seen = [] if seen is None else seen
    function = getattr(value, "py_func", None) or getattr(value, "_defn", None) or value
    if isinstance(function, FunctionType):
        for i, known in enumerate(seen):
            if known is function:
                return f"function {i}"
        seen.append(function)
        code = function.__code__
        if code.co_names and _KERNELS not in Path(code.co_filename).resolve().parents:
            raise _UntoldError(f"{function.__qualname__} may use what is not of {_KERNELS.name}/")
        try:
            cells = [_told(cell.cell_contents, seen) for cell in function.__closure__ or ()]
        except ValueError:
            raise _UntoldError(f"{function.__qualname__} is not complete") from None
        made = (cells, _told(function.__defaults__, seen), _told(function.__kwdefaults__, seen))
        return f"{type(value).__name__} {function.__module__}.{function.__qualname__} {_told_of(code)} {made}"
    if isinstance(value, tuple | list | dict):
        items = value.items() if isinstance(value, dict) else value
        return f"{type(value).__qualname__}({', '.join(_told(item, seen) for item in items)})"
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"{value.dtype!r} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    words = repr(value)
    if " at 0x" in words:
        raise _UntoldError(words)
    return words


def _told_of(code: CodeType) -> str:
    """What a function does: its steps, the names and constants in them, and the functions it makes."""
    constants = [_told_of(value) if isinstance(value, CodeType) else repr(value) for value in code.co_consts]
    return repr((code.co_code, code.co_names, constants))


class KernelCache:
    """Compiled variants of one function, on disk; takes the place of Numba's own cache in a dispatcher.

    Numba's keeps an index of numbered files, and two processes that fill it at once can leave the code of one under
    the types of the other; its stamp covers one source file; it does not tell code with bounds checked from code
    without. Here the names of an index and its one file follow from all that the code depends on, the index repeats it in
    full, and both appear in one step. Whatever cannot be read is compiled, and whatever cannot be written is not kept.
    """

    def __init__(self, function: Callable[..., Any], options: str) -> None:
        self._function, self._options = function, options
        self._source = function.__code__.co_filename
        self._base = f"{Path(self._source).stem}.{function.__qualname__.replace('<', '').replace('>', '')}"
        self._enabled = bool(stamp())

    @cached_property
    def _own(self) -> tuple[Any, ...] | None:
        """What the code depends on but for types and processor; None if that cannot be told."""
        import llvmlite
        import numba

        try:
            # What a function was made with is part of its code.
            made = hashlib.sha256(_told(self._function).encode()).hexdigest()
        except _UntoldError:
            return None
        line = self._function.__code__.co_firstlineno
        return (stamp(), sys.version, numba.__version__, llvmlite.__version__, self._options, line, made)

    @property
    def _usable(self) -> bool:
        return self._enabled and self._own is not None

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
        if not self._usable:
            return None
        from numba.core.compiler import CompileResult

        target_context.refresh()
        return self._load(signature, target_context.codegen(), lambda kept: CompileResult._rebuild(target_context, *kept))

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep compiled code on disk, if there is a place for it."""
        if self._usable and not result.library.has_dynamic_globals and all(part.can_cache for part in result.lifted):
            self._save(signature, result.codegen, result._reduce)

    def _load(self, signature: Any, codegen: Any, rebuilt: Callable[[Any], Any]) -> Any:
        key = self._key(signature, codegen)
        for directory in self._directories()[0]:
            try:
                kept = self._file(directory, key).load(key)
                if kept is not None:
                    return rebuilt(kept)
            # A file that is cut short or was written by something else may raise anything; it is compiled anew.
            except Exception:
                continue
        return None

    def _save(self, signature: Any, codegen: Any, reduced: Callable[[], Any]) -> None:
        path = self._directories()[1]
        if path is None:
            return
        key = self._key(signature, codegen)
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)
            self._file(path, key).save(key, reduced())
            self._sweep(path)

    def _sweep(self, path: Path) -> None:
        """Remove what older sources of this function, and processes that were killed, have left."""
        for file in path.glob(f"{self._base}-*"):
            with contextlib.suppress(OSError):
                stale = file.suffix in (".nbc", ".nbi") and not file.name.startswith(f"{self._base}-{stamp()[:12]}-")
                if stale or (".tmp." in file.name and time.time() - file.stat().st_mtime > _ABANDONED):
                    file.unlink()


_release = cache(metadata.version)


class DeviceCache(KernelCache):
    """Compiled variants of one kernel for CUDA devices, on disk; takes the place of numba-cuda's own cache in a dispatcher.

    That has the faults of Numba's, and tells closures apart by pickling what they were made with, helpers and all. `announcer`
    learns when compiling begins and ends: numba-cuda has no event that says so.
    """

    def __init__(self, function: Callable[..., Any], options: str, announcer: Announcer) -> None:
        super().__init__(function, f"{options} numba-cuda {_release('numba-cuda')}")
        self._announcer = announcer

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """A compiled kernel for the types of its arguments and the kind of the device in use, or None."""
        found = self._load(signature, target_context.codegen(), lambda kernel: kernel) if self._usable else None
        if found is None:
            self._announcer.begin()
        return found

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled kernel on disk, if there is a place for it."""
        self._announcer.end()
        if not self._usable or result.launch_config_sensitive:  # code that holds for one grid only
            return
        # Which kernels cannot be pickled is for numba-cuda to know: those linked with files, say. They run all the same.
        with contextlib.suppress(Exception):
            self._save(signature, result.codegen, lambda: result)


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
