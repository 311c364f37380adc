"""Layers that put samples around their input."""

from __future__ import annotations

import operator
from typing import Any

from convkit._core.typing import Array
from convkit.nn import functional
from convkit.nn.layers.layer import Layer, Operation, Shape, Window


class _Pad(Layer):
    """Samples around the last `dims` axes."""

    dims: int
    padding_mode = "zeros"
    value = 0.0

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        try:
            given = tuple(operator.index(n) for n in (padding if isinstance(padding, tuple | list) else (padding,)))
        except TypeError:
            raise TypeError(f"{type(self).__name__}: padding={padding!r} must be made of whole numbers") from None
        self.padding = given * (2 * self.dims) if len(given) == 1 else given
        if len(self.padding) != 2 * self.dims:
            raise ValueError(f"{type(self).__name__}: padding={padding!r} has {len(given)} numbers; give one, or "
                             f"{2 * self.dims}: before and after the last axis, then the one before it, and so on")

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Samples put before and after each axis, in the order of the axes."""
        pairs = zip(self.padding[::2], self.padding[1::2], strict=True)
        return tuple(pairs)[::-1]

    def misfit(self, shape: Shape) -> str:
        """What is wrong with an input of `shape`."""
        if len(shape) not in (self.dims + 1, self.dims + 2):
            axes = ("L", "H, W", "D, H, W")[self.dims - 1]
            return f"it got an input of shape {shape}, and expects (N, C, {axes}), or (C, {axes}) for one item"
        return ""

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result."""
        return (*shape[: -self.dims], *(n + a + b for n, (a, b) in zip(shape[-self.dims :], self.pads(), strict=True)))

    def window(self, shape: Shape) -> Window:
        """One sample."""
        return Window((1,) * self.dims, (1.0,) * self.dims)

    def _padded(self, x: Array) -> Any:
        if wrong := self.misfit(x.shape):
            raise ValueError(wrong)
        if self.padding_mode == "zeros":
            return functional.pad_pair(x, pad=self.padding, value=self.value)
        return functional.pad_pair(x, pad=self.padding, mode=self.padding_mode)

    def operation(self) -> Operation:
        """The samples with those around them."""
        return Operation(self._padded, (), {})

    def extra_repr(self) -> str:
        """Its setting."""
        return str(self.padding)


class _ConstantPad(_Pad):
    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """Its settings."""
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPad(_Pad):
    padding_mode = "reflect"


class _ReplicationPad(_Pad):
    padding_mode = "replicate"


class _CircularPad(_Pad):
    padding_mode = "circular"


class ConstantPad1d(_ConstantPad):
    """Puts a number around signals (N, C, L); see `ZeroPad2d`."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """Puts a number around images (N, C, H, W); see `ZeroPad2d`."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """Puts a number around volumes (N, C, D, H, W); see `ZeroPad2d`."""

    dims = 3


class ZeroPad1d(_Pad):
    """Puts zeros around signals (N, C, L); see `ZeroPad2d`."""

    dims = 1


class ZeroPad2d(_Pad):
    """Puts zeros around images (N, C, H, W).

    The other layers of this kind put there a number (`ConstantPad2d`), the mirror image (`ReflectionPad2d`), the edge again
    (`ReplicationPad2d`) or the other end (`CircularPad2d`); see `convkit.nn.functional.pad`.

    Parameters
    ----------
    padding : int or tuple of int
        How many on every side, or (left, right, top, bottom). Negative numbers crop.

    Raises
    ------
    ValueError
        For another number of numbers. Calling it: for inputs of another number of axes, and for a mirror image or an other end
        of more samples than there are.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.ZeroPad2d((1, 0, 0, 1))(np.ones((1, 1, 2, 2)))
    array([[[[0., 1., 1.],
             [0., 1., 1.],
             [0., 0., 0.]]]])
    """

    dims = 2


class ZeroPad3d(_Pad):
    """Puts zeros around volumes (N, C, D, H, W); see `ZeroPad2d`."""

    dims = 3


class ReflectionPad1d(_ReflectionPad):
    """Puts the mirror image about the first and last sample around signals (N, C, L); see `ZeroPad2d`."""

    dims = 1


class ReflectionPad2d(_ReflectionPad):
    """Puts the mirror image about the first and last sample around images (N, C, H, W); see `ZeroPad2d`."""

    dims = 2


class ReflectionPad3d(_ReflectionPad):
    """Puts the mirror image about the first and last sample around volumes (N, C, D, H, W); see `ZeroPad2d`."""

    dims = 3


class ReplicationPad1d(_ReplicationPad):
    """Puts the first and last sample again around signals (N, C, L); see `ZeroPad2d`."""

    dims = 1


class ReplicationPad2d(_ReplicationPad):
    """Puts the first and last sample again around images (N, C, H, W); see `ZeroPad2d`."""

    dims = 2


class ReplicationPad3d(_ReplicationPad):
    """Puts the first and last sample again around volumes (N, C, D, H, W); see `ZeroPad2d`."""

    dims = 3


class CircularPad1d(_CircularPad):
    """Puts the samples of the other end around signals (N, C, L); see `ZeroPad2d`."""

    dims = 1


class CircularPad2d(_CircularPad):
    """Puts the samples of the other end around images (N, C, H, W); see `ZeroPad2d`."""

    dims = 2


class CircularPad3d(_CircularPad):
    """Puts the samples of the other end around volumes (N, C, D, H, W); see `ZeroPad2d`."""

    dims = 3


# All of them.
PADS = (
    ConstantPad1d,
    ConstantPad2d,
    ConstantPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
)
