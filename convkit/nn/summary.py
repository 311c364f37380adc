"""What a model is made of: shapes, parameters, work, memory, receptive fields and times of its layers."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convkit.autodiff import Tensor, apply, no_grad
from convkit.autodiff.places import brought
from convkit.autodiff.tape import Leaf, Node
from convkit.nn.layers.layer import Layer, Window, size, watched
from convkit.nn.module import Module, Parameter

# Runs of which the fastest counts.
RUNS = 3


@dataclass(frozen=True)
class Row:
    """One call of a layer.

    `receptive_field` has for each axis how many samples of the input an output sees, without regard to edges; None where it
    sees all. `memory` is bytes of parameters, buffers and result; `seconds` is None where it was not run.
    """

    name: str
    layer: str
    out_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory: int
    receptive_field: tuple[int, ...] | None
    seconds: float | None


@dataclass(frozen=True)
class Summary:
    """Rows of a model's layers in the order of their calls; printed as a table."""

    model: str
    input_shape: tuple[int, ...]
    rows: tuple[Row, ...]
    parameters: int
    trainable: int

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of convolutions and dense layers."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def memory(self) -> int:
        """Bytes of parameters, buffers and results."""
        return sum(row.memory for row in self.rows)

    @property
    def seconds(self) -> float | None:
        """Time of all layers; None where they were not run."""
        known = [row.seconds for row in self.rows if row.seconds is not None]
        return sum(known) if len(known) == len(self.rows) else None

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console
        from rich.table import Table

        table = Table(title=f"{self.model}, input {self.input_shape}")
        for head in ("layer", "output", "parameters", "multiply-adds", "memory", "sees", "time"):
            table.add_column(head, justify="left" if head in ("layer", "output") else "right")
        for row in self.rows:
            field = "all" if row.receptive_field is None else "x".join(map(str, row.receptive_field))
            table.add_row(f"{row.name} {row.layer}".strip(), str(row.out_shape), _count(row.parameters),
                          _count(row.multiply_adds), _bytes(row.memory), field, _time(row.seconds))
        table.add_section()
        table.add_row("total", f"{self.trainable:,} trainable", f"{self.parameters:,}", f"{self.multiply_adds:,}",
                      _bytes(self.memory), "", _time(self.seconds))
        text = StringIO()
        Console(file=text, width=140).print(table)
        return text.getvalue().rstrip("\n")


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _bytes(count: float) -> str:
    steps = 0 if count < 1000 else min(3, (len(str(int(count))) - 1) // 3)
    return f"{count / 1000**steps:.3g} {('B', 'kB', 'MB', 'GB')[steps]}"


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.3f} ms"


class _Field:
    """Per axis: samples of the model's input that one sees, and how far apart those of two neighbours begin."""

    def __init__(self, extent: tuple[float, ...], step: tuple[float, ...]) -> None:
        self.extent, self.step = extent, step

    def through(self, window: Window | None) -> _Field | None:
        """What an output of a layer sees."""
        if window is None or not window.extent:
            return None if window is None else self
        extent = tuple(e + (w - 1) * s for e, w, s in zip(self.extent, window.extent, self.step, strict=True))
        return _Field(extent, tuple(s * w for s, w in zip(self.step, window.stride, strict=True)))


def _blank(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` that take no memory, and no way back: stands for a layer's work."""
    return np.broadcast_to(np.zeros((), x.dtype), shape), lambda gradient, wanted: (None,)


class _Shapes:
    """Looks on at a pass in which layers compute nothing, and follows through the tape what each sees."""

    def __init__(self, names: dict[Module, str], x: Tensor) -> None:
        self.names = names
        self.rows: list[Row] = []
        axes = max(len(x.shape) - 2, 0)
        self.fields: dict[Node | Leaf | None, _Field | None] = {x._node: _Field((1,) * axes, (1,) * axes)}

    def field(self, node: Node | Leaf | None) -> _Field | None:
        """What a result sees: for one that no layer made, the most that its operands see."""
        if node not in self.fields and isinstance(node, Node):
            found = [self.field(parent) for parent in node.parents if parent is not None]
            widest = max(found, key=lambda f: np.inf if f is None else max(f.extent, default=0))
            self.fields[node] = widest
        return self.fields[node]

    def __call__(self, layer: Layer, x: Any) -> Tensor:
        if wrong := layer.misfit(x.shape):
            raise ValueError(f"{self.names.get(layer, '')}: {layer!r}: {wrong}")
        shape = layer.out_shape(x.shape)
        seen = self.field(x._node)
        held = [*layer.parameters(), *layer.buffers()]
        # A result of floating point: the tape goes on there, and with it the search for what is seen.
        result: Tensor = apply(_blank, x, shape=shape)
        field = self.fields[result._node] = None if seen is None else seen.through(layer.window(x.shape))
        count = sum(p.numel() for p in held if isinstance(p, Parameter))
        memory = sum(v.data.nbytes if isinstance(v, Tensor) else v.nbytes for v in held) + size(shape) * x.dtype.itemsize
        self.rows.append(Row(self.names.get(layer, ""), type(layer).__name__, shape, count, layer.products(x.shape), memory,
                             None if field is None else tuple(round(e) for e in field.extent), None))
        return result


def summary(model: Module, input_shape: Sequence[int], time: bool = True) -> Summary:
    """What a model is made of, layer by layer.

    Parameters
    ----------
    model : Module
        A layer, or anything made of layers. What its ``forward`` computes by functions stands in no row.
    input_shape : sequence of int
        Shape of an input, with the batch axis: (1, 3, 32, 32).
    time : bool
        Run the layers, and note how long each took: the shortest of three runs, without tape, as after `eval`. Otherwise
        layers compute nothing, and large models take neither time nor memory.

    Returns
    -------
    Summary
        Printed it is a table. ``rows`` has for each call of a layer its name, kind, output shape, parameters, multiply-adds,
        memory in bytes, receptive field and seconds; the totals are attributes.

    Raises
    ------
    ValueError
        Where a layer refuses its input.

    Examples
    --------
    >>> from convkit import nn
    >>> report = nn.summary(nn.models.tutorial_net(), (1, 3, 32, 32), time=False)
    >>> report.parameters, report.multiply_adds
    (62006, 651720)
    >>> [row.receptive_field for row in report.rows][:6]
    [(5, 5), (5, 5), (6, 6), (14, 14), (14, 14), (16, 16)]
    """
    shape = tuple(map(int, input_shape))
    dtype = next((p.dtype for p in model.parameters()), np.dtype(np.float32))
    names = {module: name for name, module in model.named_modules()}
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        blank = Tensor(np.broadcast_to(np.zeros((), dtype), shape), requires_grad=True)
        shapes = _Shapes(names, blank)
        watched(shapes, model, blank)
        rows = shapes.rows
        if time:
            x = brought(np.zeros(shape, dtype), next((p.device for p in model.parameters()), "cpu"))
            seconds = np.min([_timed(model, x) for _ in range(RUNS)], axis=0)
            rows = [Row(**{**vars(row), "seconds": float(s)}) for row, s in zip(rows, seconds, strict=True)]
    finally:
        for module, mode in modes:
            module.training = mode
    count = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return Summary(type(model).__name__, shape, tuple(rows), sum(n for n, _ in count), sum(n for n, wanted in count if wanted))


def _timed(model: Module, x: Any) -> list[float]:
    """Seconds of each layer in one run."""
    taken = []

    def call(layer: Layer, x: Any) -> Any:
        begin = clock.perf_counter()
        result = layer.forward(x)
        result.data.reshape(-1)[:1].tolist()  # waits for a device
        taken.append(clock.perf_counter() - begin)
        return result

    with no_grad():
        watched(call, model, Tensor(x))
    return taken
