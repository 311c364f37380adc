"""Layers that leave the numbers alone, or drop some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convkit._core.typing import Array
from convkit.autodiff.pairs import flattened, reshape
from convkit.autodiff.places import zeros
from convkit.nn import functional
from convkit.nn.layers.layer import Layer, Operation, Shape, Window
from convkit.nn.passes import Operands


class Flatten(Layer):
    """The axes from `start_dim` to `end_dim` become one: (N, C, H, W) becomes (N, C * H * W).

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.Flatten()(np.zeros((2, 16, 5, 5))).shape
    (2, 400)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def operation(self) -> Operation:
        """The reshape."""
        return Operation(functional.flatten_pair, (), {"start": self.start_dim, "end": self.end_dim})

    def bind(self, x: Any, arrays: Operands, settings: dict[str, Any]) -> Callable[[Any], Any]:
        """The reshape to a shape that is known."""
        return partial(reshape, shape=flattened(x.shape, **settings))

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result."""
        return flattened(shape, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Its settings."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


def _same(x: Any) -> Any:
    return x, lambda gradient, wanted: (gradient,)


class Identity(Layer):
    """The input as it is; any arguments are accepted and ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Any, **more: Any) -> Any:
        """Return `x` itself."""
        return x

    plain = forward

    def operation(self) -> Operation:
        """Nothing."""
        return Operation(_same, (), {})


class Dropout(Layer):
    """Sets elements to 0 with probability `p` while training, and divides the others by ``1 - p``.

    After `eval` it does nothing. The masks come from the generator that `convkit.nn.manual_seed` starts.

    Parameters
    ----------
    p : float
        Probability of dropping an element: ``1 - keep`` where a text gives the probability of keeping.
    inplace : bool
        Accepted; nothing is changed in place.

    Raises
    ------
    ValueError
        For a `p` outside [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p={p!r} is the probability of dropping an element, from 0 to 1; to keep each with "
                             "probability q, say p=1 - q")
        self.p = p

    def operation(self) -> Operation:
        """The mask."""
        return Operation(functional.dropout_pair, (), {"p": self.p, "training": self.training})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"p={self.p}"


def _padded(x: Array, *, channels: tuple[int, int], stride: int) -> Any:
    """Every `stride`-th sample, and channels of zeros after those there are: from how many to how many."""
    n, c, *space = x_shape = x.shape
    if c != channels[0]:
        raise ValueError(f"it got an input of shape {x_shape}, and expects {channels[0]} channels on axis 1")
    steps = (slice(None), slice(None), *[slice(None, None, stride)] * len(space))
    kept = x[steps]
    result = zeros((n, channels[1], *kept.shape[2:]), x)
    result[:, :c] = kept

    def vjp(gradient: Array, wanted: Sequence[bool]) -> Sequence[Any]:
        back = zeros(x_shape, gradient)
        back[steps] = gradient[:, :c]
        return (back,)

    return result, vjp


class ZeroPadShortcut(Layer):
    """A shortcut without parameters to more channels and fewer samples: every `stride`-th sample, then channels of zeros.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input, and of the result, at least as many.
    stride : int
        Distance of the samples that are kept, along every axis of space.

    Raises
    ------
    ValueError
        For fewer channels after than before.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016, section 3.3, option A.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.ZeroPadShortcut(16, 32, 2)(np.ones((1, 16, 8, 8))).shape
    (1, 32, 4, 4)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ValueError(f"ZeroPadShortcut: out_channels={out_channels} is less than in_channels={in_channels}; it adds "
                             "channels and takes none away")
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride

    def operation(self) -> Operation:
        """The copy."""
        return Operation(_padded, (), {"channels": (self.in_channels, self.out_channels), "stride": self.stride})

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result."""
        return (shape[0], self.out_channels, *(-(-n // self.stride) for n in shape[2:]))

    def window(self, shape: Shape) -> Window:
        """One sample."""
        axes = len(shape) - 2
        return Window((1,) * axes, (float(self.stride),) * axes)

    def extra_repr(self) -> str:
        """Its settings."""
        return f"{self.in_channels}, {self.out_channels}, stride={self.stride}"
