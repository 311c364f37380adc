"""What the compiler makes of pooling, normalisation, non-linearities, losses and updates."""

import numpy as np
import pytest

from tests.cuda.compiler import DEVICES, compiled, count, needed, resources

pytestmark = needed
# Registers of a thread with which eight blocks of 256 have room side by side, four and three.
EIGHT, FOUR, THREE = 32, 64, 80


def types_of(dtype):
    """A number, an array of such numbers, one of int64, and whole numbers."""
    from numba import from_dtype, types

    number = from_dtype(np.dtype(dtype))
    return number, number[::1], types.int64[::1], types.int64


def looked_at(body, arguments, dtype, device, registers, loads=0, stores=0):
    """Hold a kernel against what all of them keep to; vectors are counted where there are any."""
    from numba import types

    ptx = compiled(body, types.void(*arguments), device)
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    assert dtype != "float32" or not count(r"\.f64", ptx)
    width = 16 // np.dtype(dtype).itemsize
    assert (count(rf"ld\.global\.v{width}", ptx) > 0) == (loads > 0)
    assert count(rf"ld\.global\.v{width}", ptx) >= loads
    assert (count(rf"st\.global\.v{width}", ptx) > 0) == (stores > 0)
    assert count(rf"st\.global\.v{width}", ptx) >= stores
    assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, registers)


def tuples(kind, n):
    from numba import types

    return types.UniTuple(kind, n)


FORMULAS = ("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "sigmoid", "tanh")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FORMULAS)
def test_functions_read_and_write_vectors(name, device):
    from convkit.kernels.activation_cuda import formulas
    from convkit.kernels.pointwise_cuda import combine_body, map_body

    number, line, _, _ = types_of("float32")
    assert set(FORMULAS) == set(formulas("float32"))
    formula = formulas("float32")[name]
    looked_at(map_body(formula.value, "float32", True), (line, line, number), "float32", device, EIGHT, 1, 1)
    looked_at(combine_body(formula.back, "float32", True), (line, line, line, number), "float32", device, EIGHT, 2, 1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_kernels_number_by_number(dtype, device):
    from convkit.kernels.activation_cuda import formulas
    from convkit.kernels.loss_cuda import along_body, differences
    from convkit.kernels.normalize_cuda import follow_body
    from convkit.kernels.pointwise_cuda import by_one_body, combine_body, map_body

    number, line, _, whole = types_of(dtype)
    looked_at(by_one_body(dtype, True), (line, line, line, number), dtype, device, FOUR, 1, 1)
    looked_at(map_body(formulas(dtype)["relu"].value, dtype, False), (line, line, number), dtype, device, FOUR)
    for formula in differences(dtype).values():
        looked_at(combine_body(formula.slope, dtype, True), (line, line, line, number), dtype, device, FOUR, 2, 1)
    looked_at(follow_body, (line, line, number, number), dtype, device, FOUR)
    looked_at(along_body, (line, line, line, tuples(whole, 4)), dtype, device, FOUR)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_worked_on_in_registers(dtype, device):
    from convkit.kernels.activation_cuda import softmax_body, softmax_gradient_body
    from convkit.kernels.loss_cuda import cross_entropy_body, margin_body

    number, line, labels, whole = types_of(dtype)
    for logarithm in (False, True):
        looked_at(softmax_body(dtype, 256, logarithm), (line, line, tuples(whole, 4)), dtype, device, FOUR)
        looked_at(softmax_gradient_body(dtype, 256, logarithm), (line, line, line, tuples(whole, 4)), dtype, device, FOUR)
    scores = (line, labels, line, line, line, number)
    looked_at(cross_entropy_body(dtype, 256), (*scores, whole, tuples(whole, 5)), dtype, device, THREE)
    looked_at(margin_body(dtype, 256), (*scores, number, tuples(whole, 6)), dtype, device, FOUR)


@pytest.mark.parametrize("device", DEVICES)
def test_sums_are_of_vectors(device):
    from convkit.engines.cuda.loss import _kept
    from convkit.kernels.loss_cuda import differences, reductions
    from convkit.kernels.sums_cuda import finish_body, parts_body
    from convkit.kernels.update_cuda import powers, powers_body

    number, line, table, whole = types_of("float32")
    for formula in (differences("float32")["huber_loss"], differences("float32")["mse_loss"]):
        looked_at(parts_body(formula.value, "float32", True, 256), (line, line, line, number, whole, whole), "float32", device,
                  FOUR, 2)
    # Of a sum of the numbers themselves the second array is not read at all.
    looked_at(parts_body(_kept, "float32", True, 256), (line, line, line, number, whole, whole), "float32", device, FOUR, 1)
    for reduction in reductions("float32").values():
        looked_at(finish_body(reduction, "float32", 256, False), (line, line, line, whole, number), "float32", device, FOUR)
    for name, (power, root) in powers("float32").items():
        largest = name == "largest"
        looked_at(powers_body(power, "float32", True, 256, largest), (line, table, table, number), "float32", device, FOUR, 1)
        looked_at(finish_body(root, "float32", 256, largest), (line, line, line, whole, number), "float32", device, FOUR)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("vectors", "dtype"), [(True, "float32"), (False, "float32"), (True, "float64")])
def test_normalisation(vectors, dtype, device):
    from convkit.kernels.normalize_cuda import SIZES, moments_body, normalize_body, normalize_gradient_body, slopes_body

    number, line, _, whole = types_of(dtype)
    sizes = tuples(whole, len(SIZES))
    cases = ((moments_body, 2, 0, 1, 0), (normalize_body, 7, 1, 1, 1), (slopes_body, 5, 0, 3, 0),
             (normalize_gradient_body, 10, 2, 3, 1))
    for body, lines, numbers, loads, stores in cases:
        looked_at(body(dtype, vectors, 256), (*[line] * lines, *[number] * numbers, sizes), dtype, device, FOUR,
                  loads if vectors else 0, stores if vectors else 0)


@pytest.mark.parametrize("device", DEVICES)
def test_pooling(device):
    from numba import types

    from convkit.kernels import pool_cuda as kernels

    _, line, _, whole = types_of("float32")
    codes, tables, sizes = types.uint8[::1], types.int32[::1], tuples(whole, 6)
    for known in (((1, 2, 2), (1, 2, 2), (0, 0, 0), (1, 1, 1)), ((2, 3, 3), (3, 2, 2), (0, 1, 1), (1, 2, 2))):
        arguments = line, codes, line, whole, sizes
        for beyond in ((False,) * 3, (True,) * 3):
            looked_at(kernels.max_windows_body("float32", *known, beyond), arguments, "float32", device, FOUR)
        looked_at(kernels.max_gradient_body("float32", *known), arguments, "float32", device, FOUR)
    for body in (kernels.mean_windows_body, kernels.mean_gradient_body):
        looked_at(body("float32"), (line, tables, line, whole, sizes), "float32", device, THREE)
    pairs = (line, codes, line, whole, tuples(whole, 2))
    looked_at(kernels.max_pairs_body("float32"), pairs, "float32", device, EIGHT, 2, 0)
    looked_at(kernels.max_pairs_gradient_body("float32"), pairs, "float32", device, EIGHT, 0, 2)
    for code in (types.uint8, types.int32):
        looked_at(kernels.spots_body, (code[::1], *[types.int64[::1]] * 3), "int64", device, EIGHT)


STEPS = ("sgd", "sgd_momentum", "normalized", "adagrad", "adadelta", "rmsprop", "adam", "adabelief", "diffgrad", "angulargrad",
         "adainject")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", STEPS)
def test_steps_are_one_pass_of_vectors(name, device):
    from convkit.kernels.update_cuda import step_body, steps

    number, line, table, _ = types_of("float32")
    assert set(STEPS) == set(steps("float32"))
    step = steps("float32")[name]
    used = tuple(i < step.memories for i in range(4))
    arguments = (*[line] * 5, table, table, tuples(number, step.factors))
    for vectors in (True, False):
        looked_at(step_body(name, "float32", used, vectors), arguments, "float32", device, FOUR,
                  (2 + step.memories) * vectors, (1 + step.memories) * vectors)


@pytest.mark.parametrize("device", DEVICES)
def test_changes_of_gradients(device):
    from convkit.kernels.update_cuda import change_body, changes

    number, line, table, _ = types_of("float32")
    for change in changes("float32").values():
        looked_at(change_body(change, "float32", True), (line, table, table, number), "float32", device, FOUR, 1, 1)
