"""Modules made of modules."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import concatenate, pairs
from convkit.autodiff.pairs import Pair
from convkit.engines.places import place_of
from convkit.nn.layers.activation import ReLU
from convkit.nn.layers.layer import looked_on, rectifies
from convkit.nn.layers.shape import Identity
from convkit.nn.module import Module
from convkit.nn.passes import Operands

Step: TypeAlias = tuple[Module, dict[str, bool]]


def fused(modules: Iterable[Module]) -> list[Step]:
    """Modules and how to call them: a ReLU that follows a convolution, batch norm or dense layer is computed by that."""
    steps: list[Step] = []
    for module in modules:
        if type(module) is ReLU and steps and rectifies(steps[-1][0]):
            steps[-1] = (steps[-1][0], {"relu": True})
        else:
            steps.append((module, {}))
    return steps


def gathered(steps: Iterable[Step]) -> list[Any] | None:
    """The operands of all, or None where one of them has free code."""
    found: list[Any] = []
    for module, _ in steps:
        operands = module.operands()
        if operands is None:
            return None
        found += operands
    return found


def chained(steps: Iterable[Step], x: Array, arrays: Operands, keep: bool) -> Pair:
    """The pair of modules one after the other; `arrays` are all their operands'."""
    ways = []
    first = 0
    for module, more in steps:
        last = first + len(module.operands() or ())
        x, vjp = module.compute(x, arrays[first:last], keep, **more)
        if keep:
            ways.append((vjp, first + 1, last + 1))
        first = last

    def back(gradient: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        pieces: list[Any] = [None] * len(wanted)
        for vjp, first, last in reversed(ways):
            before = any(wanted[:first])
            gradient, *pieces[first:last] = vjp(gradient, (before, *wanted[first:last]))
            if not before:
                return pieces
        pieces[0] = gradient
        return pieces

    return x, back


def parallel(modules: Sequence[Module], x: Array, arrays: Operands, keep: bool) -> tuple[list[Array], Callable[..., Any]]:
    """Results of modules that see the same input, and the way back from a gradient of each."""
    results, ways = [], []
    first = 0
    for module in modules:
        last = first + len(module.operands() or ())
        result, vjp = module.compute(x, arrays[first:last], keep)
        results.append(result)
        ways.append((vjp, first + 1, last + 1))
        first = last

    def back(gradients: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        pieces: list[Any] = [None] * len(wanted)
        for gradient, (vjp, first, last) in zip(gradients, ways, strict=True):
            by_x, *pieces[first:last] = vjp(gradient, (wanted[0], *wanted[first:last]))
            if wanted[0]:
                pieces[0] = by_x if pieces[0] is None else pieces[0] + by_x
        return pieces

    return results, back


class Sequential(Module):
    """Modules one after the other.

    Parameters
    ----------
    *modules : Module, or one mapping of str to Module
        In their order; named ``"0"``, ``"1"`` and so on, or by the mapping.

    Examples
    --------
    >>> from convkit import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10))
    >>> model[-1] = nn.Linear(8, 2)
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], Mapping) else dict(_numbered(modules))
        for name, module in named.items():
            self._add(name, module)

    def _add(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"Sequential is made of modules, and {name!r} is {module!r}; functions such as F.relu have layers "
                            "of their own, such as nn.ReLU()")
        if "." in name or hasattr(type(self), name):
            raise ValueError(f"a module of Sequential cannot be named {name!r}; choose a name without dots that Module has not")
        setattr(self, name, module)

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def _name(self, index: Any) -> str:
        names = [name for name, _ in self.named_children()]
        try:
            return names[operator.index(index)]
        except IndexError:
            raise IndexError(f"index {index} is out of range: this Sequential has {len(names)} modules") from None

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    @overload
    def __getitem__(self, index: int) -> Any: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(dict(list(self.named_children())[index]))
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, module: Module) -> None:
        self._add(self._name(index), module)

    def append(self, module: Module) -> Sequential:
        """Put a module after the last; return itself."""
        self._add(str(len(self)), module)
        return self

    _chain: list[Step]

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self).pop("_chain", None)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        vars(self).pop("_chain", None)
        super().__delattr__(name)

    def _steps(self) -> list[Step]:
        """The modules and how to call them, found again once one is set."""
        try:
            return self._chain
        except AttributeError:
            self._chain = fused(self.children())
            return self._chain

    def operands(self) -> list[Any] | None:
        """Those of the modules."""
        return None if type(self).forward is not Sequential.forward else gathered(self._steps())

    def compute(self, x: Array, arrays: Operands, keep: bool, **more: Any) -> Pair:
        """The modules' pairs, one after the other."""
        return chained(self._steps(), x, arrays, keep)

    def forward(self, x: Any) -> Any:
        """Call the modules in their order."""
        if looked_on():
            for module in self.children():
                x = module(x)
            return x
        operands = gathered(self._steps())
        if operands is not None:
            return self.computed(x, operands, {})
        for module, more in self._steps():
            x = module(x, **more)
        return x


def _numbered(modules: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(str(i), module) for i, module in enumerate(modules)]


class Residual(Module):
    """``body(x) + shortcut(x)``: a body that learns what to add.

    Parameters
    ----------
    body : Module
        What is added.
    shortcut : Module, optional
        What `x` goes through where the body changes its shape: a `ZeroPadShortcut`, or a projection such as a 1x1 convolution
        with a batch norm. Without it `x` itself is added.

    Raises
    ------
    ValueError
        Calling it: where body and shortcut give different shapes.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> block = nn.Residual(nn.Conv2d(4, 4, 3, padding=1))
    >>> block(np.zeros((1, 4, 8, 8), "float32")).shape
    (1, 4, 8, 8)
    """

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = Identity() if shortcut is None else shortcut

    def operands(self) -> list[Any] | None:
        """Those of body and shortcut."""
        return None if type(self).forward is not Residual.forward else gathered([(self.body, {}), (self.shortcut, {})])

    def compute(self, x: Array, arrays: Operands, keep: bool, **more: Any) -> Pair:
        """The sum of the two, and of their gradients."""
        (added, kept), back = parallel([self.body, self.shortcut], x, arrays, keep)
        self._agree(added, kept)
        y = place_of(added).empty(added.shape, added.dtype)
        return np.add(added, kept, y), lambda g, wanted: back([g, g], wanted)

    def forward(self, x: Any) -> Any:
        """Add the two."""
        operands = None if looked_on() else self.operands()
        if operands is not None:
            return self.computed(x, operands, {})
        added, kept = self.body(x), self.shortcut(x)
        self._agree(added, kept)
        return added + kept

    def _agree(self, added: Any, kept: Any) -> None:
        if added.shape != kept.shape:
            raise ValueError(f"Residual: the body gives shape {added.shape} and the shortcut {kept.shape}; give shortcut=, "
                             "nn.ZeroPadShortcut(...) or a 1x1 convolution with the body's stride and channels")


class Concat(Module):
    """Branches that all see the input, their results joined along the channels: an inception block.

    Parameters
    ----------
    *branches : Module, or one mapping of str to Module
        Named as in `Sequential`.
    dim : int
        Axis along which the results are joined.

    Raises
    ------
    ValueError
        Without branches, and calling it: where their results differ along another axis.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> block = nn.Concat(nn.Conv2d(3, 4, 1), nn.Conv2d(3, 8, 3, padding=1))
    >>> block(np.zeros((1, 3, 8, 8), "float32")).shape
    (1, 12, 8, 8)
    """

    def __init__(self, *branches: Any, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim
        named = branches[0] if len(branches) == 1 and isinstance(branches[0], Mapping) else dict(_numbered(branches))
        if not named:
            raise ValueError("Concat needs branches, such as Concat(nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1))")
        for name, branch in named.items():
            setattr(self, name, branch)

    def operands(self) -> list[Any] | None:
        """Those of the branches."""
        return None if type(self).forward is not Concat.forward else gathered([(branch, {}) for branch in self.children()])

    def compute(self, x: Array, arrays: Operands, keep: bool, **more: Any) -> Pair:
        """The branches' results side by side, and the sum of the gradients that they give back."""
        results, back = parallel(list(self.children()), x, arrays, keep)
        axis = self._agree(results)
        y, vjp = pairs.concatenate(*results, dim=axis)
        return y, lambda g, wanted: back(vjp(g, ()), wanted)

    def forward(self, x: Any) -> Any:
        """Join the branches' results."""
        operands = None if looked_on() else self.operands()
        if operands is not None:
            return self.computed(x, operands, {})
        results = [branch(x) for branch in self.children()]
        return concatenate(results, self._agree(results))

    def _agree(self, results: Sequence[Any]) -> int:
        """The axis to join; refuses results that differ along others."""
        axis: int = self.dim % results[0].ndim
        if len({r.shape[:axis] + r.shape[axis + 1 :] for r in results}) > 1:
            shapes = ", ".join(str(r.shape) for r in results)
            raise ValueError(f"Concat: the branches give shapes {shapes}, which differ on other axes than {axis}; pad the "
                             "branches alike")
        return axis
