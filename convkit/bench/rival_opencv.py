"""Adapter to OpenCV, which correlates: the weights are turned beforehand, and the anchor set to match."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.task import Contender, Task

# filter2D and its kin know no BORDER_WRAP.
BORDER = {"zero": "CONSTANT", "edge": "REPLICATE", "reflect": "REFLECT_101", "symmetric": "REFLECT"}
DTYPES = ("float32", "float64", "uint8")


def opencv(task: Task, workers: int) -> list[Contender]:
    """``cv2``: filter2D; sepFilter2D where the taps are known; blur where they are all equal. Images only.

    A convolution with k taps reads k // 2 samples before and (k - 1) // 2 after: that is the anchor k // 2.
    """
    import cv2

    if task.dims != 2 or task.x.dtype.name not in DTYPES or task.boundary not in BORDER:
        return []
    border = getattr(cv2, f"BORDER_{BORDER[task.boundary]}")
    precision = np.float64 if task.x.dtype == np.float64 else np.float32
    depth = {"float32": cv2.CV_32F, "float64": cv2.CV_64F, "uint8": cv2.CV_8U}[task.x.dtype.name]
    rows, columns = task.weights.shape
    anchor = (columns // 2, rows // 2)
    turned = np.ascontiguousarray(np.flip(task.weights), precision)

    def dense() -> NDArray[Any]:
        return np.asarray(cv2.filter2D(task.x, depth, turned, anchor=anchor, delta=0, borderType=border))

    found = [Contender("cv2.filter2D", dense)]
    if task.taps is None:
        return found
    down, along = (np.ascontiguousarray(line[::-1], precision) for line in task.taps)

    def passes() -> NDArray[Any]:
        return np.asarray(cv2.sepFilter2D(task.x, depth, along, down, anchor=anchor, delta=0, borderType=border))

    found.append(Contender("cv2.sepFilter2D", passes))
    if all(np.allclose(line, 1 / line.size, rtol=1e-6, atol=0) for line in task.taps):

        def box() -> NDArray[Any]:
            return np.asarray(cv2.blur(task.x, (columns, rows), anchor=anchor, borderType=border))

        found.append(Contender("cv2.blur", box))
    return found
