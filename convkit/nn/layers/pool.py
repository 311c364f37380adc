"""Pooling layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from convkit.nn import functional
from convkit.nn.functional.pool import bound_max_pool
from convkit.nn.layers.layer import Layer, Operation, Shape, Window, counts, kept, several
from convkit.nn.passes import Operands

Numbers = int | tuple[int, ...]


class _Pool(Layer):
    """A window that moves over every channel; `dims` axes of space."""

    dims: int
    pair: Any

    def __init__(self, kernel_size: Numbers, stride: Numbers | None, padding: Numbers, ceil_mode: bool) -> None:
        super().__init__()
        self.kernel_size = kept(kernel_size)
        self.stride = self.kernel_size if stride is None else kept(stride)
        self.padding, self.ceil_mode = kept(padding), ceil_mode
        taps = counts(self, "kernel_size", self.kernel_size, self.dims, 1)
        counts(self, "stride", self.stride, self.dims, 1)
        pads = counts(self, "padding", self.padding, self.dims, 0)
        if any(p > k // 2 for p, k in zip(pads, taps, strict=True)):
            raise ValueError(f"{type(self).__name__}: padding={padding!r} is more than half of kernel_size={kernel_size!r}; a "
                             "window would lie outside of the input")

    def _dilation(self) -> Shape:
        return (1,) * self.dims

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result; with `ceil_mode` the last window may hang over, if it begins on a sample or before."""
        lengths = []
        for n, k, s, p, d in zip(shape[2:], *(several(v, self.dims) for v in (self.kernel_size, self.stride, self.padding)),
                                 self._dilation(), strict=True):
            free = n + 2 * p - d * (k - 1) - 1
            count = (-(-free // s) if self.ceil_mode else free // s) + 1
            lengths.append(count - (self.ceil_mode and (count - 1) * s >= n + p))
        return (*shape[:2], *lengths)

    def window(self, shape: Shape) -> Window:
        """The window, spread by the dilation."""
        extent = (d * (k - 1) + 1 for k, d in zip(several(self.kernel_size, self.dims), self._dilation(), strict=True))
        return Window(tuple(extent), tuple(map(float, several(self.stride, self.dims))))

    def misfit(self, shape: Shape) -> str:
        """What is wrong with an input of `shape`."""
        if len(shape) not in (self.dims + 1, self.dims + 2):
            axes = ("L", "H, W", "D, H, W")[self.dims - 1]
            return f"it got an input of shape {shape}, and expects (N, C, {axes}); give it before anything is flattened"
        return ""


class _MaxPool(_Pool):
    function: Any

    def __init__(self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, dilation: Numbers = 1,
                 return_indices: bool = False, ceil_mode: bool = False) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.dilation, self.return_indices = kept(dilation), return_indices
        counts(self, "dilation", self.dilation, self.dims, 1)

    def _dilation(self) -> Shape:
        return several(self.dilation, self.dims)

    def forward(self, x: Any, **more: Any) -> Any:
        """Compute the largest of each window, with their places if `return_indices`."""
        if self.return_indices:
            return self.function(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, True)
        return super().forward(x, **more)

    plain = forward

    def operands(self) -> Operands | None:
        """Nothing; of a layer with two results, None."""
        return None if self.return_indices else super().operands()

    def bind(self, x: Any, arrays: Operands, settings: dict[str, Any]) -> Callable[[Any], Any]:
        """The largest of each window, prepared for its shape and place."""
        return bound_max_pool(x, dims=self.dims, **settings)

    def operation(self) -> Operation:
        """The largest of each window."""
        return Operation(self.pair, (), {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding,
                                         "dilation": self.dilation, "ceil_mode": self.ceil_mode})

    def extra_repr(self) -> str:
        """Its settings."""
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
                f"ceil_mode={self.ceil_mode}")


class MaxPool1d(_MaxPool):
    """Largest of each window of signals (N, C, L); see `MaxPool2d`."""

    dims, pair, function = 1, staticmethod(functional.max_pool1d_pair), staticmethod(functional.max_pool1d)


class MaxPool2d(_MaxPool):
    """Largest of each window of images (N, C, H, W); the gradient goes to the first of equals.

    Parameters
    ----------
    kernel_size : int or tuple of int
        Samples of the window along each axis.
    stride : int or tuple of int, optional
        Distance of two windows; the kernel size without it.
    padding : int or tuple of int
        Samples that never win, on both sides of each axis; at most half the window.
    dilation : int or tuple of int
        Distance of two samples of a window.
    return_indices : bool
        Return also where the largest are, for `convkit.nn.functional.max_unpool2d`.
    ceil_mode : bool
        Whether a last window may hang over the edge.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    dims, pair, function = 2, staticmethod(functional.max_pool2d_pair), staticmethod(functional.max_pool2d)


class MaxPool3d(_MaxPool):
    """Largest of each window of volumes (N, C, D, H, W); see `MaxPool2d`."""

    dims, pair, function = 3, staticmethod(functional.max_pool3d_pair), staticmethod(functional.max_pool3d)


class _AvgPool(_Pool):
    def __init__(self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def operation(self) -> Operation:
        """The mean of each window."""
        return Operation(self.pair, (), {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding,
                                         "ceil_mode": self.ceil_mode, "count_include_pad": self.count_include_pad,
                                         "divisor_override": self.divisor_override})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """Mean of each window of signals (N, C, L); see `AvgPool2d`."""

    dims, pair = 1, staticmethod(functional.avg_pool1d_pair)

    def __init__(self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        steps = None if stride is None else several(stride, 1)
        super().__init__(several(kernel_size, 1), steps, several(padding, 1), ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """Mean of each window of images (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or tuple of int
        Samples of the window along each axis.
    stride : int or tuple of int, optional
        Distance of two windows; the kernel size without it.
    padding : int or tuple of int
        Zeros on both sides of each axis; at most half the window.
    ceil_mode : bool
        Whether a last window may hang over the edge.
    count_include_pad : bool
        Whether the padding counts in the mean.
    divisor_override : int, optional
        Divide the sums by this number, and not by that of the samples.
    """

    dims, pair = 2, staticmethod(functional.avg_pool2d_pair)


class AvgPool3d(_AvgPool):
    """Mean of each window of volumes (N, C, D, H, W); see `AvgPool2d`."""

    dims, pair = 3, staticmethod(functional.avg_pool3d_pair)


class _AdaptiveAvgPool(Layer):
    dims: int
    pair: Any

    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        super().__init__()
        self.output_size = kept(output_size)
        if isinstance(self.output_size, tuple):
            counts(self, "output_size", tuple(1 if n is None else n for n in self.output_size), self.dims, 1)
        elif self.output_size is not None:
            counts(self, "output_size", self.output_size, self.dims, 1)

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result; None keeps a length."""
        given = self.output_size if isinstance(self.output_size, tuple) else (self.output_size,) * self.dims
        return (*shape[:2], *(n if o is None else o for n, o in zip(shape[2:], given, strict=True)))

    def window(self, shape: Shape) -> Window | None:
        """The longest window."""
        out = self.out_shape(shape)[2:]
        if math.prod(out) == 1:
            return None
        stride = tuple(n / o for n, o in zip(shape[2:], out, strict=True))
        return Window(tuple(math.ceil(s) + (s % 1 > 0) for s in stride), stride)

    def operation(self) -> Operation:
        """The means."""
        return Operation(self.pair, (), {"output_size": self.output_size})

    def extra_repr(self) -> str:
        """Its setting."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of windows that cut signals (N, C, L) into `output_size` parts; see `AdaptiveAvgPool2d`."""

    dims, pair = 1, staticmethod(functional.adaptive_avg_pool1d_pair)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of windows that cut images (N, C, H, W) into `output_size` parts, whatever their size: 1 for one mean each.

    Parameters
    ----------
    output_size : int, None or tuple of these
        Length of each axis of the result; None keeps the input's.
    """

    dims, pair = 2, staticmethod(functional.adaptive_avg_pool2d_pair)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of windows that cut volumes (N, C, D, H, W) into `output_size` parts; see `AdaptiveAvgPool2d`."""

    dims, pair = 3, staticmethod(functional.adaptive_avg_pool3d_pair)
