"""Optimizers, with PyTorch's names, defaults and order of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from convkit.autodiff import Tensor
from convkit.engines import update
from convkit.optim.flat import Flat

_BUILT = (np.dtype(np.float32), np.dtype(np.float64))


def at_least_zero(**settings: float) -> None:
    """Refuse what is negative or no number."""
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{name}={value!r} is not allowed; it must be 0 or more")


class Optimizer:
    """Base of the optimizers: groups of parameters, each with settings of its own.

    The parameters' data become views of one buffer per group, so that a step is one pass; whoever kept an array taken from
    ``parameter.data`` before keeps the old numbers.

    Attributes
    ----------
    param_groups : list of dict
        Settings by name, and the parameters under ``"params"``. Settings may be changed between steps.
    """

    # Settings that PyTorch saves and this package has not, unless they are off.
    ignored = ("maximize", "foreach", "differentiable", "fused", "capturable", "amsgrad", "decoupled_weight_decay")

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._flats: list[list[Flat]] = []
        if isinstance(params, Tensor | Mapping):
            raise TypeError(f"params is a single {type(params).__name__}; give a list, such as model.parameters()")
        given = list(params)
        if not given:
            raise ValueError("params is empty: the model has no parameters, or its generator was used up before; give "
                             "model.parameters()")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with settings of their own.

        Parameters
        ----------
        param_group : mapping
            ``"params"``, and any settings that are to differ from the optimizer's.

        Raises
        ------
        TypeError
            For what is no Tensor made by the user, of float32 or float64.
        ValueError
            For unknown settings and parameters that are in a group already.
        """
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        unknown = set(param_group) - {"params", *self.defaults}
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} in a parameter group is not known to {type(self).__name__}; its "
                             f"settings are {', '.join(self.defaults)}")
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor) or not p.is_leaf or p.dtype not in _BUILT:
                kind = f"a result of dtype {p.dtype}" if isinstance(p, Tensor) else f"{type(p).__name__}"
                raise TypeError(f"an optimizer changes parameters, Tensors that you made of float32 or float64, not {kind}; "
                                "give model.parameters()")
            if id(p) in seen:
                raise ValueError(f"a parameter of shape {p.shape} is given twice; each may be in one group only")
            seen.add(id(p))
        group = {"params": params, **self.defaults, **{k: v for k, v in param_group.items() if k != "params"}}
        self.check(group)
        self.param_groups.append(group)
        self._flats.append(_laid_out(params, {}))

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        raise NotImplementedError

    def update(self, flat: Flat, settings: Mapping[str, Any]) -> None:
        """Make one step of the parameters in `flat` that have gradients."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or with ``set_to_none=False`` fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if not set_to_none:
                    if p.grad is not None:
                        p.grad.fill(0)
                elif p.requires_grad:
                    p.grad = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes loss and gradients first.

        Returns
        -------
        Any
            What `closure` returned, or None.
        """
        loss = None if closure is None else closure()
        for i, group in enumerate(self.param_groups):
            if not all(flat.settle() for flat in self._flats[i]):
                self._lay_out(i, self._remembered(i))
            for flat in self._flats[i]:
                self.update(flat, group)
                for p in flat.parameters:
                    if p.grad is not None:
                        p.modified()
        return loss

    def _remembered(self, i: int) -> dict[int, dict[str, Any]]:
        return {key: arrays for flat in self._flats[i] for key, arrays in flat.remembered().items()}

    def _lay_out(self, i: int, remembered: Mapping[int, Mapping[str, Any]]) -> None:
        self._flats[i] = _laid_out(self.param_groups[i]["params"], remembered)

    def state_dict(self) -> dict[str, Any]:
        """Copies of what the optimizer remembers, in PyTorch's form, with NumPy arrays.

        Returns
        -------
        dict
            ``"state"``: by a parameter's number, a dict of arrays; ``"param_groups"``: settings, and numbers of parameters.
        """
        state: dict[int, dict[str, Any]] = {}
        groups, number = [], 0
        for i, group in enumerate(self.param_groups):
            remembered = self._remembered(i)
            numbers = list(range(number, number + len(group["params"])))
            for n, p in zip(numbers, group["params"], strict=True):
                if remembered[id(p)]:
                    state[n] = {name: array.copy() for name, array in remembered[id(p)].items()}
            groups.append({**group, "params": numbers})
            number += len(numbers)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over settings and memory from `state_dict`, this package's or PyTorch's.

        Parameters
        ----------
        state_dict : mapping
            As `state_dict` returns it; arrays may be whatever ``numpy.asarray`` takes.

        Raises
        ------
        ValueError
            For groups of other sizes, arrays of other shapes, and settings that this optimizer has not. Nothing has been
            changed then.
        """
        saved = state_dict["param_groups"]
        sizes, own = ([len(g["params"]) for g in groups] for groups in (saved, self.param_groups))
        if sizes != own:
            raise ValueError(f"the state has parameter groups of {sizes} parameters, this optimizer of {own}; make it from the "
                             "same model and groups")
        settings, memories = [], []
        for group, target in zip(saved, self.param_groups, strict=True):
            for key, value in group.items():
                if key != "params" and key not in self.defaults and (key not in self.ignored or value):
                    raise ValueError(f"the state has {key}={value!r}, which {type(self).__name__} has not")
            found = {key: value for key, value in group.items() if key in self.defaults}
            self.check({**target, **found})
            settings.append(found)
            memory = {}
            for n, p in zip(group["params"], target["params"], strict=True):
                arrays = {name: np.asarray(a) for name, a in state_dict["state"].get(n, {}).items() if a is not None}
                for name, array in arrays.items():
                    if array.shape != p.shape:
                        raise ValueError(f"{name} of parameter {n} has shape {array.shape} in the state, the parameter has "
                                         f"{p.shape}")
                memory[id(p)] = arrays
            memories.append(memory)
        for i, (group, found) in enumerate(zip(self.param_groups, settings, strict=True)):
            group.update(found)
            self._lay_out(i, memories[i])

    def __repr__(self) -> str:
        lines = [f"  group {i}: {len(g['params'])} parameters, " + ", ".join(f"{k}={v}" for k, v in g.items() if k != "params")
                 for i, g in enumerate(self.param_groups)]
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"


def _laid_out(params: list[Tensor], remembered: Mapping[int, Mapping[str, Any]]) -> list[Flat]:
    """Parameters in a buffer for each dtype."""
    return [Flat(members, remembered) for dtype in _BUILT if (members := [p for p in params if p.dtype == dtype])]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    With g = gradient + weight_decay * parameter, a step is ``v = momentum * v + (1 - dampening) * g`` and
    ``parameter -= lr * v``; with `nesterov` ``parameter -= lr * (g + momentum * v)``. At a parameter's first step v is g
    itself. Parameters without a gradient stay as they are.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Learning rate, the length of a step.
    momentum : float
        How much of the velocity v is kept; 0 for none.
    dampening : float
        Share of a new gradient that is kept from the velocity.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    nesterov : bool
        Look one step of the momentum ahead.

    Raises
    ------
    ValueError
        For negative settings, no parameters, a parameter given twice, and `nesterov` without momentum or with dampening.
    TypeError
        For what is no parameter.

    References
    ----------
    .. [1] I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, whose velocity
       has the learning rate in it: the same while the rate is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.array([4.0]))
    >>> optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(200):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> bool(abs(w.data[0] - 1) < 1e-3)
    True
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                                  "nesterov": nesterov})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(**{name: settings[name] for name in ("lr", "momentum", "weight_decay")})
        if settings["nesterov"] and (settings["momentum"] <= 0 or settings["dampening"] != 0):
            raise ValueError("nesterov=True needs momentum above 0 and dampening=0; they are "
                             f"momentum={settings['momentum']!r} and dampening={settings['dampening']!r}")

    def update(self, flat: Flat, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        rate, momentum, decay = settings["lr"], settings["momentum"], settings["weight_decay"]
        name = "momentum_buffer" if momentum else ""
        for indices, gradients, known in flat.stretches(name):
            first = flat.starts[indices[0]]
            if not momentum:
                update.sgd(flat.buffer, gradients, first, rate, decay)
                continue
            share = 1 - settings["dampening"] if known else 1
            update.sgd_momentum(flat.buffer, gradients, first, flat.memory(name), rate, decay, momentum, share,
                                settings["nesterov"])
            flat.begun(name, indices)
