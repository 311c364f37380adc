"""Modules made of modules."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import Tensor, concatenate
from convkit.nn.layers.activation import ReLU
from convkit.nn.layers.layer import looked_on, rectifies
from convkit.nn.layers.shape import Identity
from convkit.nn.losses import Loss
from convkit.nn.module import REFUSED, Module, Pass


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

    def _steps(self) -> list[tuple[Module, dict[str, bool]]]:
        """The modules and how to call them: a ReLU that follows a convolution or dense layer is computed by that."""
        steps: list[tuple[Module, dict[str, bool]]] = []
        apart = looked_on()
        for module in self.children():
            if type(module) is ReLU and steps and not apart and rectifies(steps[-1][0]):
                steps[-1] = (steps[-1][0], {"relu": True})
            else:
                steps.append((module, {}))
        return steps

    def forward(self, x: Any) -> Any:
        """Call the modules in their order."""
        for module, how in self._steps():
            x = module(x, **how)
        return x

    def pass_through(self, x: Array, wanted: bool) -> tuple[Array, Pass | None]:
        """As `Module.pass_through`: the pairs in their order, the ways back in a list."""
        ways: list[Pass] = []
        for module, how in self._steps():
            x, back = module.pass_through(x, wanted or bool(ways), **how)
            if back is not None:
                ways.append(back)

        def through(gradient: Array) -> Array:
            for back in reversed(ways):
                gradient = back(gradient)
            return gradient

        return x, through if ways else None

    def loss_and_grad(self, x: Any, y: Any, loss: Loss) -> float:
        """Loss of a batch, with its gradients added to those of the parameters: forward and backward without a tape.

        The numbers are those of ``loss(model(x), y).backward()``, bit for bit; the bookkeeping is less.

        Parameters
        ----------
        x : array_like or Tensor
            A batch of inputs.
        y : array_like or Tensor
            Targets, as `loss` expects them.
        loss : loss module
            Such as ``nn.CrossEntropyLoss()``.

        Returns
        -------
        float
            The loss.

        Raises
        ------
        ValueError
            For a loss with ``reduction="none"``, and as the layers and the loss raise.

        Examples
        --------
        >>> import numpy as np
        >>> from convkit import nn
        >>> model = nn.Sequential(nn.Linear(2, 1))
        >>> model.loss_and_grad(np.ones((4, 2), "float32"), np.zeros((4, 1), "float32"), nn.MSELoss()) >= 0
        True
        >>> model[0].weight.grad.shape
        (1, 2)
        """
        if not isinstance(loss, Loss):
            raise TypeError(f"loss={loss!r} is no loss of convkit.nn; give one such as nn.CrossEntropyLoss(), or call "
                            "backward() on your own loss of model(x)")
        try:
            prediction, back = self.pass_through(x.data if isinstance(x, Tensor) else np.asarray(x), False)
        except REFUSED as error:
            self.locate(error)
            raise
        value, gradient = loss.of_arrays(prediction, y)
        if back is not None:
            back(gradient)
        return float(value)


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

    def forward(self, x: Any) -> Any:
        """Add the two."""
        added, kept = self.body(x), self.shortcut(x)
        if added.shape != kept.shape:
            raise ValueError(f"Residual: the body gives shape {added.shape} and the shortcut {kept.shape}; give shortcut=, "
                             "nn.ZeroPadShortcut(...) or a 1x1 convolution with the body's stride and channels")
        return added + kept


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

    def forward(self, x: Any) -> Any:
        """Join the branches' results."""
        results = [branch(x) for branch in self.children()]
        axis = self.dim % results[0].ndim
        if len({r.shape[:axis] + r.shape[axis + 1 :] for r in results}) > 1:
            shapes = ", ".join(str(r.shape) for r in results)
            raise ValueError(f"Concat: the branches give shapes {shapes}, which differ on other axes than {axis}; pad the "
                             "branches alike")
        return concatenate(results, self.dim)
