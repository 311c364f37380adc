"""The rivals: which there are, which are installed, and how many threads they may use.

A rival is a function ``(task, workers) -> list[Contender]``: the calls that give the result of one task, none where it
knows no such call. The fastest of them is the one that is measured. Only the modules ``rival_*`` call the rivals'
convolutions.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

from convkit.bench.rival_opencv import opencv
from convkit.bench.rival_scipy import numpy_convolve, scipy_ndimage, scipy_signal
from convkit.bench.rival_torch import torch
from convkit.bench.task import Contender, Task

__all__ = ["FULL", "GROUPS", "RIVALS", "Contender", "Task", "choose_rivals", "installed", "only", "rival_versions", "threads"]

Rival: TypeAlias = Callable[[Task, int], list[Contender]]

RIVALS: dict[str, Rival] = {
    "scipy.signal": scipy_signal,
    "scipy.ndimage": scipy_ndimage,
    "numpy": numpy_convolve,
    "opencv": opencv,
    "torch": torch,
}

# Words of --rivals, and the rivals they mean.
GROUPS: dict[str, tuple[str, ...]] = {
    "scipy": ("scipy.signal", "scipy.ndimage"),
    "numpy": ("numpy",),
    "opencv": ("opencv",),
    "torch": ("torch",),
}
FULL = GROUPS["scipy"]
MODULES = {"opencv": "cv2"}
THREADS = {"opencv": ("getNumThreads", "setNumThreads"), "torch": ("get_num_threads", "set_num_threads")}
DISTRIBUTIONS = {
    "cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
    "opencv": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
}


def installed(group: str) -> bool:
    """Whether the library of a word of ``GROUPS`` can be imported."""
    return importlib.util.find_spec(MODULES.get(group, group)) is not None


def choose_rivals(text: str, groups: Mapping[str, tuple[str, ...]] = GROUPS) -> tuple[tuple[str, ...], list[str]]:
    """Names of rivals for words such as ``scipy,opencv``, and the words whose library is not installed.

    Raises
    ------
    ValueError
        For a word that is not in ``groups``, or where there is none.
    """
    words = list(dict.fromkeys(text.replace(",", " ").lower().split()))
    unknown = [word for word in words if word not in groups]
    if unknown or not words:
        said = f"--rivals is {text!r}" + (f"; {unknown[0]!r} is not known" if unknown else "")
        raise ValueError(f"{said}; give some of {', '.join(groups)}, as in --rivals {','.join(list(groups)[:2])}")
    missing = [word for word in words if not installed(word)]
    return tuple(name for word in words if word not in missing for name in groups[word]), missing


def rival_versions(groups: Sequence[str] = ("opencv", "torch")) -> dict[str, str]:
    """Versions of the rivals that are installed beside convkit's own requirements."""
    from convkit.bench.machine import versions

    found = {}
    for group in groups:
        known = versions(DISTRIBUTIONS.get(group, (group,)))
        found[group] = next((v for name, v in known.items() if name != "python" and v != "not installed"), "not installed")
    return found


def only(contenders: Sequence[Contender], *names: str) -> list[Contender]:
    """Those contenders whose name begins with one of ``names``."""
    return [contender for contender in contenders if contender.name.startswith(names)]


@contextmanager
def threads(workers: int, names: Sequence[str] = tuple(RIVALS)) -> Iterator[None]:
    """Let OpenCV and torch, where they are named and installed, use ``workers`` threads; restore theirs at the end."""
    with ExitStack() as stack:
        for group in ("opencv", "torch"):
            if group not in names or not installed(group):
                continue
            library = importlib.import_module(MODULES.get(group, group))
            read, write = THREADS[group]
            stack.callback(getattr(library, write), getattr(library, read)())
            getattr(library, write)(workers)
        yield
