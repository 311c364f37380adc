"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convkit._core.checks import word
from convkit._core.typing import DTypeLike
from convkit.nn import functional, init
from convkit.nn.functional.conv import BOUNDARIES, BoundConvolution
from convkit.nn.functional.operands import parameter_dtype
from convkit.nn.layers.layer import Layer, Operation, Shape, Window, count, counts, told
from convkit.nn.module import Parameter
from convkit.nn.passes import Operands

Numbers = int | tuple[int, ...]


class Conv(Layer):
    """What `Conv2d` and its like share; `dims` axes of space."""

    dims: int
    pair: Any
    transposed = False

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Numbers, stride: Numbers, padding: Numbers | str,
                 dilation: Numbers, groups: int, bias: bool, padding_mode: str, dtype: DTypeLike) -> None:
        super().__init__()
        in_channels, out_channels = count(self, "in_channels", in_channels), count(self, "out_channels", out_channels)
        groups = count(self, "groups", groups)
        parameter_dtype(type(self).__name__, np.dtype(dtype))
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if value % groups:
                raise ValueError(f"{type(self).__name__}: {name}={value} cannot be cut into groups={groups} of equal size; "
                                 f"choose a divisor of {math.gcd(in_channels, out_channels)}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = counts(self, "kernel_size", kernel_size, self.dims, 1)
        self.stride, self.dilation = (counts(self, name, value, self.dims, 1)
                                      for name, value in (("stride", stride), ("dilation", dilation)))
        self.padding = padding if isinstance(padding, str) else counts(self, "padding", padding, self.dims, 0)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"{type(self).__name__}: padding={padding!r} is not known; it may be 'same', 'valid' or numbers")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{type(self).__name__}: padding='same' needs stride 1, and stride is {stride!r}; give padding as "
                             "a number")
        self.padding_mode = word(padding_mode, f"{type(self).__name__}: padding_mode", tuple(BOUNDARIES))
        channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(init.blank((channels[0], channels[1] // groups, *self.kernel_size), dtype))
        self.bias = Parameter(init.blank((out_channels,), dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, as PyTorch does: evenly between -1 / sqrt(fan_in) and 1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(init.fans(self.weight)[0])
            init.uniform_(self.bias, -bound, bound)

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Samples put before and after each axis."""
        if self.padding == "valid":
            return ((0, 0),) * self.dims
        if isinstance(self.padding, str):
            reach = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            return tuple((n // 2, n - n // 2) for n in reach)
        return tuple((p, p) for p in self.padding)

    def misfit(self, shape: Shape) -> str:
        """What is wrong with an input of `shape`."""
        fix = f"make the layer with in_channels={shape[-self.dims - 1] if len(shape) > self.dims else '...'}"
        if wrong := told(self.in_channels, shape, self.dims, fix):
            return wrong
        if min(self.out_shape(shape if len(shape) == self.dims + 2 else (1, *shape))[2:]) < 1:
            return (f"it got an input of shape {shape}, which with its padding is smaller than the kernel {self.kernel_size}; "
                    "pad more, or reduce the size less before it")
        return ""

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result."""
        sizes = zip(shape[2:], self.kernel_size, self.stride, self.dilation, self.pads(), strict=True)
        return (shape[0], self.out_channels, *((n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, d, (a, b) in sizes))

    def products(self, shape: Shape) -> int:
        """Each output is a sum over the taps and channels of its group."""
        return math.prod(self.out_shape(shape)) * math.prod(self.weight.shape[1:])

    def window(self, shape: Shape) -> Window:
        """The taps, spread by the dilation."""
        extent = (d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))
        return Window(tuple(extent), tuple(map(float, self.stride)))

    def operation(self) -> Operation:
        """The correlation."""
        return Operation(self.pair, (self.weight, self.bias), {
            "stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups,
            "padding_mode": self.padding_mode})

    def extra_repr(self) -> str:
        """Its settings, as PyTorch shows them."""
        said = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * self.dims:
            said.append(f"padding={self.padding}")
        if self.dilation != (1,) * self.dims:
            said.append(f"dilation={self.dilation}")
        said += self._more()
        if self.groups != 1:
            said.append(f"groups={self.groups}")
        if self.bias is None:
            said.append("bias=False")
        if self.padding_mode != "zeros":
            said.append(f"padding_mode={self.padding_mode}")
        return ", ".join(said)

    def _more(self) -> list[str]:
        return []


class _Forward(Conv):
    """Correlation layers."""

    fuses = True

    def bind(self, x: Any, arrays: Operands, settings: dict[str, Any]) -> BoundConvolution:
        """The correlation, prepared for its shapes."""
        return BoundConvolution(x.shape, *arrays, dims=self.dims, **settings)

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Numbers, stride: Numbers = 1,
                 padding: Numbers | str = 0, dilation: Numbers = 1, groups: int = 1, bias: bool = True,
                 padding_mode: str = "zeros", *, dtype: DTypeLike = np.float32) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype)


class Conv1d(_Forward):
    """Convolution of signals (N, C_in, L) with learnt weights (C_out, C_in / groups, k); see `Conv2d`."""

    dims, pair = 1, staticmethod(functional.conv1d_pair)


class Conv2d(_Forward):
    r"""Convolution of images (N, C_in, H, W) with learnt weights: correlation, as everywhere in networks.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the result.
    kernel_size : int or tuple of int
        Taps of a filter along each axis.
    stride : int or tuple of int
        Distance of two results, in samples.
    padding : int, tuple of int, "same" or "valid"
        Samples put on both sides of each axis. "same" keeps the size, with the odd one after the last sample.
    dilation : int or tuple of int
        Distance of two taps, in samples.
    groups : int
        The channels are cut into so many groups, convolved apart.
    bias : bool
        Whether a learnt number is added to each channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding is made of.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter
        (out_channels, in_channels / groups, \*kernel_size), drawn evenly between -1 / sqrt(f) and 1 / sqrt(f), f being the
        numbers that a result sums.
    bias : Parameter or None
        (out_channels,), drawn likewise.

    Raises
    ------
    ValueError
        For channels that the groups do not divide, and settings that are no counts. Calling it: for inputs of other channels
        or of another number of axes.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> layer = nn.Conv2d(3, 6, 5)
    >>> layer(np.zeros((4, 3, 32, 32), np.float32)).shape
    (4, 6, 28, 28)
    >>> layer
    Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))
    """

    dims, pair = 2, staticmethod(functional.conv2d_pair)


class Conv3d(_Forward):
    r"""Convolution of volumes (N, C_in, D, H, W) with learnt weights (C_out, C_in / groups, \*K); see `Conv2d`."""

    dims, pair = 3, staticmethod(functional.conv3d_pair)


class Transposed(Conv):
    """Transposed convolutions."""

    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Numbers, stride: Numbers = 1, padding: Numbers = 0,
                 output_padding: Numbers = 0, groups: int = 1, bias: bool = True, dilation: Numbers = 1,
                 padding_mode: str = "zeros", *, dtype: DTypeLike = np.float32) -> None:
        if isinstance(padding, str):
            raise ValueError(f"{type(self).__name__}: padding={padding!r} must be whole numbers; words are for Conv2d and its "
                             "like")
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: padding_mode={padding_mode!r} is not available; it can be 'zeros' only")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype)
        self.output_padding = counts(self, "output_padding", output_padding, self.dims, 0)
        if any(o >= max(s, d) for o, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True)):
            raise ValueError(f"{type(self).__name__}: output_padding={output_padding!r} must be less than the stride or the "
                             f"dilation, {self.stride} and {self.dilation}")

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result."""
        sizes = zip(shape[2:], self.kernel_size, self.stride, self.dilation, self.pads(), self.output_padding, strict=True)
        return (shape[0], self.out_channels, *((n - 1) * s - a - b + d * (k - 1) + 1 + o for n, k, s, d, (a, b), o in sizes))

    def products(self, shape: Shape) -> int:
        """Each input goes into a sum for every tap and channel of its group."""
        return math.prod(shape) * math.prod(self.weight.shape[1:])

    def window(self, shape: Shape) -> Window:
        """The inputs that reach an output."""
        extent = (d * (k - 1) // s + 1 for k, s, d in zip(self.kernel_size, self.stride, self.dilation, strict=True))
        return Window(tuple(extent), tuple(1 / s for s in self.stride))

    def operation(self) -> Operation:
        """The transposed correlation."""
        return Operation(self.pair, (self.weight, self.bias), {
            "stride": self.stride, "padding": self.padding, "output_padding": self.output_padding, "groups": self.groups,
            "dilation": self.dilation})

    def _more(self) -> list[str]:
        return [f"output_padding={self.output_padding}"] if any(self.output_padding) else []


class ConvTranspose1d(Transposed):
    """Transposed convolution of signals (N, C_in, L); see `ConvTranspose2d`."""

    dims, pair = 1, staticmethod(functional.conv_transpose1d_pair)


class ConvTranspose2d(Transposed):
    r"""Transposed convolution of images: what `Conv2d` does to gradients on their way back, as a layer that enlarges.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the result.
    kernel_size : int or tuple of int
        Taps of a filter along each axis.
    stride : int or tuple of int
        How far apart neighbouring inputs are put in the result.
    padding : int or tuple of int
        How many results are cut off on both sides of each axis.
    output_padding : int or tuple of int
        How many results are computed beyond the end of each axis, less than the stride or the dilation.
    groups : int
        The channels are cut into so many groups.
    bias : bool
        Whether a learnt number is added to each channel.
    dilation : int or tuple of int
        Distance of two taps.
    padding_mode : {"zeros"}
        No other.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter
        (in_channels, out_channels / groups, \*kernel_size).
    bias : Parameter or None
        (out_channels,).

    Raises
    ------
    ValueError
        As `Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)(np.zeros((1, 8, 7, 7), np.float32)).shape
    (1, 4, 14, 14)
    """

    dims, pair = 2, staticmethod(functional.conv_transpose2d_pair)


class ConvTranspose3d(Transposed):
    """Transposed convolution of volumes (N, C_in, D, H, W); see `ConvTranspose2d`."""

    dims, pair = 3, staticmethod(functional.conv_transpose3d_pair)
