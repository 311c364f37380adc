"""Steps of optimizers, and gradients together, on a CUDA device: what has to be as on the CPU."""

import math

import numpy as np
import pytest

from convkit._core import gpu
from convkit.engines import update as cpu_update
from convkit.engines.cuda import arrays, update
from convkit.kernels import update as cpu_update_kernels
from tests.cuda.twins_elementwise import DTYPES, close, drawn, line


def put(target, values):
    target.line.copy_to_device(values.reshape(-1))


# Of each kernel the remembered arrays that there are, and factors.
STEPS = {
    "sgd": ((), (0.1, 0.01)), "sgd_momentum": ((1,), (0.1, 0.01, 0.9, 0.8, 0.3, 1.1, 0.2)),
    "normalized": ((), (0.1, 0.01, 1e-3)), "adagrad": ((1,), (0.1, 0.01, 0.1, 0.2)),
    "adadelta": ((1, 1), (1.1, 0.01, 0.9, 0.1, 1e-3)),
    "rmsprop": ((1, 1, 1), (0.1, 0.01, 0.8, 0.2, 0.1, 0.01, 0.7, 1)),
    "adam": ((1, 1), (0.1, 0.01, 0.98, 0.9, 0.1, 0.8, 0.2, 1.2, 0.01, 0.02)),
    "adabelief": ((1, 1), (0.1, 0.01, 0.98, 0.9, 0.1, 0.8, 0.2, 1.2, 0.01, 0.02)),
    "diffgrad": ((1, 1, 1), (0.1, 0.01, 0.9, 0.1, 0.8, 0.2, 1.2, 0.02)),
    "angulargrad": ((1, 1, 1, 1), (0.1, 0.01, 0.9, 0.1, 0.8, 0.2, 1.2, 0.02, 1)),
    "adainject": ((1, 1, 1), (0.1, 0.01, 0.9, 0.1, 0.8, 0.2, 1.2, 0.02, 0.6, 0.3)),
}  # fmt: skip
OTHERS = {"rmsprop": ((1, 0, 0), (0.1, 0.01, 0.8, 0.2, 0.1, 0.01, 0, 0)), "angulargrad": (STEPS["angulargrad"][0], (
    0.1, 0.01, 0.9, 0.1, 0.8, 0.2, 1.2, 0.02, 0))}  # fmt: skip


@pytest.mark.parametrize(("name", "case", "dtype"), [
    *((*item, "float64") for item in (*STEPS.items(), *OTHERS.items())), ("adam", STEPS["adam"], "float32")])
def test_steps_of_optimizers(name, case, dtype, rng):
    """Two steps over the second and the third of three parameters; the first is left alone."""
    kernel, (present, factors), real = getattr(cpu_update_kernels, name), case, np.dtype(dtype)
    places, device_places = cpu_update.places([5, 38, 3], real), update.places([5, 38, 3], real)
    buffer, memories = places.buffer(real, 0), [np.zeros(places.total if there else 0, dtype) for there in present]
    for array in (buffer, *memories):
        array[:] = np.abs(drawn(rng, array.size, dtype))
    for square in memories[:1]:  # larger than that of any mean
        square += 9
    device = device_places.buffer(real, 0)
    device.line.copy_to_device(buffer)
    device_memories = [arrays.sent(m) for m in memories]
    for _ in range(2):
        gradients = [drawn(rng, (2, 19), dtype), drawn(rng, 3, dtype)]
        cpu_update.walk(kernel, buffer, gradients, places.starts[1:], places.sizes[1:], memories, factors)
        update.walk(kernel, device, [line(g) for g in gradients], device_places.starts[1:], device_places.sizes[1:],
                    device_memories, factors)
    close(device, buffer, 10)
    for got, want, there in zip(device_memories, memories, present, strict=True):
        if there:
            close(got, want, 10)
    for got, want in zip(device_places.views(device, [(5,), (2, 19), (3, 1)]), places.views(buffer, [(5,), (2, 19), (3, 1)]),
                         strict=True):
        close(got, want, 10)


def test_every_step_has_its_twin():
    assert set(STEPS) == set(update.kernels.steps("float32"))
    own = {name for name, f in vars(cpu_update_kernels).items() if getattr(f, "__module__", "") == cpu_update_kernels.__name__}
    assert {n for n in own if not n.startswith("_")} == set(STEPS)
    for name, (present, factors) in STEPS.items():
        step = update.kernels.steps("float32")[name]
        assert (step.memories, step.factors) == (len(present), len(factors))


def test_gradients_between_vectors(rng):
    g = drawn(rng, 9, "float32")
    whole, p = line(g), arrays.sent(np.zeros(16, np.float32))
    part = gpu.Line((8,), whole.dtype, whole.line[1:], 0, whole)
    update.walk(cpu_update_kernels.sgd, p, [part], np.array([0]), np.array([8]), [], (0.5, 0.0))
    close(p, np.append(-g[1:] / 2, np.zeros(8, np.float32)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", [2, 3, math.inf])
def test_norms_of_gradients(exponent, dtype, rng, monkeypatch):
    monkeypatch.setattr(update, "DEPTH", 1)
    gradients = [drawn(rng, (4, 9), dtype), drawn(rng, 5, dtype)]
    lines = [line(g) for g in gradients]
    whole = np.concatenate([g.reshape(-1) for g in gradients])
    want = np.linalg.norm(whole, exponent)
    norm = update.norm(lines, exponent)
    close(norm, np.asarray(want, dtype), 4)
    for most in (want / 3, 2 * want):
        update.limit(lines, norm, most)
        factor = min(1, most / (want + 1e-6))
        for got, g in zip(lines, gradients, strict=True):
            close(got, (g * factor).astype(dtype), 4)
            put(got, g)
    update.clip(lines, 0.5)
    close(lines[0], np.clip(gradients[0], -0.5, 0.5))
    gradients[1][2] = np.nan
    put(lines[1], gradients[1])
    norm = update.norm(lines, exponent)
    assert np.isnan(gpu.fetched(norm))
    update.limit(lines, norm, 1.0)
    assert np.isnan(gpu.fetched(lines[0])).all()
