"""Layers that normalise."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.typing import Array, DTypeLike
from convkit.nn import functional, init
from convkit.nn.functional.operands import parameter_dtype
from convkit.nn.layers.layer import Layer, Operation, Shape, count
from convkit.nn.module import Parameter


class _BatchNorm(Layer):
    """Every channel to mean 0 and variance 1; `ndims` that the input may have."""

    fuses = True
    ndims: tuple[int, ...]
    expected: str
    running_mean: Array | None
    running_var: Array | None
    num_batches_tracked: Any

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, *, bias: bool = True, dtype: DTypeLike = np.float32) -> None:
        super().__init__()
        self.num_features = num_features = count(self, "num_features", num_features)
        if not eps >= 0:
            raise ValueError(f"{type(self).__name__}: eps={eps!r} must be 0 or more: it is added to the variance under a root")
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"{type(self).__name__}: momentum={momentum!r} is the weight of a new batch, from 0 to 1, or None "
                             "for the mean of all")
        parameter_dtype(type(self).__name__, np.dtype(dtype))
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(np.ones(num_features, dtype)) if affine else None
        self.bias = Parameter(np.zeros(num_features, dtype)) if affine and bias else None
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.array(0, np.int64) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.fill(0)
            self.running_var.fill(1)
            self.num_batches_tracked.fill(0)

    def reset_parameters(self) -> None:
        """Forget the batches seen and what was learnt."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def misfit(self, shape: Shape) -> str:
        """What is wrong with an input of `shape`."""
        if len(shape) not in self.ndims:
            fix = "; give a single item a batch axis, x[None]" if len(shape) == min(self.ndims) - 1 else ""
            return f"it got an input of shape {shape}, and expects {self.expected.format(self.num_features)}{fix}"
        if shape[1] != self.num_features:
            return (f"it got {shape[1]} channels (input of shape {shape}), and expects {self.num_features}; make the layer "
                    f"with num_features={shape[1]}")
        return ""

    def _normalised(self, x: Array, weight: Array | None, bias: Array | None, *, relu: bool = False) -> Any:
        """Normalise, and while training count the batch."""
        if x.ndim not in self.ndims:
            raise ValueError(self.misfit(x.shape))
        momentum, count = self.momentum, self.num_batches_tracked
        if momentum is None:
            momentum = 0.0 if count is None else 1 / (int(count) + 1)
        result = functional.batch_norm_pair(
            x, weight, bias, running_mean=self.running_mean, running_var=self.running_var,
            training=self.training or self.running_mean is None, momentum=momentum, eps=self.eps, relu=relu)
        if self.training and count is not None:
            count += 1
        return result

    def operation(self) -> Operation:
        """The normalisation."""
        return Operation(self._normalised, (self.weight, self.bias), {})

    def extra_repr(self) -> str:
        """Its settings."""
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); see `BatchNorm2d`."""

    ndims, expected = (2, 3), "(N, {0}) or (N, {0}, L)"


class BatchNorm2d(_BatchNorm):
    """Every channel of images (N, C, H, W) to mean 0 and variance 1 over the batch, then scaled and shifted.

    After `eval`, running estimates of mean and variance stand in the place of the batch's.

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
        Added to the variance under the root.
    momentum : float or None
        Weight of a new batch in the running estimates (texts on moving averages write ``rho = 1 - momentum``); None for the
        mean of all batches.
    affine : bool
        Whether a scale and a shift are learnt.
    track_running_stats : bool
        False: the batch's statistics are used always.
    bias : bool
        False: with `affine` only a scale is learnt.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight, bias : Parameter or None
        Scale and shift (C,), at first 1 and 0.
    running_mean, running_var : ndarray or None
        Running estimates (C,), the variance without bias.
    num_batches_tracked : ndarray or None
        Batches seen, int64.

    Raises
    ------
    ValueError
        For inputs of other channels or of another number of axes, and for one value per channel while training.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> x = np.random.default_rng(0).normal(5, 3, (8, 4, 6, 6)).astype("float32")
    >>> y = nn.BatchNorm2d(4)(x).detach().numpy()
    >>> bool(abs(y.mean(axis=(0, 2, 3))).max() < 1e-5)
    True
    """

    ndims, expected = (4,), "(N, {0}, H, W)"


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, C, D, H, W); see `BatchNorm2d`."""

    ndims, expected = (5,), "(N, {0}, D, H, W)"


class LocalResponseNorm(Layer):
    """Divides by a power of the squares of neighbouring channels, ``(k + alpha / size * sum(x**2)) ** beta``.

    Parameters
    ----------
    size : int
        Neighbouring channels, itself among them.
    alpha, beta, k : float
        As in the formula.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
       NIPS 2012, section 3.3.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = count(self, "size", size), alpha, beta, k

    def operation(self) -> Operation:
        """The division."""
        return Operation(functional.local_response_norm_pair, (), {
            "size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
