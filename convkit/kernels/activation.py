"""Rectifiers, alone and behind a dense layer's bias; backward from the sign of the result."""

from __future__ import annotations

from convkit._core.jit import kernel


@kernel
def rectify(x, out):
    """Write ``x`` to ``out``, zero where it is not positive; NaN stays."""
    for i in range(x.size):
        value = x[i]
        out[i] = x.dtype.type(0) if value <= 0 else value


@kernel
def rectify_gradient(g, y, out):
    """Write ``g`` to ``out``, zero where the rectifier's result ``y`` is."""
    for i in range(g.size):
        out[i] = g.dtype.type(0) if y[i] <= 0 else g[i]


@kernel
def add_bias(y, bias, relu):
    """Add ``bias`` to every row of ``y``, in place; with ``relu`` what is below zero becomes zero, and NaN stays."""
    columns = bias.size
    for r in range(y.size // columns):
        row = y[r * columns : (r + 1) * columns]
        if relu:
            for i in range(columns):
                value = row[i] + bias[i]
                row[i] = y.dtype.type(0) if value < 0 else value
        else:
            for i in range(columns):
                row[i] += bias[i]


@kernel
def rectify_rows(g, y, out, sums):
    """As `rectify_gradient`, with the sums over the rows, of ``sums.size`` each."""
    columns = sums.size
    sums[:] = 0
    for r in range(g.size // columns):
        start = r * columns
        for i in range(columns):
            value = g.dtype.type(0) if y[start + i] <= 0 else g[start + i]
            out[start + i] = value
            sums[i] += value
