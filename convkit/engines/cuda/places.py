"""The engines of a CUDA device under the names of `convkit.engines.places.Host`."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.device import resident
from convkit._core.typing import DTypeLike
from convkit.engines.cuda import activation, arrays, channels, dense, loss, normalize, pool, update
from convkit.engines.cuda.arithmetic import chosen, launch
from convkit.engines.cuda.arrays import DeviceArray
from convkit.engines.cuda.feed import arrived, fed
from convkit.engines.labels import no_class
from convkit.kernels import arrays_cuda as kernels


class Device:
    """Arrays of this package on a CUDA device, and its engines."""

    activation, channels, dense, loss, normalize, pool, update = activation, channels, dense, loss, normalize, pool, update
    empty, fed = staticmethod(arrays.empty), staticmethod(fed)
    transposed = staticmethod(dense.transposed)

    @staticmethod
    def array(values: Any, dtype: DTypeLike | None = None) -> DeviceArray:
        """Numbers on the device, sent there if need be, in a dtype."""
        found = arrays.taken(values) if resident(values) else arrived(np.asarray(values))
        return found if dtype is None else found.astype(dtype, copy=False)

    @staticmethod
    def reduced(losses: DeviceArray, reduction: str) -> Any:
        """Losses of elements as their mean, their sum, or as they are."""
        if reduction == "none":
            return losses
        total = losses.sum()
        return total if reduction == "sum" else total / losses.size

    @staticmethod
    def right(scores: DeviceArray, labels: Any) -> Any:
        """How many of the largest scores (N, classes) are those of the labels (N,): a number that waits on the device."""
        hits = arrays.empty((scores.shape[0],), np.dtype(np.float32))
        there = Device.array(labels, np.int64)
        launch(kernels.right, hits.size, scores.line, there.line, hits.line)
        return hits.sum()

    # Those of the host, before they are sent.
    looks_first = True

    @staticmethod
    def no_class(labels: DeviceArray, classes: int, ignored: int | None) -> int | None:
        """The first label that is no class, of a batch that was fed; nothing is fetched to find one, which makes losses NaN."""
        known = (labels if labels.base is None else labels.base).host
        return None if known is None or known.size != labels.size else no_class(known.reshape(-1), classes, ignored)

    @staticmethod
    def negative(values: DeviceArray) -> tuple[DeviceArray, int]:
        """Numbers with NaN for those that are negative; nothing is fetched to count them."""
        held: Any = values
        return chosen(held < 0, np.nan, held), 0

    @staticmethod
    def moments(dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of means and variances of samples of a dtype: their own."""
        return dtype

    @staticmethod
    def flat(array: DeviceArray) -> DeviceArray:
        """The array: engines see its numbers as one line."""
        return array


DEVICE = Device()
