"""What the compiler makes of the arithmetic of arrays on a device."""

import numpy as np
import pytest

from tests.cuda.compiler import ARITHMETIC, DEVICES, compiled, count, needed, resources

pytestmark = needed


def cases(dtype):
    """Body and signature of every kernel."""
    from numba import from_dtype, types

    from convkit.kernels import arrays_cuda as k
    from convkit.kernels.pointwise_cuda import combine_body, map_body

    kind = from_dtype(np.dtype(dtype))
    line, four = kind[::1], types.UniTuple(types.int64, k.AXES)
    one = types.int64
    formulas = [(map_body, f, (line, line, kind)) for f in (*k.AFTER.values(), *k.BEFORE.values(), *k.SINGLE.values())]
    formulas += [(combine_body, f, (line, line, line, kind)) for f in k.PAIRS.values()]
    rows = [(make(formula, dtype, True), arguments) for make, formula, arguments in formulas]
    rows += [(k.stretch_body("multiply", dtype), (line, line, line, four, four, four)),
             (k.move_body, (line, line, four, one, four, one, four)),
             (k.sums_body(dtype), (line, line, one, four, four, four, four)),
             (k.right_body, (line, types.int64[::1], types.float32[::1]))]
    return rows


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arithmetic_compiles(dtype, device):
    from numba import types

    for body, arguments in cases(dtype):
        ptx = compiled(body, types.void(*arguments), device)
        assert ".local" not in ptx, body
        assert dtype == "float64" or not count(ARITHMETIC, ptx), body
        assert "0 bytes spill" in resources(ptx, device, 64), body
