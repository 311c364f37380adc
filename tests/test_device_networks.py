"""Networks and places, as far as they go without a CUDA device; what is computed there is in tests/cuda/twins_networks.py."""

import numpy as np
import pytest

from convkit import nn, optim, training
from convkit.autodiff import Tensor
from convkit.engines.places import HOST, place_of
from tests.interpreter import NO_CUDA, errors_of

MODEL = ("import sys, numpy as np; from convkit import nn, optim, training; model = nn.Sequential(nn.Linear(2, 2), nn.ReLU());"
         "x = np.ones((4, 2), 'float32');")


def test_networks_on_the_host_never_import_cuda():
    code = ("model.to('cpu').loss_and_grad(x, [0, 1, 0, 1], nn.CrossEntropyLoss()); optim.SGD(model.parameters()).step();"
            "training.fit(model, (x, np.ones(4, int)), epochs=1);"
            + NO_CUDA)
    assert errors_of(MODEL + code) == ""


@pytest.mark.parametrize("call", ["model.to('cuda')", "nn.Parameter(x).to('cuda')"])
def test_without_the_extra_one_error_names_it(call):
    said = errors_of(MODEL + f"import numba.cuda; numba.cuda.__file__ = 'of Numba itself'; {call}")
    assert "ImportError: computing on a CUDA device needs numba-cuda" in said


def test_training_from_the_command_line_says_so_in_one_line():
    code = "import numba.cuda; numba.cuda.__file__ = 'of Numba itself'; from convkit.cli import main; sys.argv = {}; main()"
    said = errors_of(MODEL + code.format(["convkit", "train", "digits", "--device", "cuda"]))
    assert said.startswith("convkit train: --device is cuda: computing on a CUDA device needs numba-cuda")
    assert said.count("\n") == 1
    assert "--device='tpu' is not known" in errors_of(MODEL + code.format(["convkit", "train", "digits", "--device", "tpu"]))


@pytest.mark.parametrize("place", ["gpu", "cuda:1", 0, None])
def test_other_places_are_refused(place):
    for thing in (nn.Linear(2, 2), Tensor([1.0])):
        with pytest.raises(ValueError, match=r"is not known; it may be 'cpu' or 'cuda'"):
            thing.to(place)


def test_what_lies_on_the_host_stays_as_it_is():
    layer, x = nn.Linear(2, 2), Tensor([1.0])
    data = layer.weight.data
    assert layer.to("cpu") is layer
    assert layer.weight.data is data
    assert x.to("cpu") is x
    assert (x.device, layer.weight.device) == ("cpu", "cpu")
    assert place_of(data) is HOST


def test_losses_are_added_up_over_batches():
    sums = training.evaluation.Sums()
    sums.add(1.0, np.array([[0.0, 1.0], [1.0, 0.0]]), [1, 1])
    sums.add(4.0, np.array([[0.0, 1.0]]), np.array([1]))
    assert (sums.loss, sums.accuracy) == (2.0, 2 / 3)
    sums.add(2.0, np.zeros((1, 2)), np.zeros((1, 2)))
    assert sums.accuracy is None


def test_an_optimizer_keeps_its_buffers_where_nothing_moves():
    layer = nn.Linear(2, 1)
    optimizer = optim.SGD(layer.parameters(), momentum=0.9)
    layer.to("cpu").loss_and_grad(np.ones((1, 2), "float32"), np.ones((1, 1), "float32"), nn.MSELoss())
    buffer = optimizer._flats[0][0].buffer
    optimizer.step()
    assert optimizer._flats[0][0].buffer is buffer
    assert np.shares_memory(layer.weight.data, buffer)
