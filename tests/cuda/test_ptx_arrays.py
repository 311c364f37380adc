"""What the compiler makes of the arithmetic of arrays on a device, and of elements named by their places."""

import numpy as np
import pytest

from tests.cuda.compiler import ARITHMETIC, DEVICES, compiled, count, needed, resources

pytestmark = needed
# The compiler's own way to take whole turns off huge numbers keeps digits in memory, and ends in double precision.
TURNS = ("sin", "cos")


def cases(dtype):
    """Name, body and signature of every kernel."""
    from numba import from_dtype, types

    from convkit.kernels import arrays_cuda as k
    from convkit.kernels import index_cuda as index
    from convkit.kernels.pointwise_cuda import combine_body, map_body

    kind = from_dtype(np.dtype(dtype))
    line, four, six = kind[::1], types.UniTuple(types.int64, k.AXES), types.UniTuple(types.int64, 6)
    one, truth, places = types.int64, types.boolean[::1], types.int64[::1]
    exact = [name for name in k.TWO if np.dtype(dtype).kind == "f" or name in k.EXACT]
    exact = [name for name in exact if not name.startswith("bitwise") or np.dtype(dtype).kind != "f"]
    rows = []
    for name in exact:
        out = truth if name in k.TELLS else line
        vectors = name not in k.TELLS
        rows += [(name, map_body(k.TWO[name], dtype, vectors), (line, out, kind)),
                 (name, map_body(k.BEFORE[name], dtype, vectors), (line, out, kind)),
                 (name, combine_body(k.PAIRS[name], dtype, vectors), (line, line, out, kind))]
    rows += [(name, map_body(formula, dtype, name not in k.TELLS), (line, truth if name in k.TELLS else line, kind))
             for name, formula in k.SINGLE.items() if np.dtype(dtype).kind == "f" or name in k.EXACT]
    return [*rows,
            ("stretch", k.stretch_body("multiply"), (line, line, line, four, four, four)),
            ("choose", k.choose_body, (truth, line, line, line, four, four, four, four)),
            ("move", k.move_body, (line, line, four, one, four, one, four)),
            ("sums", k.folds_body("add", dtype), (line, line, one, four, four, four, four)),
            ("extremes", k.folds_body("maximum", dtype), (line, line, one, four, four, four, four)),
            ("first", k.first_body(True), (line, places, places, one, one, four, four, four, four)),
            ("right", k.right_body, (line, places, types.float32[::1])),
            ("take", index.take_body(dtype), (line, places, line, six)),
            ("pile", index.pile_body(True), (line, places, line, six)),
            ("put", index.pile_body(False), (line, places, line, six))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_arithmetic_compiles(dtype, device):
    from numba import types

    for name, body, arguments in cases(dtype):
        ptx = compiled(body, types.void(*arguments), device)
        assert name in TURNS or ".local" not in ptx, name
        assert name in TURNS or dtype == "float64" or not count(ARITHMETIC, ptx), name
        assert "0 bytes spill" in resources(ptx, device, 64), name


@pytest.mark.parametrize("device", DEVICES)
def test_yes_and_no_compile(device):
    from numba import types

    from convkit.kernels import arrays_cuda as k
    from convkit.kernels.pointwise_cuda import combine_body

    truth, four = types.boolean[::1], types.UniTuple(types.int64, k.AXES)
    for body, arguments in ((combine_body(k.PAIRS["bitwise_and"], "bool", False), (truth, truth, truth, types.boolean)),
                            (k.folds_body("maximum", "bool"), (truth, truth, types.int64, four, four, four, four)),
                            (k.folds_body("add", "int64"), (truth, types.int64[::1], types.int64, four, four, four, four)),
                            (k.move_body, (truth, types.float32[::1], four, types.int64, four, types.int64, four))):
        assert "0 bytes spill" in resources(compiled(body, types.void(*arguments), device), device, 64)
