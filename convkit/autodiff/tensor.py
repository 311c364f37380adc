"""Tensors: arrays that remember where they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from convkit._core.device import named
from convkit._core.typing import IntArray
from convkit.autodiff import pairs
from convkit.autodiff.pairs import Dim, Pair, axes_of
from convkit.autodiff.places import array_of
from convkit.autodiff.tape import Leaf, Node, state
from convkit.autodiff.value import Value

_READY = (np.ndarray, int, float, np.generic, type(None))


class Extreme(NamedTuple):
    """Largest or smallest elements along an axis, and where they are."""

    values: Any
    indices: Any


class Tensor(Value):
    """An array on the tape of reverse-mode automatic differentiation.

    Results of operations on Tensors are Tensors. Where an operand has ``requires_grad=True``, so has the result, and
    `backward` carries the derivative of a number back to every such Tensor that the user made. Gradients add up in `grad`
    until they are set to None.

    Arithmetic, comparison, broadcasting, indexing and dtypes are NumPy's (Python numbers do not widen float32); names,
    `dim`, `keepdim` and the gradients where functions have kinks or ties are PyTorch's: 0 for ``abs`` at 0, equal shares for
    ties in ``max()``, the first of them in ``max(dim)``, infinite for ``sqrt`` and fractional powers at 0, 1 at the bounds
    of ``clip``. ``log`` is -inf at 0 and NaN below, with NumPy's warning.

    An array on the tape is not changed in place: ``x[0] = 1`` is refused, and ``x += 1`` makes a new Tensor. Only in
    `no_grad` does ``w -= rate * w.grad`` change a Tensor that requires a gradient, as an optimizer does; a graph recorded
    from its old values then refuses to be derived. Whoever writes to ``data`` by another way says so with `modified`.

    Parameters
    ----------
    array : array_like
        Numbers of any shape. An array is not copied: the Tensor shares its memory, and keeps its dtype.
    requires_grad : bool
        Whether `backward` is to compute the derivative with respect to this Tensor. Real floating-point data only.

    Raises
    ------
    TypeError
        For data that are not numbers, and with ``requires_grad`` for integers, booleans and complex numbers.

    References
    ----------
    .. [1] A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, section 3.2 (the reverse mode).

    Examples
    --------
    >>> from convkit.autodiff import Tensor
    >>> w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (w**2).mean()
    >>> loss.backward()
    >>> w.grad
    array([0.66666667, 1.33333333, 2.        ])
    """

    __slots__ = ()
    __array_ufunc__ = None  # so that array + Tensor asks the Tensor

    def detach(self) -> Tensor:
        """A Tensor of the same memory, off the tape."""
        return Tensor(self._data)

    # Arithmetic.

    def __add__(self, other: Any) -> Tensor:
        return taped(pairs.add, (self, other))

    def __radd__(self, other: Any) -> Tensor:
        return taped(pairs.add, (other, self))

    def __sub__(self, other: Any) -> Tensor:
        return taped(pairs.subtract, (self, other))

    def __rsub__(self, other: Any) -> Tensor:
        return taped(pairs.subtract, (other, self))

    def __mul__(self, other: Any) -> Tensor:
        return taped(pairs.multiply, (self, other))

    def __rmul__(self, other: Any) -> Tensor:
        return taped(pairs.multiply, (other, self))

    def __truediv__(self, other: Any) -> Tensor:
        return taped(pairs.divide, (self, other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return taped(pairs.divide, (other, self))

    def __pow__(self, other: Any) -> Tensor:
        return taped(pairs.power, (self, other))

    def __rpow__(self, other: Any) -> Tensor:
        return taped(pairs.power, (other, self))

    def __matmul__(self, other: Any) -> Tensor:
        return taped(pairs.matmul, (self, other))

    def __rmatmul__(self, other: Any) -> Tensor:
        return taped(pairs.matmul, (other, self))

    def __neg__(self) -> Tensor:
        return taped(pairs.negative, (self,))

    def __abs__(self) -> Tensor:
        return taped(pairs.absolute, (self,))

    def _changed(self, other: Any, function: np.ufunc, pair: Callable[..., Pair]) -> Tensor:
        """`self` changed in place under `no_grad`, if it requires a gradient; else a new Tensor."""
        if not isinstance(self._node, Leaf):
            return taped(pair, (self, other))
        if state.recording:
            raise RuntimeError("a Tensor that requires a gradient is not changed in place while the tape runs; write "
                               "x = x + y, or update it under no_grad()")
        function(self._data, plain(other), out=self._data)
        self.modified()
        return self

    def __iadd__(self, other: Any) -> Tensor:
        return self._changed(other, np.add, pairs.add)

    def __isub__(self, other: Any) -> Tensor:
        return self._changed(other, np.subtract, pairs.subtract)

    def __imul__(self, other: Any) -> Tensor:
        return self._changed(other, np.multiply, pairs.multiply)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._changed(other, np.divide, pairs.divide)

    def __eq__(self, other: object) -> Any:
        return Tensor(np.equal(self._data, plain(other)))

    def __ne__(self, other: object) -> Any:
        return Tensor(np.not_equal(self._data, plain(other)))

    def __lt__(self, other: Any) -> Tensor:
        return Tensor(self._data < plain(other))

    def __le__(self, other: Any) -> Tensor:
        return Tensor(self._data <= plain(other))

    def __gt__(self, other: Any) -> Tensor:
        return Tensor(self._data > plain(other))

    def __ge__(self, other: Any) -> Tensor:
        return Tensor(self._data >= plain(other))

    def __hash__(self) -> int:
        return id(self)

    # As a sequence.

    def __getitem__(self, index: Any) -> Tensor:
        parts = tuple(map(plain, index)) if isinstance(index, tuple) else plain(index)
        return taped(pairs.item, (self,), index=parts)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a Tensor is not changed in place: the tape may hold its data. Make a new one, with where() or "
                        "concatenate(); or write to x.data between two steps")

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    # The functions of `convkit.autodiff` as methods.

    def exp(self) -> Tensor:
        """Exponential of each element."""
        return taped(pairs.exp, (self,))

    def log(self) -> Tensor:
        """Natural logarithm."""
        return taped(pairs.log, (self,))

    def sqrt(self) -> Tensor:
        """Square root."""
        return taped(pairs.sqrt, (self,))

    def abs(self) -> Tensor:
        """Absolute value."""
        return taped(pairs.absolute, (self,))

    def sin(self) -> Tensor:
        """Sine."""
        return taped(pairs.sin, (self,))

    def cos(self) -> Tensor:
        """Cosine."""
        return taped(pairs.cos, (self,))

    def tanh(self) -> Tensor:
        """Hyperbolic tangent."""
        return taped(pairs.tanh, (self,))

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """As `convkit.autodiff.clip`."""
        return taped(pairs.clip, (self,), least=min, most=max)

    clamp = clip

    def pow(self, exponent: Any) -> Tensor:
        """``self ** exponent``."""
        return taped(pairs.power, (self, exponent))

    def sum(self, dim: Dim = None, keepdim: bool = False) -> Tensor:
        """As `convkit.autodiff.sum`."""
        return taped(pairs.total, (self,), dim=dim, keepdim=keepdim)

    def mean(self, dim: Dim = None, keepdim: bool = False) -> Tensor:
        """As `convkit.autodiff.mean`."""
        return taped(pairs.mean, (self,), dim=dim, keepdim=keepdim)

    def var(self, dim: Dim = None, unbiased: bool = True, keepdim: bool = False) -> Tensor:
        """As `convkit.autodiff.var`."""
        return taped(pairs.var, (self,), dim=dim, keepdim=keepdim, correction=int(unbiased))

    def max(self, dim: Dim = None, keepdim: bool = False) -> Any:
        """As `convkit.autodiff.max`."""
        return extreme(self, dim, keepdim, np.argmax, pairs.largest)

    def min(self, dim: Dim = None, keepdim: bool = False) -> Any:
        """As `convkit.autodiff.min`."""
        return extreme(self, dim, keepdim, np.argmin, pairs.smallest)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """As `convkit.autodiff.argmax`."""
        return largest_index(self, dim, keepdim)

    def reshape(self, *shape: Any) -> Tensor:
        """As `convkit.autodiff.reshape`; the lengths may be given one by one."""
        return taped(pairs.reshape, (self,), shape=_listed(shape))

    view = reshape

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """As `convkit.autodiff.flatten`."""
        return taped(pairs.flatten, (self,), start=start_dim, end=end_dim)

    def view_as(self, other: Tensor) -> Tensor:
        """The same elements in the shape of `other`."""
        return self.reshape(other.shape)

    def unsqueeze(self, dim: int) -> Tensor:
        """As `convkit.autodiff.unsqueeze`."""
        return taped(pairs.unsqueeze, (self,), dim=dim)

    def squeeze(self, dim: Dim = None) -> Tensor:
        """As `convkit.autodiff.squeeze`."""
        return taped(pairs.squeeze, (self,), dim=dim)

    def permute(self, *dims: Any) -> Tensor:
        """As `convkit.autodiff.permute`; the axes may be given one by one."""
        return taped(pairs.permute, (self,), dims=_listed(dims))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """As `convkit.autodiff.transpose`."""
        return taped(pairs.transpose, (self,), dim0=dim0, dim1=dim1)

    def _reversed(self) -> Tensor:
        """Axes in reverse order: the transpose of a matrix."""
        return taped(pairs.permute, (self,), dims=range(self.ndim)[::-1])

    T = property(_reversed)
    eq = __eq__

    def float(self) -> Tensor:
        """The same numbers as float32."""
        return taped(pairs.converted, (self,), dtype=np.float32)

    def double(self) -> Tensor:
        """The same numbers as float64."""
        return taped(pairs.converted, (self,), dtype=np.float64)

    def to(self, device: Any) -> Tensor:
        """The same numbers on the host, ``"cpu"``, or a CUDA device, ``"cuda"``; itself if they are there."""
        name = named(device)
        return self if name == self.device else taped(pairs.moved, (self,), device=name)

    def cpu(self) -> Tensor:
        """``self.to("cpu")``, which waits for the device."""
        return self.to("cpu")

    def long(self) -> Tensor:
        """The same numbers as int64, off the tape; what is behind the point is cut off."""
        return Tensor(self._data.astype(np.int64))


Kind = TypeVar("Kind")


def _listed(given: tuple[Any, ...]) -> Sequence[int]:
    return given[0] if len(given) == 1 and isinstance(given[0], Sequence) else given


def plain(operand: Any) -> Any:
    """The array in a Tensor; anything else as it is."""
    return operand._data if isinstance(operand, Tensor) else operand


def taped(pair: Callable[..., Pair], operands: Sequence[Any], **settings: Any) -> Tensor:
    """Run a pair and make a Tensor of its result, on the tape if an operand requires a gradient."""
    arrays, nodes = [], []
    for operand in operands:
        node = None
        if isinstance(operand, Tensor):
            node, operand = operand._node, operand._data
        elif not isinstance(operand, _READY):
            operand = array_of(operand)
        arrays.append(operand)
        nodes.append(node)
    data, vjp = pair(*arrays, **settings)
    result = Tensor.__new__(Tensor)
    result._data = data if type(data) is np.ndarray else array_of(data)
    result._node = None
    if state.recording and any(nodes):
        if result._data.dtype.kind == "f":
            result._node = Node(tuple(nodes), vjp, result._data)
        elif result._data.dtype.kind == "c":
            raise TypeError("an operation on a Tensor that requires a gradient gave complex numbers, in which derivatives are "
                            "not computed; work with real and imaginary parts, or under no_grad()")
    return result


def apply(pair: Callable[..., Pair], first: Kind, *others: Any, **settings: Any) -> Kind:
    """Run an operation on Tensors or arrays, and return the same kind.

    Parameters
    ----------
    pair : callable
        Function of arrays that returns its result and the vector-Jacobian product; the rules are in
        `convkit.autodiff.tape`.
    first, *others : Tensor, array_like, number or None
        The operands. None is handed on, for one that is absent.
    **settings
        Handed on to `pair`.

    Returns
    -------
    Tensor or ndarray
        A Tensor if an operand is one, else the array that `pair` returned, and nothing is recorded.

    Raises
    ------
    TypeError
        For a complex result while an operand requires a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.autodiff import Tensor, apply
    >>> def cube(x):
    ...     return x**3, lambda gradient, wanted: (gradient * 3 * x**2,)
    >>> apply(cube, np.array([1.0, 2.0]))
    array([1., 8.])
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> apply(cube, x).sum().backward()
    >>> x.grad
    array([ 3., 12.])
    """
    result: Any
    if isinstance(first, Tensor) or any(isinstance(operand, Tensor) for operand in others):
        result = taped(pair, (first, *others), **settings)
    else:
        arrays = [x if isinstance(x, _READY) else array_of(x) for x in (first, *others)]
        result, _ = pair(*arrays, **settings)
    return cast(Kind, result)


def largest_index(x: Any, dim: int | None, keepdim: bool) -> Any:
    """Index of the first largest element: of all, or of each line along `dim`."""
    data = array_of(plain(x))
    axis = None if dim is None else axes_of(dim, data.ndim)[0]
    indices = np.argmax(data, axis, keepdims=keepdim)
    return Tensor(indices) if isinstance(x, Tensor) else indices


def extreme(x: Any, dim: Dim, keepdim: bool, where: Callable[..., IntArray], overall: Callable[..., Pair]) -> Any:
    """Largest or smallest element over several axes, or of each line along one together with its index."""
    if not isinstance(dim, int | np.integer):
        return apply(overall, x, dim=dim, keepdim=keepdim)
    data = plain(x)
    axis, = axes_of(dim, data.ndim)
    indices = where(data, axis, keepdims=True)
    values = apply(pairs.select, x, indices=indices, dim=axis, keepdim=keepdim)
    if not keepdim:
        indices = indices.squeeze(axis)
    return Extreme(values, Tensor(indices) if isinstance(x, Tensor) else indices)
