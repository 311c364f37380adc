"""What arrays on a CUDA device answer to as NumPy's do: operators, NumPy's functions, and what the host sees of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array, DTypeLike
from convkit.engines.cuda import arithmetic
from convkit.engines.cuda.axes import refused
from convkit.kernels import arrays_cuda as kernels


class Operators(Line):
    """Base of `engines.cuda.arrays.DeviceArray`, which has what is done to axes and places."""

    __slots__ = ()
    # NumPy's functions that are taken, by themselves.
    FUNCTIONS: ClassVar[dict[Any, Callable[..., Any]]] = {}
    # NumPy's functions of two numbers that make one of many, by their names: methods that do it.
    FOLDS: ClassVar[dict[str, str]] = {"add": "sum", "maximum": "max", "minimum": "min"}

    # As seen from the host.

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return self.size * self.dtype.itemsize

    def cpu(self) -> Array:
        """A copy in the memory of the host; this waits for the device."""
        return gpu.fetched(self)

    def item(self) -> Any:
        """The only number."""
        if self.size != 1:
            raise ValueError(f"item() gives the number in an array of one element; this one has shape {self.shape}")
        return self.cpu().item()

    def tolist(self) -> Any:
        """The numbers as Python's, in nested lists."""
        return self.cpu().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.cpu().__index__()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.cpu() if self.shape else self.item(), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes, a single number, has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{self.cpu()!r} on the device 'cuda'"

    def __hash__(self) -> int:
        return id(self)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        raise TypeError(f"an array of shape {self.shape} lies on a CUDA device, and is not copied to the host unasked; fetch "
                        "it with .cpu()")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise AttributeError(str(refused(name)))

    # NumPy's functions.

    def __array_ufunc__(self, function: np.ufunc, method: str, *operands: Any, out: tuple[Any, ...] = (None,),
                        **settings: Any) -> Any:
        name = function.__name__
        if method == "__call__" and not settings and name in kernels.TWO:
            return arithmetic.pair(name, operands[0], operands[1], out[0])
        if method == "__call__" and not settings.keys() - {"dtype"} and name in kernels.SINGLE:
            x, = operands
            return arithmetic.single(x.astype(settings.get("dtype", x.dtype), copy=False), name, out[0])
        if method == "reduce" and name in self.FOLDS and out == (None,) and isinstance(operands[0], Operators):
            return getattr(operands[0], self.FOLDS[name])(**{"axis": 0, **settings})
        if method == "at" and name == "add" and isinstance(operands[0], Operators):
            return operands[0].add_at(*operands[1:])
        raise refused(f"numpy.{name}" + ("" if method == "__call__" else f".{method}"))

    def __array_function__(self, function: Any, types: Any, arguments: Any, settings: Any) -> Any:
        found = self.FUNCTIONS.get(function)
        if found is None:
            raise refused(f"numpy.{function.__name__}")
        return found(*arguments, **settings)

    # Operators.

    def __add__(self, other: Any) -> Any:
        return arithmetic.pair("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return arithmetic.pair("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return arithmetic.pair("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return arithmetic.pair("multiply", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return arithmetic.pair("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return arithmetic.pair("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int | float | np.generic) and other in (0.5, 1, 2):  # NumPy takes these ways too
            return self.copy() if other == 1 else arithmetic.single(self, "square" if other == 2 else "sqrt")
        return arithmetic.pair("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return arithmetic.pair("power", other, self)

    def __and__(self, other: Any) -> Any:
        return arithmetic.pair("bitwise_and", self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        return arithmetic.pair("bitwise_or", self, other)

    __ror__ = __or__

    def __matmul__(self, other: Any) -> Any:
        return arithmetic.product(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return arithmetic.product(other, self)

    def __iadd__(self, other: Any) -> Any:
        return arithmetic.pair("add", self, other, self)

    def __isub__(self, other: Any) -> Any:
        return arithmetic.pair("subtract", self, other, self)

    def __imul__(self, other: Any) -> Any:
        return arithmetic.pair("multiply", self, other, self)

    def __itruediv__(self, other: Any) -> Any:
        return arithmetic.pair("divide", self, other, self)

    def __neg__(self) -> Any:
        return arithmetic.single(self, "negative")

    def __abs__(self) -> Any:
        return arithmetic.single(self, "absolute")

    def __invert__(self) -> Any:
        if self.dtype != np.bool_:
            raise refused("~ of what is not yes or no")
        return arithmetic.pair("equal", self, False)

    def __eq__(self, other: object) -> Any:
        return arithmetic.pair("equal", self, other)

    def __ne__(self, other: object) -> Any:
        return arithmetic.pair("not_equal", self, other)

    def __lt__(self, other: Any) -> Any:
        return arithmetic.pair("less", self, other)

    def __le__(self, other: Any) -> Any:
        return arithmetic.pair("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return arithmetic.pair("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return arithmetic.pair("greater_equal", self, other)
