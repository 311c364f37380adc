"""The engines of a CUDA device under the names of `convkit.engines.places.Host`."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.typing import DTypeLike
from convkit.engines.cuda import activation, arrays, channels, dense, loss, normalize, pool, update
from convkit.engines.cuda.arrays import DeviceArray
from convkit.kernels import arrays_cuda as kernels


class Device:
    """Arrays of this package on a CUDA device, and its engines."""

    activation, channels, dense, loss, normalize, pool, update = activation, channels, dense, loss, normalize, pool, update
    empty = staticmethod(arrays.empty)
    transposed = staticmethod(dense.transposed)

    @staticmethod
    def array(values: Any, dtype: DTypeLike | None = None) -> DeviceArray:
        """Numbers on the device, sent there if need be, in a dtype."""
        found = arrays.placed(values)
        return found if dtype is None else found.astype(dtype, copy=False)

    @staticmethod
    def reduced(losses: DeviceArray, reduction: str) -> DeviceArray:
        """Losses of elements as their mean, their sum, or as they are."""
        if reduction == "none":
            return losses
        total = losses.sum()
        return total if reduction == "sum" else total / losses.size

    @staticmethod
    def right(scores: DeviceArray, labels: Any) -> DeviceArray:
        """How many of the largest scores (N, classes) are those of the labels (N,): a number that waits on the device."""
        hits = arrays.empty((scores.shape[0],), np.dtype(np.float32))
        there = arrays.placed(labels).astype(np.int64, copy=False)
        arrays.launch(kernels.right, hits.size, scores.line, there.line, hits.line)
        return hits.sum()

    @staticmethod
    def wrong_label(labels: Any, classes: int, ignored: int | None) -> int | None:
        """The first label that is no class, of those in the memory of the host; on the device one makes the loss NaN."""
        if isinstance(labels, DeviceArray):
            return None
        wrong = (labels != ignored) & ((labels < 0) | (labels >= classes))
        return int(np.argmax(wrong)) if wrong.any() else None

    @staticmethod
    def moments(dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of means and variances of samples of a dtype: their own."""
        return dtype

    @staticmethod
    def flat(x: DeviceArray) -> DeviceArray:
        """The array: engines see its numbers as one line."""
        return x


DEVICE = Device()
