"""Modules: what has parameters, and other modules, as its attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convkit._core.device import Remote, named
from convkit._core.typing import Array, DTypeLike
from convkit.autodiff import Tensor
from convkit.autodiff.places import array_of, brought
from convkit.autodiff.tape import Leaf
from convkit.nn.passes import REFUSED, Passes

Self = TypeVar("Self", bound="Module")


class Parameter(Tensor):
    """A Tensor that a model learns: as an attribute of a `Module` it is one of its parameters.

    Parameters
    ----------
    data : array_like or Tensor
        The numbers, of a floating-point dtype. An array is not copied.
    requires_grad : bool
        False for one that is frozen.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.Parameter(np.zeros(2, np.float32))
    Parameter([0., 0.], dtype=float32, requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def accumulate(self, piece: Array, own: bool) -> None:
        """Add to the gradient as the tape does; an `own` piece, which nobody else holds, may become it."""
        if isinstance(self._node, Leaf):
            self._node.accumulate(piece if piece.dtype == self.dtype else piece.astype(self.dtype), own)

    def __repr__(self) -> str:
        return super().__repr__().replace("Tensor(", "Parameter(", 1)


class Keys(NamedTuple):
    """What `Module.load_state_dict` did not find, and what it did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Passes):
    """Base of all layers and models: subclasses set attributes in ``__init__`` and compute in ``forward``.

    `Parameter` and `Module` attributes are found by their type, in the order in which they were first set, and named by
    their attributes. One set to None is absent, one set anew replaces the old: ``model.fc = Linear(512, 2)`` gives a model a
    new head.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> import convkit.nn.functional as F
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc1 = nn.Linear(4, 8)
    ...         self.fc2 = nn.Linear(8, 2)
    ...
    ...     def forward(self, x):
    ...         return self.fc2(F.relu(self.fc1(x)))
    >>> net = Net()
    >>> net(np.zeros((3, 4), np.float32)).shape
    (3, 2)
    >>> [name for name, _ in net.named_parameters()]
    ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']
    """

    training = True
    # Names of the buffers, and whether each is part of `state_dict`.
    _buffers: Mapping[str, bool] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(f"{name} of {type(self).__name__} is a parameter, and {type(value).__name__} is none; give "
                            f"nn.Parameter(...), or change its numbers with {name}.data[...] = ... and {name}.modified()")
        super().__setattr__(name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result; subclasses say how."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x); a Module computes there")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`; an error in a layer is told with the layer's place in this module."""
        try:
            return self.forward(*args, **kwargs)
        except REFUSED as error:
            self.locate(error)
            raise

    def locate(self, error: BaseException) -> None:
        """Put the name of the layer that refused its input, if one did, before the message."""
        layer, story = vars(error).get("refused", (None, ""))
        for name, module in self.named_modules():
            if module is layer and name:
                error.args = (f"{name}: {story}",)

    # What it is made of.

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Name and module of each attribute that is a module."""
        for name, value in list(vars(self).items()):
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules that are its attributes."""
        return iter([value for value in vars(self).values() if isinstance(value, Module)])

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Dotted name and module of itself and of all below it; one in two places comes once."""
        seen: set[Module] = set()

        def walk(name: str, module: Module) -> Iterator[tuple[str, Module]]:
            if module not in seen:
                seen.add(module)
                yield name, module
                for key, child in module.named_children():
                    yield from walk(_joined(name, key), child)

        return walk(prefix, self)

    def modules(self) -> Iterator[Module]:
        """Itself and all modules below it."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Dotted name and parameter, its own first; one in two places comes once."""
        seen: set[int] = set()
        for name, module in self.named_modules(prefix) if recurse else ((prefix, self),):
            for key, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield _joined(name, key), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Its parameters and those of all modules below it."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Set an attribute that belongs to the state and is not learnt, such as a running mean.

        Parameters
        ----------
        name : str
            Name of the attribute.
        value : ndarray, Tensor or None
            Its numbers. `double` and `float` convert it if it is of floating point.
        persistent : bool
            Whether it is part of `state_dict`.
        """
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, value)

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Any]]:
        """Dotted name and value of each buffer that is not None."""
        for name, module in self.named_modules(prefix) if recurse else ((prefix, self),):
            for key in module._buffers:
                if getattr(module, key) is not None:
                    yield _joined(name, key), getattr(module, key)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """Its buffers and those of all modules below it."""
        return (value for _, value in self.named_buffers(recurse=recurse))

    def apply(self: Self, function: Callable[[Module], object]) -> Self:
        """Call ``function(module)`` for every module, children first and itself last; return itself."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # State.

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Module, str]]:
        """Dotted name, module and attribute of every entry of `state_dict`, in PyTorch's order."""
        parameters = [key for key, value in vars(self).items() if isinstance(value, Parameter)]
        for key in parameters + [key for key, kept in self._buffers.items() if kept and getattr(self, key) is not None]:
            yield prefix + key, self, key
        for key, child in self.named_children():
            yield from child._state(f"{prefix}{key}.")

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by their dotted names, as NumPy arrays.

        Names, order and layouts are PyTorch's: ``{name: torch.from_numpy(a) for name, a in model.state_dict().items()}`` is
        what the same model there loads.
        """
        return {name: np.array(brought(_numbers(getattr(module, key)), "cpu"), order="C")
                for name, module, key in self._state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Copy numbers into the parameters and buffers that bear their names.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            NumPy arrays, or whatever ``numpy.asarray`` takes, as PyTorch's tensors on the CPU. They are converted to the
            dtype of the parameter.
        strict : bool
            Refuse names that are missing or unknown; otherwise they are left out.

        Returns
        -------
        Keys
            Lists ``missing_keys`` and ``unexpected_keys``.

        Raises
        ------
        KeyError
            With ``strict``, for missing and unknown names.
        ValueError
            For shapes that differ. Nothing has been changed then.

        Examples
        --------
        >>> from convkit import nn
        >>> one, other = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> other.load_state_dict(one.state_dict())
        Keys(missing_keys=[], unexpected_keys=[])
        >>> bool((one.weight.data == other.weight.data).all())
        True
        """
        places = {name: (module, key) for name, module, key in self._state()}
        keys = Keys([name for name in places if name not in state_dict], [name for name in state_dict if name not in places])
        if strict and any(keys):
            words = zip(("it lacks", "the model has no"), keys, strict=True)
            told = [f"{word} {', '.join(names)}" for word, names in words if names]
            raise KeyError(f"the state does not fit {type(self).__name__}: {'; '.join(told)}. Build the model as it was built "
                           "when the state was taken, or pass strict=False to load what fits")
        found = {name: array_of(_numbers(state_dict[name])) for name in places if name in state_dict}
        wrong = [f"{name} has shape {array.shape}, the model {shape}" for name, array in found.items()
                 if array.shape != (shape := np.shape(_numbers(getattr(*places[name]))))]
        if wrong:
            raise ValueError(f"the state does not fit {type(self).__name__}: {'; '.join(wrong)}. Leave these out and pass "
                             "strict=False, or build the model with the same sizes")
        for name, array in found.items():
            _write(*places[name], array)
        return keys

    def _converted(self: Self, dtype: DTypeLike) -> Self:
        for module in self.modules():
            for key, value in list(vars(module).items()):
                if isinstance(value, Parameter):
                    value.data = value.data.astype(dtype, copy=False)
                elif key in module._buffers and value is not None and value.dtype.kind == "f":
                    setattr(module, key, Tensor(value.data.astype(dtype)) if isinstance(value, Tensor) else
                            value.astype(dtype))
        return self

    def to(self: Self, device: Any) -> Self:
        """Bring parameters, their gradients and the buffers of floating point to a place; return itself.

        Inputs have to be brought there too, as Tensors (`Tensor.to`); `convkit.training` does so for each batch. An optimizer
        follows at its next step. `state_dict` gives NumPy arrays in any case, and `load_state_dict` takes them.

        Parameters
        ----------
        device : {"cuda", "cpu"}
            The memory of a CUDA device, or of the host.

        Raises
        ------
        ImportError, RuntimeError
            For "cuda" without the extra cu12 or cu13, and without a device.
        """
        place = named(device)
        for module in self.modules():
            for key, value in list(vars(module).items()):
                if isinstance(value, Parameter):
                    gradient = value.grad
                    value.data = brought(value.data, place)
                    if gradient is not None:
                        value.grad = brought(gradient, place)
                elif key in module._buffers and value is not None and value.dtype.kind == "f":
                    setattr(module, key, value.to(place) if isinstance(value, Tensor) else brought(value, place))
        return self

    def double(self: Self) -> Self:
        """Convert parameters and floating-point buffers to float64; return itself."""
        return self._converted(np.float64)

    def float(self: Self) -> Self:
        """Convert parameters and floating-point buffers to float32; return itself."""
        return self._converted(np.float32)

    def train(self: Self, mode: bool = True) -> Self:
        """Let dropout drop and batch norms use the batch's statistics (`mode` False: neither); return itself."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self: Self) -> Self:
        """Let everything compute as it does after training; return itself."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or with ``set_to_none=False`` fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                if parameter.requires_grad:
                    parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.fill(0)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Set whether gradients are computed for all parameters; return itself."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def freeze(self: Self) -> Self:
        """Keep all parameters as they are: no gradients, no steps of an optimizer. Return itself.

        For transfer learning freeze a trained model and set a new head, whose parameters are not frozen. Batch norms of a
        frozen part go on updating their running statistics unless it is in `eval` mode.

        Examples
        --------
        >>> from convkit import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10)).freeze()
        >>> model[-1] = nn.Linear(8, 2)
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['2.weight', '2.bias']
        """
        return self.requires_grad_(False)

    def unfreeze(self: Self) -> Self:
        """Undo `freeze`."""
        return self.requires_grad_(True)

    # As text.

    def extra_repr(self) -> str:
        """What stands between the parentheses of a module without children."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({extra})"
        return f"{type(self).__name__}(\n  " + "\n  ".join([*filter(None, [extra]), *children]) + "\n)"


def _joined(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


def _numbers(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


def _write(module: Module, key: str, array: Array) -> None:
    """Copy an array into a parameter or buffer, in place where it can be written to."""
    value = getattr(module, key)
    data = _numbers(value)
    if isinstance(data, np.ndarray) and not data.flags.writeable:  # made within `shapes_only`
        value.data = np.array(array, data.dtype)
        return
    data[...] = brought(array, "cuda" if isinstance(data, Remote) else "cpu")
    if isinstance(value, Parameter):
        value.modified()
