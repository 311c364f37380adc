"""What all optimizers share: groups of parameters, steps, and a state that can be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from convkit.autodiff import Tensor
from convkit.autodiff.places import array_of, brought
from convkit.optim.flat import Flat, Memory, Run

_BUILT = (np.dtype(np.float32), np.dtype(np.float64))
# Settings that PyTorch saves and this package has not, unless they are off; and what schedules keep in a group.
_OFF = ("maximize", "foreach", "differentiable", "fused", "capturable", "amsgrad")
_SCHEDULED = ("initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int | np.number)


def at_least_zero(settings: Mapping[str, Any], *names: str) -> None:
    """Refuse what is negative or no number."""
    for name in names:
        if not _is_number(settings[name]) or not settings[name] >= 0:
            raise ValueError(f"{name}={settings[name]!r} is not allowed; it must be 0 or more")


def a_share(settings: Mapping[str, Any], *names: str) -> None:
    """Refuse what is not from 0 to below 1."""
    for name in names:
        values = settings[name]
        shares = values if isinstance(values, tuple | list) else (values,)
        if not all(_is_number(share) and 0 <= share < 1 for share in shares):
            raise ValueError(f"{name}={values!r} is not allowed; a share of the past that is kept is 0 or more and below 1")


class Optimizer:
    """Base of the optimizers: groups of parameters, each with settings of its own.

    The parameters' data become views of one buffer per group, so that a step is one pass; whoever kept an array taken from
    ``parameter.data`` before keeps the old numbers.

    Attributes
    ----------
    param_groups : list of dict
        Settings by name, and the parameters under ``"params"``. Settings may be changed between steps.
    """

    # Settings that PyTorch has not, with the values that stand for what it does.
    extras: ClassVar[Mapping[str, Any]] = {}
    # All names of arrays that may be remembered of a parameter, and whether the number of steps is saved beside them.
    known: ClassVar[tuple[str, ...]] = ()
    counts: ClassVar[bool] = True

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
        if "params" not in param_group:
            raise ValueError(f"a parameter group has {', '.join(map(repr, param_group)) or 'nothing'}, and no 'params'; give "
                             "the parameters it is for, such as {'params': model.parameters(), 'lr': 0.1}")
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

    def names(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the arrays that are remembered of each parameter with these settings."""
        return ()

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step of neighbours that have gradients."""
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
        self._settle()
        for group, flats in zip(self.param_groups, self._flats, strict=True):
            for flat in flats:
                for run in flat.runs():
                    self.update(run, group)
                    for p in flat.parameters[run.first : run.last]:
                        p.modified()
        return loss

    def _settle(self) -> None:
        """Take over numbers that were put in the place of the views."""
        for i, flats in enumerate(self._flats):
            if not all(flat.settle() for flat in flats):
                self._lay_out(i, self._remembered(i))

    def _remembered(self, i: int) -> dict[int, Memory]:
        return {key: memory for flat in self._flats[i] for key, memory in flat.remembered().items()}

    def _lay_out(self, i: int, remembered: Mapping[int, Memory]) -> None:
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
                if id(p) in remembered:
                    steps, arrays = remembered[id(p)]
                    state[n] = {"step": np.array(float(steps))} if self.counts else {}
                    state[n].update({name: np.array(brought(array, "cpu")) for name, array in arrays.items()})
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
            For groups of other sizes, arrays that are missing, unknown or of other shapes, and settings that this optimizer has
            not. Nothing has been changed then.
        """
        saved = state_dict["param_groups"]
        sizes, own = ([len(g["params"]) for g in groups] for groups in (saved, self.param_groups))
        if sizes != own:
            raise ValueError(f"the state has parameter groups of {sizes} parameters, this optimizer of {own}; make it from the "
                             "same model and groups")
        settings, memories = [], []
        for group, target in zip(saved, self.param_groups, strict=True):
            found = {**self.extras, **self._settings(group)}
            whole = {**target, **found}
            self.check(whole)
            settings.append(found)
            memories.append({id(p): self._memory(n, p, state_dict["state"].get(n, {}), self.names(whole))
                             for n, p in zip(group["params"], target["params"], strict=True)})
        for i, (group, found) in enumerate(zip(self.param_groups, settings, strict=True)):
            group.update(found)
            self._lay_out(i, memories[i])

    def _settings(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of a saved group, as this optimizer has them."""
        for key, value in group.items():
            if key != "params" and key not in self.defaults and key not in _SCHEDULED and (key not in _OFF or value):
                raise ValueError(f"the state has {key}={value!r}, which {type(self).__name__} has not")
        return {key: tuple(value) if isinstance(value, list) else value for key, value in group.items()
                if key in self.defaults or key in _SCHEDULED}

    def _memory(self, n: int, parameter: Tensor, saved: Mapping[str, Any], names: tuple[str, ...]) -> Memory:
        """What a state says of the n-th parameter."""
        arrays = {name: array_of(value) for name, value in saved.items() if value is not None}
        steps = int(arrays.pop("step", -1 if self.counts else 1)) if arrays else 0
        if steps == 0:
            return Memory(0, {})
        missing = [name for name in names if name not in arrays] + ["step"] * (steps < 0)
        if missing:
            raise ValueError(f"the state lacks {', '.join(missing)} of parameter {n}, which {type(self).__name__} remembers "
                             "with these settings")
        for name, array in arrays.items():
            if name not in self.known:
                raise ValueError(f"the state has {name} of parameter {n}, which {type(self).__name__} does not remember: it is "
                                 "that of another optimizer")
            if array.shape != parameter.shape:
                raise ValueError(f"{name} of parameter {n} has shape {array.shape} in the state, the parameter has "
                                 f"{parameter.shape}")
        return Memory(steps, arrays)

    def __repr__(self) -> str:
        lines = [f"  group {i}: {len(g['params'])} parameters, " + ", ".join(f"{k}={v}" for k, v in g.items() if k != "params")
                 for i, g in enumerate(self.param_groups)]
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"


def _laid_out(params: list[Tensor], remembered: Mapping[int, Memory]) -> list[Flat]:
    """Parameters in a buffer for each place and dtype."""
    return [Flat(members, remembered) for device in ("cpu", "cuda") for dtype in _BUILT
            if (members := [p for p in params if p.dtype == dtype and p.device == device])]


