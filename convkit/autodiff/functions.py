"""The operations of the tape as functions of Tensors or arrays: Tensors in, a Tensor out; arrays in, an array out.

Several bear the names of Python's own functions, as NumPy's and PyTorch's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from convkit._core.typing import DTypeLike
from convkit.autodiff import pairs
from convkit.autodiff.pairs import Dim
from convkit.autodiff.places import array_of
from convkit.autodiff.tensor import Tensor, apply, extreme, largest_index
from convkit.autodiff.value import real_array

Kind = TypeVar("Kind")


def tensor(data: Any, *, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Copy numbers into a new Tensor.

    Parameters
    ----------
    data : array_like or Tensor
        The numbers.
    dtype : dtype, optional
        Type to convert to. Without it arrays keep theirs, and Python's floating-point numbers become float32, as in PyTorch.
    requires_grad : bool
        Whether `Tensor.backward` is to compute the derivative with respect to it.

    Returns
    -------
    Tensor
        It shares no memory with `data`; `Tensor` itself does.

    Raises
    ------
    TypeError
        For what is not numbers, and with ``requires_grad`` for any that are not real and floating-point.

    Examples
    --------
    >>> from convkit.autodiff import tensor
    >>> tensor([1.0, 2.0], requires_grad=True)
    Tensor([1., 2.], dtype=float32, requires_grad=True)
    """
    array = real_array(data)
    if dtype is None and array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic | Tensor):
        dtype = np.float32
    return Tensor(array.astype(array.dtype if dtype is None else dtype), requires_grad)


def _samples(x: Any) -> Any:
    return x if isinstance(x, Tensor) else array_of(x)


def exp(x: Kind) -> Kind:
    """Exponential of each element."""
    return apply(pairs.exp, x)


def log(x: Kind) -> Kind:
    """Natural logarithm of each element: -inf at 0 and NaN below, with NumPy's warning. Its derivative is ``1 / x``."""
    return apply(pairs.log, x)


def sqrt(x: Kind) -> Kind:
    """Square root of each element. Its derivative is infinite at 0."""
    return apply(pairs.sqrt, x)


def abs(x: Kind) -> Kind:
    """Absolute value of each element. Its derivative is taken as 0 at 0."""
    return apply(pairs.absolute, x)


def sin(x: Kind) -> Kind:
    """Sine of each element, in radians."""
    return apply(pairs.sin, x)


def cos(x: Kind) -> Kind:
    """Cosine of each element, in radians."""
    return apply(pairs.cos, x)


def tanh(x: Kind) -> Kind:
    """Hyperbolic tangent of each element."""
    return apply(pairs.tanh, x)


def clip(x: Kind, min: Any = None, max: Any = None) -> Kind:
    """Each element held between `min` and `max`, arrays or numbers of which one may be None.

    The derivative is 1 within the bounds and at them, 0 outside.
    """
    return apply(pairs.clip, x, least=min, most=max)


clamp = clip


def maximum(a: Any, b: Any) -> Any:
    """The larger of two elements; at a tie each gets half of the gradient."""
    return apply(pairs.maximum, a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two elements; at a tie each gets half of the gradient."""
    return apply(pairs.minimum, a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """Elements of `a` where the boolean `condition` holds, else of `b`."""
    return apply(pairs.where, condition, a, b)


def matmul(a: Any, b: Any) -> Any:
    """``a @ b``: matrices in the last two axes, a vector for one axis."""
    return apply(pairs.matmul, a, b)


def sum(x: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Sum over all axes, or over those in `dim`.

    Parameters
    ----------
    x : Tensor or array_like
        Any shape.
    dim : int or sequence of int, optional
        The axes; all without it.
    keepdim : bool
        Keep them, with length 1.

    Returns
    -------
    Tensor or ndarray
        A number for each position in the other axes.

    Raises
    ------
    ValueError
        For axes that do not exist or come twice.

    Examples
    --------
    >>> import convkit.autodiff as ad
    >>> x = ad.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> ad.sum(ad.sum(x, 0) ** 2).backward()
    >>> x.grad
    array([[ 8., 12.],
           [ 8., 12.]])
    """
    return apply(pairs.total, _samples(x), dim=dim, keepdim=keepdim)


def mean(x: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Mean over all axes, or over those in `dim`; see `sum`.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit.autodiff as ad
    >>> prediction = ad.Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> loss = 0.5 * ad.mean((np.array([2.0, 1.0, 1.0]) - prediction) ** 2)
    >>> loss.backward()
    >>> prediction.grad
    array([-0.33333333,  0.33333333,  1.        ])
    """
    return apply(pairs.mean, _samples(x), dim=dim, keepdim=keepdim)


def var(x: Any, dim: Dim = None, unbiased: bool = True, keepdim: bool = False) -> Any:
    """Variance over all axes, or over those in `dim`: divided by n - 1 if `unbiased`, else by n; see `sum`.

    Raises
    ------
    ValueError
        For an unbiased variance of fewer than two values, and as `sum`.
    """
    return apply(pairs.var, _samples(x), dim=dim, keepdim=keepdim, correction=int(unbiased))


def max(x: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Largest element of all or over several axes, or of each line along one axis together with its index.

    Parameters
    ----------
    x : Tensor or array_like
        Any shape.
    dim : int or sequence of int, optional
        The axis along which to look, or several; all without it.
    keepdim : bool
        Keep them, with length 1.

    Returns
    -------
    Tensor, ndarray or (values, indices)
        Without `dim` and with several axes the values; among several that are largest, the gradient is shared equally. With
        one axis a named pair; among several the first is taken, and has the whole gradient. NaN counts as largest.

    Examples
    --------
    >>> import convkit.autodiff as ad
    >>> scores = ad.tensor([[1.0, 5.0, 3.0], [2.0, 0.0, 9.0]])
    >>> _, predicted = ad.max(scores, 1)
    >>> predicted
    Tensor([1, 2], dtype=int64)
    """
    return extreme(_samples(x), dim, keepdim, np.argmax, pairs.largest)


def min(x: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Smallest element of all or over several axes, or of each line along one together with its index; see `max`."""
    return extreme(_samples(x), dim, keepdim, np.argmin, pairs.smallest)


def argmax(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the first largest element: in the flattened array, or along one axis."""
    return largest_index(x, dim, keepdim)


def reshape(x: Any, shape: Sequence[int]) -> Any:
    """The same elements in another shape; one length may be -1, for what is left."""
    return apply(pairs.reshape, _samples(x), shape=shape)


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Make one axis of those from `start_dim` to `end_dim`, both included.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit.autodiff as ad
    >>> ad.flatten(np.zeros((4, 16, 5, 5)), 1).shape
    (4, 400)
    """
    return apply(pairs.flatten, _samples(x), start=start_dim, end=end_dim)


def transpose(x: Any, dim0: int, dim1: int) -> Any:
    """Two axes changed for one another."""
    return apply(pairs.transpose, _samples(x), dim0=dim0, dim1=dim1)


def permute(x: Any, dims: Sequence[int]) -> Any:
    """Axes in the order of `dims`, which names each once."""
    return apply(pairs.permute, _samples(x), dims=dims)


def unsqueeze(x: Any, dim: int) -> Any:
    """A new axis of length 1, which is number `dim` in the result."""
    return apply(pairs.unsqueeze, _samples(x), dim=dim)


def squeeze(x: Any, dim: Dim = None) -> Any:
    """Without the axes of length 1: all of them, or those in `dim`."""
    return apply(pairs.squeeze, _samples(x), dim=dim)


def _several(tensors: Any) -> tuple[Any, ...]:
    parts = tuple(map(_samples, tensors))
    if not parts:
        raise ValueError("tensors is empty; give at least one Tensor or array")
    return parts


def concatenate(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join Tensors or arrays end to end along an axis that they have; the others must be equal."""
    return apply(pairs.concatenate, *_several(tensors), dim=dim)


cat = concatenate


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join Tensors or arrays of one shape along a new axis."""
    return apply(pairs.stack, *_several(tensors), dim=dim)
