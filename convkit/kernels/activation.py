"""Rectifiers: forward where they stand alone, backward from the sign of the result."""

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
