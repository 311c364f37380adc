"""Curvelet transforms of arrays of other libraries on a device, by CuPy's transforms and by the package's own."""

import numpy as np
import pytest

import convkit
from tests.gpu import test_twins

pytestmark = test_twins.pytestmark


@pytest.fixture(params=["own", "cupy"])
def transforms(request, monkeypatch):
    from convkit.engines.cuda import fourier

    if request.param == "cupy":
        pytest.importorskip("cupy")
    else:
        monkeypatch.setattr(fourier, "library", lambda: None)


@pytest.mark.parametrize(("shape", "boundary"), [((512, 512), "wrap"), ((3, 512, 512), "wrap"), ((2, 333, 517), "reflect"),
                                                 ((9001, 20), "wrap")])
@pytest.mark.parametrize("word", ["torch", "cupy"])
def test_coefficients_are_of_the_library_of_the_samples(word, shape, boundary, transforms):
    library = pytest.importorskip(word)
    host = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    x = library.from_numpy(host).cuda() if word == "torch" else library.asarray(host)
    plan = convkit.Curvelets(shape[-2:], boundary=boundary)
    want, got = plan.forward(host), plan.forward(x)
    assert type(got.ravel()) is type(got[1, 0]) is type(x)
    for key in ((0, 0), (1, 0), (plan.scales - 1, 3)):
        values = got[key]
        np.testing.assert_allclose(values.cpu().numpy() if word == "torch" else values.get(), want[key], rtol=0, atol=1e-4)
    # A view: what is changed is changed in all.
    got[1, 0][...] = 0
    want[1, 0][...] = 0
    y = plan.inverse(got)
    np.testing.assert_allclose(y.cpu().numpy() if word == "torch" else y.get(), plan.inverse(want), rtol=0, atol=1e-4)
