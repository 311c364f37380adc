"""Modules that free code calls one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from convkit.nn.containers import Sequential
from convkit.nn.module import Module


class ModuleList(Sequential):
    """A list of modules whose parameters belong to the module that holds it; its code calls them.

    Parameters
    ----------
    modules : iterable of Module
        In their order; named ``"0"``, ``"1"`` and so on.

    Raises
    ------
    NotImplementedError
        Calling it: a list says not how its modules are to be called. `Sequential` calls them one after the other.

    Examples
    --------
    >>> from convkit import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
    ...
    ...     def forward(self, x):
    ...         for block in self.blocks:
    ...             x = x + block(x)
    ...         return x
    >>> [name for name, _ in Net().named_parameters()][:2]
    ['blocks.0.weight', 'blocks.0.bias']
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__(*modules)

    def __getitem__(self, index: Any) -> Any:
        return ModuleList(list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Put modules after the last; return itself."""
        for module in modules:
            self.append(module)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: a list says not how its modules are to be called."""
        raise NotImplementedError("a ModuleList says not how its modules are called; loop over it in the forward of the module "
                                  "that holds it, or use nn.Sequential to call them one after the other")
