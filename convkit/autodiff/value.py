"""What a Tensor holds: data, gradient, its place on the tape."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.device import Remote
from convkit._core.typing import Array, DTypeLike
from convkit.autodiff.places import array_of, brought
from convkit.autodiff.tape import Leaf, Node, run_backward


def real_array(value: Any) -> Any:
    """An array of numbers where they lie, without a copy where possible."""
    array = array_of(value.data if isinstance(value, Value) else value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"a Tensor holds numbers; dtype {array.dtype} is not one of numbers (lists of unequal lengths or mixed "
                        "objects make dtype object)")
    return array


def _leaf(array: Array) -> Leaf:
    if array.dtype.kind != "f":
        raise TypeError(
            f"requires_grad=True needs floating-point data, and these have dtype {array.dtype}"
            + ("; derivatives in complex numbers are not computed: give real and imaginary parts as two Tensors"
               if array.dtype.kind == "c" else "; convert them with .astype('float32') first")
        )
    return Leaf(array)


class Value:
    """Data, gradient and place on the tape; `convkit.autodiff.Tensor` adds the operations.

    On a CUDA device `data` and `grad` are arrays of this package, with NumPy's arithmetic as far as networks need it.
    """

    __slots__ = ("__weakref__", "_data", "_node")

    def __init__(self, array: Any, requires_grad: bool = False) -> None:
        self._data: Array = real_array(array)
        self._node: Node | Leaf | None = _leaf(self._data) if requires_grad else None

    @property
    def data(self) -> Any:
        """The array itself: NumPy's, but on a CUDA device. A new one may be assigned to a Tensor that is no result."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        array = real_array(value)
        if isinstance(self._node, Node):
            raise RuntimeError("data of a result cannot be replaced: the tape has been there; assign to a Tensor that you made")
        if self._node is not None:
            kept, fresh = self._node.grad, _leaf(array)
            self._node.modified()
            if kept is not None and (type(kept), kept.shape, kept.dtype) == (type(array), array.shape, array.dtype):
                fresh.grad = kept
            self._node = fresh
        self._data = array

    @property
    def grad(self) -> Any:
        """Derivatives summed over the calls of `backward`: None before the first, then an array.

        It has the kind, shape and dtype of `data`, its own memory, and C order.
        """
        return self._node.grad if isinstance(self._node, Leaf) else None

    @grad.setter
    def grad(self, value: Any) -> None:
        if not isinstance(self._node, Leaf):
            raise RuntimeError("grad belongs to Tensors made with requires_grad=True; this is "
                               + ("a result" if self._node else "a Tensor without"))
        if value is not None:
            value = real_array(value)
            if (value.shape, value.dtype) != (self._data.shape, self._data.dtype):
                raise ValueError(f"grad has shape {value.shape} and dtype {value.dtype}, but the data have {self._data.shape} "
                                 f"and {self._data.dtype}; they must be equal")
            if isinstance(value, Remote) != isinstance(self._data, Remote):
                raise ValueError(f"grad does not lie where the data do, on {self.device!r}; bring it there with .to("
                                 f"{self.device!r})")
        self._node.grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` computes a derivative here. May be set on a Tensor that the user made; False drops `grad`."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if isinstance(self._node, Node):
            raise RuntimeError("requires_grad of a result follows from its operands; use .detach() for a Tensor off the tape")
        if not value:
            self._node = None
        elif self._node is None:
            self._node = _leaf(self._data)

    @property
    def is_leaf(self) -> bool:
        """True for a Tensor that no recorded operation made."""
        return not isinstance(self._node, Node)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self._data.dtype

    @property
    def device(self) -> str:
        """Where the numbers lie: "cpu" or "cuda"."""
        return "cuda" if isinstance(self._data, Remote) else "cpu"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    def dim(self) -> int:
        """Number of axes (a method, as in PyTorch)."""
        return self._data.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis (a method, as in PyTorch)."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """Number of elements."""
        return self._data.size

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a Tensor without axes, a single number, has no length")
        return self.shape[0]

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return str(self) if self.shape else format(self.item(), spec)

    def __repr__(self) -> str:
        shown = np.array2string(brought(self._data, "cpu"), separator=", ", prefix="Tensor(")
        place = ", device='cuda'" if isinstance(self._data, Remote) else ""
        return f"Tensor({shown}, dtype={self.dtype}{place}{', requires_grad=True' if self._node else ''})"

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._data.size != 1:
            raise ValueError(f"item() gives the number in a Tensor of one element; this one has shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The numbers as Python's, in nested lists."""
        return self._data.tolist()

    def numpy(self) -> Array:
        """The array itself, of a Tensor off the tape."""
        if self._node is not None:
            raise RuntimeError("this Tensor requires a gradient, which would be lost in NumPy; write x.detach().numpy()")
        if isinstance(self._data, Remote):
            raise TypeError("this Tensor lies on a CUDA device; write x.cpu().numpy()")
        array: Array = self._data
        return array

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype, copy=copy)

    def modified(self) -> None:
        """Tell the tape that `data` have been written to; a graph recorded from the old values refuses to be derived."""
        if isinstance(self._node, Leaf):
            self._node.modified()

    def backward(self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add the derivative of this Tensor to `grad` of every Tensor that it came from and that requires one.

        Parameters
        ----------
        gradient : array_like or Tensor, optional
            Derivative of the quantity of interest with respect to this Tensor, of its shape. 1 for a single number.
        retain_graph : bool
            Keep what was recorded for another call; otherwise it is freed on the way.
        create_graph : bool
            Not available: derivatives are of first order.

        Raises
        ------
        RuntimeError
            Where nothing requires a gradient; without `gradient` for more than one number; in a second call without
            ``retain_graph``; inside another `backward`; after an operand has been changed in place.
        ValueError
            For a `gradient` of another shape.
        NotImplementedError
            For ``create_graph=True``.
        """
        if create_graph:
            raise NotImplementedError("create_graph=True asks for derivatives of derivatives; convkit.autodiff computes first "
                                      "derivatives only (differences of two gradients give second ones approximately)")
        if self._node is None:
            raise RuntimeError("backward() has nowhere to go: no Tensor that this one came from has requires_grad=True, or it "
                               "was computed under no_grad()")
        if gradient is None:
            if self._data.size != 1:
                raise RuntimeError(f"backward() of a Tensor of shape {self.shape} needs gradient=, an array of that shape; or "
                                   "make it one number first, with .sum() or .mean()")
            seed = np.ones_like(self._data)
        else:
            seed = brought(real_array(gradient), self.device).astype(self.dtype, copy=False)
            if seed.shape != self.shape:
                raise ValueError(f"gradient has shape {seed.shape}, but the Tensor has shape {self.shape}; they must be equal")
        run_backward(self._node, seed, retain_graph)
