"""Looking into networks: laws of what is seen, against explicit reverses, differences and counts."""

import doctest
from functools import partial

import numpy as np
import pytest

import convkit.nn.functional as F
from convkit import nn
from convkit.autodiff import Tensor, flatten
from convkit.nn import views


@pytest.fixture
def generator():
    return np.random.default_rng(7)


@pytest.fixture(autouse=True)
def _same_weights():
    nn.manual_seed(3)


class Tutorial(nn.Module):
    """The notes' network, its rectifiers called as functions."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return self.fc1(flatten(x, 1))


def small():
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 4, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(36, 3),
    ).double()  # fmt: skip


def residual():
    body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Residual(body), nn.Concat(nn.Conv2d(3, 2, 1), nn.MaxPool2d(3, 1, 1)))


@pytest.mark.parametrize("name", views.__all__)
def test_examples_in_docstrings_run(name):
    thing = getattr(views, name)
    found = doctest.DocTestFinder(recurse=False).find(thing, name, globs={})
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said = []
    for test in found:
        assert runner.run(test, out=said.append).failed == 0, "".join(said)


# Running a model as far as a layer.


def test_an_activation_is_what_the_layer_gives(generator):
    model, x = small(), generator.normal(size=(3, 2, 16, 16))
    y = x
    for name, layer in model.named_children():
        y = layer(y).data
        np.testing.assert_allclose(views.activation(model, x, name), y, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(views.activation(model, x, layer), views.activation(model, x, name))


def test_looking_changes_nothing(generator):
    model, x = residual(), generator.normal(size=(2, 1, 9, 9)).astype(np.float32)
    model.train()
    model[1].body[3].eval()
    model(Tensor(x)).sum().backward()
    before = {name: array.copy() for name, array in model.state_dict().items()}
    gradients = [p.grad.copy() for p in model.parameters()]
    modes = [module.training for module in model.modules()]
    views.input_gradient(model, x, (0, 1, 1))
    views.deconvnet(model, x, "1.body.2", 1)
    views.top_activations(model, x, "2.0", 1, n=1)
    assert [module.training for module in model.modules()] == modes
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    assert all(np.array_equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))


def test_dropout_is_off_while_looked_at(generator):
    model, x = residual().train(), generator.normal(size=(1, 1, 9, 9))
    one, other = (views.activation(model, x, "1.body.3") for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_layers_are_asked_for_by_name_or_refused():
    model = small()
    x = np.zeros((1, 2, 16, 16))
    with pytest.raises(ValueError, match=r"layer='conv9' is no layer of this Sequential; it may be '0', '1', .*'6'"):
        views.activation(model, x, "conv9")
    with pytest.raises(ValueError, match="is no layer of this Sequential"):
        views.activation(model, x, nn.ReLU())

    class Unused(Tutorial):
        def forward(self, x):
            return self.conv1(x)

    with pytest.raises(ValueError, match="'fc1' is not called by this Unused"):
        views.activation(Unused(), np.zeros((1, 3, 32, 32)), "fc1")
    with pytest.raises(ValueError, match=r"3: Conv2d.*it got 5 channels"):
        views.activation(nn.Sequential(*list(small())[:3], nn.Conv2d(4, 4, 3)).double(), x, "3")
    with pytest.raises(ValueError, match="give a batch"):
        views.activation(model, np.zeros(3), "0")
    with pytest.raises(TypeError, match="complex128"):
        views.activation(model, x.astype(complex), "0")
    with pytest.raises(IndexError, match=r"unit=3 is no unit of an activation of shape \(3,\); give 1 number from 0 to 2"):
        views.input_gradient(model, x, 3)
    with pytest.raises(IndexError, match="give 3 numbers from 0 to 4, 15, 15"):
        views.input_gradient(model, x, 3, layer="0")


# Gradients and reconstructions.


@pytest.mark.parametrize(("layer", "unit"), [(None, 2), (None, -1), ("3", (1, 2, 0)), ("2", (4, 3, 3))])
def test_input_gradients_are_those_of_differences(layer, unit, generator):
    model, x = small(), generator.normal(size=(2, 2, 16, 16))
    direction, step = generator.normal(size=x.shape), 1e-6
    gradient = views.input_gradient(model, x, unit, layer=layer)
    assert gradient.shape == x.shape

    def value(at):
        result = views.activation(model, at, "6" if layer is None else layer)
        return result[(slice(None), *(unit if isinstance(unit, tuple) else (unit,)))]

    slope = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    np.testing.assert_allclose((gradient * direction).sum(axis=(1, 2, 3)), slope, rtol=1e-6)


def reconstruction(model, x, channel):
    """A deconvnet written out for `small`, layer "4": unpooling, rectifying, transposed convolution."""
    first, second = model[0], model[3]
    y = F.relu(first(x).data)
    pooled, places = F.max_pool2d(y, 2, return_indices=True)
    z = F.relu(second(pooled).data)
    kept = np.zeros_like(z)
    for item, each in enumerate(z):
        at = (channel, *np.unravel_index(each[channel].argmax(), each[channel].shape))
        kept[(item, *at)] = each[at]
    back = F.conv_transpose2d(F.relu(kept), second.weight.data, stride=2, output_padding=1)
    back = F.max_unpool2d(back, places, 2)
    return F.conv_transpose2d(F.relu(back), first.weight.data, padding=1)


def test_a_deconvnet_unpools_rectifies_and_transposes(generator):
    model, x = small(), generator.normal(size=(3, 2, 16, 16))
    for channel in range(4):
        found = views.deconvnet(model, x, "4", channel)
        np.testing.assert_allclose(found, reconstruction(model, x, channel), rtol=1e-10, atol=1e-12)
    assert np.abs(views.deconvnet(model, x, "4", 0) - views.deconvnet(model, x, "4", 1)).max() > 1e-3


def test_the_linear_parts_of_a_deconvnet_are_adjoint(generator):
    """Without rectifiers <A x, y> = <x, A^T y>, for the one activation that is kept."""
    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1, bias=False), nn.Conv2d(5, 4, 3, stride=2, bias=False)).double()
    x, other = generator.normal(size=(2, 2, 1, 11, 11))[:, None, :, 0]
    back = views.deconvnet(model, x, "1", 2, position=(1, 3))
    answer, others = (views.activation(model, at, "1")[0, 2, 1, 3] for at in (x, other))
    assert (back * other).sum() == pytest.approx(answer * others, rel=1e-10)


def test_a_deconvnet_at_another_place_sees_its_field_only(generator):
    model, x = small(), generator.normal(size=(1, 2, 16, 16))
    answers = views.activation(model, x, "4")[0]
    channel, *place = np.argwhere(answers > 0)[-1]
    back = views.deconvnet(model, x, "4", channel, position=place)
    rows, columns = views.receptive_field(model, (2, 16, 16), "4", place)
    outside = back.copy()
    outside[:, :, rows, columns] = 0
    assert np.abs(back).max() > 0
    assert not outside.any()


def test_rectifiers_go_back_rectified_and_not_masked(generator):
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    model[0].weight.data[...], model[0].bias.data[...] = [[1], [1]], [0, -5]
    model[2].weight.data[...], model[2].bias.data[...] = [[-1, 1]], 0
    # At 1 the second unit is off, and the result is -1. Back come (1, -1): the mask of the gradient keeps the first, which is
    # on, and the rectifier keeps the positive one. At 9 both are on: the result is -5, back come (5, -5).
    assert views.input_gradient(model, [[1.0], [9.0]], 0).tolist() == [[-1], [0]]
    assert views.deconvnet(model, [[1.0], [9.0]], "2", 0, position=()).tolist() == [[1], [5]]


def test_rectifiers_called_as_functions_are_refused():
    model, x = Tutorial(), np.ones((1, 3, 32, 32), np.float32)
    assert views.input_gradient(model, x, 4).any()
    views.deconvnet(model, x, "conv1", 0)  # no rectifier comes before
    with pytest.raises(ValueError, match=r"Tutorial applies relu outside its layers.*nn.ReLU\(\)"):
        views.deconvnet(model, x, "conv2", 0)
    with pytest.raises(IndexError, match="channel=6 is no unit"):
        views.deconvnet(model, x, "conv1", 6)


# Strongest activations, and where they look.


def test_the_strongest_are_found_in_order(generator, monkeypatch):
    monkeypatch.setattr("convkit.nn.views.features.BATCH", 4)
    model, images = small(), generator.normal(size=(11, 2, 16, 16))
    answers = views.activation(model, images, "3")[:, 1]
    found = views.top_activations(model, images, "3", 1, n=5)
    order = np.argsort(-answers.max(axis=(1, 2)))
    assert [each.image for each in found] == list(order[:5])
    for each in found:
        assert each.value == answers[each.image].max() == answers[(each.image, *each.position)]
        assert each.patch.base is images
        np.testing.assert_array_equal(each.patch, images[(each.image, slice(None), *each.field)])
        # The patch alone, in an image of zeros, gives the same activation.
        alone = np.zeros((1, 2, 16, 16))
        alone[(0, slice(None), *each.field)] = each.patch
        assert views.activation(model, alone, "3")[(0, 1, *each.position)] == pytest.approx(each.value, rel=1e-12)
    assert len(views.top_activations(model, images, "3", 1)) == 9
    assert len(views.top_activations(model, images, "3", 1, n=99)) == 11
    dense = views.top_activations(model, images, "6", 0, n=1)[0]
    assert (dense.position, dense.field) == ((), (slice(0, 15), slice(0, 15)))  # the stride leaves the last out
    with pytest.raises(ValueError, match="n=0 is not allowed"):
        views.top_activations(model, images, "3", 1, n=0)


FIELDS = {
    "strides": lambda: [nn.Conv2d(1, 1, (3, 2), stride=(2, 1)), nn.Conv2d(1, 1, 3, stride=2, padding=(1, 2))],
    "pools": lambda: [nn.Conv2d(1, 1, 3, padding=1), nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True)],
    "same": lambda: [nn.Conv2d(1, 1, (4, 5), padding="same"), nn.AvgPool2d(2)],
    "dilated": lambda: [nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, dilation=2, padding=2)],
    "transposed": lambda: [nn.ConvTranspose2d(1, 1, (3, 4), stride=(2, 3), padding=1), nn.Conv2d(1, 1, 2, stride=2)],
    "residual": lambda: [nn.Conv2d(1, 1, 2, stride=2), nn.Residual(nn.Conv2d(1, 1, 3, padding=1)), nn.ReLU()],
    "branches": lambda: [nn.Concat(nn.Conv2d(1, 1, (1, 7), padding=(0, 3)), nn.Conv2d(1, 1, (5, 1), padding=(2, 0)))],
    "reflected": lambda: [nn.Conv2d(1, 1, 7, padding=3, padding_mode="reflect"), nn.AvgPool2d(2)],
    "wrapped": lambda: [nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), nn.AvgPool2d(2)],
    "replicated": lambda: [nn.Conv2d(1, 1, 5, padding=2, padding_mode="replicate"), nn.AvgPool2d(2)],
    "padded": lambda: [nn.ZeroPad2d((1, 0, 2, -1)), nn.ReflectionPad2d((0, 2, 1, 0)), nn.Conv2d(1, 1, 3), nn.AvgPool2d(2)],
    "padded by the other end": lambda: [nn.CircularPad2d((0, 1, 1, 0)), nn.Conv2d(1, 1, 3), nn.AvgPool2d(2)],
    "adaptive": lambda: [nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d((4, 3))],
    "mean": lambda: [nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)],
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_where_the_gradient_of_positive_weights_is_not_zero(name):
    """With weights of 1 and mean pools every sample that reaches a unit has a positive derivative."""
    model = nn.Sequential(*FIELDS[name]()).double()
    for parameter in model.parameters():
        parameter.data[...] = 1
        parameter.modified()
    last = [key for key, module in model.named_modules() if not list(module.children())][-1]
    shape = (1, 13, 12)
    out = views.activation(model, np.ones((1, *shape)), last).shape
    for place in np.ndindex(*out[2:]):
        gradient = views.input_gradient(model, np.ones((1, *shape)), (0, *place), layer=last)[0, 0]
        field = views.receptive_field(model, shape, last, place)
        rows, columns = (np.flatnonzero(gradient.any(axis=axis)) for axis in (1, 0))
        assert field == (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))


def test_fields_of_the_tutorial_net_are_5_6_14_and_16():
    model = nn.Sequential(nn.Conv2d(3, 6, 5), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2, 2), nn.Flatten(),
                          nn.Linear(400, 4))
    fields = [views.receptive_field(model, (3, 32, 32), name, (1, 2)) for name in "0123"]
    assert [rows.stop - rows.start for rows, _ in fields] == [5, 6, 14, 16]
    assert [columns.start for _, columns in fields] == [2, 4, 4, 8]
    assert views.receptive_field(model, (3, 32, 32), "5", ()) == (slice(0, 32), slice(0, 32))
    assert views.receptive_field(nn.Sequential(nn.Conv1d(2, 2, 3)), (2, 9), "0", [4]) == (slice(4, 7),)
    assert views.receptive_field(nn.Sequential(nn.MaxPool3d(2)), (2, 4, 4, 4), "0", (1, 0, 1))[0] == slice(2, 4)
    with pytest.raises(IndexError, match="position="):
        views.receptive_field(model, (3, 32, 32), "1", (14, 0))
    with pytest.raises(ValueError, match=r"layer='0' does not depend on the input at \(0, 3\)"):
        views.receptive_field(nn.Sequential(nn.ZeroPad2d(1)), (3, 8, 8), "0", (0, 3))


# Linear regions.


def rectified(width=64):
    """Three hidden layers over 784 samples."""
    hidden = [layer for size in (784, width, width) for layer in (nn.Linear(size, width), nn.ReLU())]
    model = nn.Sequential(*hidden, nn.Linear(width, 10))
    for layer in hidden[::2]:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.normal_(layer.bias, 0, 0.1)
    return model.double()


def test_inside_a_region_the_jacobian_is_constant_and_between_regions_it_is_not(generator):
    model = rectified()
    plane = views.Plane.through(*generator.normal(size=(3, 784)))
    regions = views.linear_regions(model, plane, 40)
    assert regions.labels.shape == (40, 40)
    assert regions.count == len(np.unique(regions.labels)) > 30
    u, v = np.meshgrid((np.arange(40) + 0.5) / 40, (np.arange(40) + 0.5) / 40)
    points = plane.point(u, v)
    jacobians = np.stack([views.input_gradient(model, points.reshape(-1, 784), unit) for unit in range(2)], axis=1)
    jacobians = jacobians.reshape(40, 40, 2, 784)
    sizes = np.bincount(regions.labels.reshape(-1))
    firsts = []
    for label in np.argsort(-sizes)[:12]:
        inside = jacobians[regions.labels == label]
        np.testing.assert_allclose(inside, np.broadcast_to(inside[0], inside.shape), rtol=1e-9, atol=1e-12)
        # One affine map: the mean of two inputs has the mean of their results.
        here = points[regions.labels == label]
        ends = model(np.stack([here[0], here[-1], (here[0] + here[-1]) / 2])).data
        np.testing.assert_allclose(ends[2], (ends[0] + ends[1]) / 2, rtol=1e-9, atol=1e-12)
        firsts.append(inside[0])
    assert all(np.abs(a - b).max() > 1e-6 for i, a in enumerate(firsts) for b in firsts[:i])


def test_regions_of_convolutions_pools_and_shortcuts(generator):
    block = nn.Residual(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.LeakyReLU(0.2)))
    model = nn.Sequential(nn.Conv2d(1, 2, 3), block, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 1)).double()
    plane = views.Plane.through(*generator.normal(size=(3, 1, 8, 8)))
    regions = views.linear_regions(model, plane, (25, 30))
    u, v = np.meshgrid((np.arange(30) + 0.5) / 30, (np.arange(25) + 0.5) / 25)
    jacobians = views.input_gradient(model, plane.point(u, v).reshape(-1, 1, 8, 8), 0).reshape(750, -1)
    labels = regions.labels.reshape(-1)
    for label in range(regions.count):
        inside = jacobians[labels == label]
        assert np.abs(inside - inside[0]).max() < 1e-10
    # A unit that the max pool leaves out may switch without a change of the map.
    assert 10 < len(np.unique(jacobians.round(8), axis=0)) <= regions.count


def test_each_kind_of_kink_divides(generator):
    plane = views.Plane.through(*generator.normal(size=(3, 1, 4, 4)))
    for layer in (nn.ReLU(), nn.LeakyReLU(), nn.MaxPool2d(2)):
        assert views.linear_regions(nn.Sequential(layer), plane, 20).count > 1
    for layer, shape in ((nn.MaxPool1d(2), (2, 8)), (nn.MaxPool3d(2), (1, 2, 2, 4))):
        reshaped = views.Plane(*(x.reshape(shape) for x in plane))
        assert views.linear_regions(nn.Sequential(layer), reshaped, 20).count > 1
    for layer in (nn.Conv2d(1, 1, 3), nn.AvgPool2d(2), nn.Flatten(), nn.ReplicationPad2d(1)):
        assert views.linear_regions(nn.Sequential(layer), plane, 20).count == 1


def test_regions_do_not_depend_on_the_batches(generator, monkeypatch):
    model, plane = rectified(8), views.Plane.through(*generator.normal(size=(3, 784)))
    whole = views.linear_regions(model, plane, 20)
    monkeypatch.setattr("convkit.nn.views.regions.BATCH", 7)
    np.testing.assert_array_equal(views.linear_regions(model, plane, 20).labels, whole.labels)


def test_networks_that_curve_are_refused(generator):
    plane = views.Plane.through(*generator.normal(size=(3, 1, 32)))
    dense = views.Plane.through(*generator.normal(size=(3, 32)))
    with pytest.raises(ValueError, match=r"Tanh\(\) is not known to be piecewise linear, so Sequential has no linear regions"):
        views.linear_regions(nn.Sequential(nn.Linear(32, 4), nn.Tanh()), dense, 4)

    class Free(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.fc, self.function = nn.Linear(32, 4), function

        def forward(self, x):
            return self.function(self.fc(x))

    class Bent(nn.Linear):
        def forward(self, x):
            return F.tanh(super().forward(x))

    with pytest.raises(ValueError, match=r"Bent\(.*\) is not known to be piecewise linear"):
        views.linear_regions(nn.Sequential(Bent(32, 4)), dense, 4)
    for function, name in ((F.relu, "relu"), (lambda x: x * x, "multiply"), (lambda x: 1 / x, "divide")):
        with pytest.raises(ValueError, match=f"Free applies {name} outside its layers"):
            views.linear_regions(Free(function), dense, 4)
    affine = Free(lambda x: (2 * (x + 1) / 3 - x).reshape(-1, 2, 2).flatten(1))
    assert views.linear_regions(affine, dense, 4).count == 1
    with pytest.raises(ValueError, match="size=0"):
        views.linear_regions(affine, dense, 0)
    with pytest.raises(ValueError, match="channels"):
        views.linear_regions(nn.Sequential(nn.Conv2d(2, 2, 3)), views.Plane.through(*generator.normal(size=(3, 1, 5, 5))), 4)
    assert plane.corner.shape == (1, 32)


def test_a_plane_goes_through_its_inputs(generator):
    inputs = generator.normal(size=(3, 2, 5))
    plane = views.Plane.through(*inputs, margin=0.1)
    for x in inputs:
        u, v = plane.locate(x)
        np.testing.assert_allclose(plane.point(u, v), x, atol=1e-12)
        assert 0.05 < u < 0.95
        assert 0.05 < v < 0.95
    right, down = plane.right.reshape(-1), plane.down.reshape(-1)
    assert right @ down == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(right) == pytest.approx(np.linalg.norm(down))
    assert plane.locate(inputs[1])[0] > plane.locate(inputs[0])[0]
    assert plane.locate(inputs[1])[1] == pytest.approx(plane.locate(inputs[0])[1])
    assert plane.locate(inputs[2])[1] > plane.locate(inputs[0])[1]
    assert np.linalg.norm(views.Plane.through(*inputs, margin=1).right) == pytest.approx(np.linalg.norm(right) * 3 / 1.2)
    with pytest.raises(ValueError, match="lie on one line"):
        views.Plane.through([0.0, 0.0], [1.0, 1.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="lie on one line"):
        views.Plane.through([0.0, 0.0], [0.0, 0.0], [2.0, 1.0])
    with pytest.raises(ValueError, match=r"have shapes \(2,\), \(3,\), \(2,\)"):
        views.Plane.through([0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="margin"):
        views.Plane.through(*inputs, margin=-1)


# Motion.


def test_an_image_is_moved(generator):
    image = generator.normal(size=(2, 6, 7))
    np.testing.assert_allclose(views.moved(image), image)
    down = views.moved(image, down=2, right=-1)
    np.testing.assert_allclose(down[:, 2:, :-1], image[:, :-2, 1:])
    np.testing.assert_allclose(down[:, :2, :-1], np.broadcast_to(image[:, :1, 1:], (2, 2, 6)))
    square = image[:, :, :6]
    np.testing.assert_allclose(views.moved(square, angle=np.pi / 2), np.rot90(square, -1, axes=(1, 2)), atol=1e-12)
    ramp = np.arange(9.0) * np.ones((9, 1))
    np.testing.assert_allclose(views.moved(ramp, scale=2.0), 4 + (ramp - 4) / 2)
    assert views.moved(image.astype(np.float32)).dtype == np.float32
    assert views.moved(np.eye(3, dtype=np.uint8), right=0.5).max() == 1
    for wrong, match in (({"scale": 0}, "scale"), ({"angle": np.nan}, "angle"), ({"down": np.inf}, "down")):
        with pytest.raises(ValueError, match=match):
            views.moved(image, **wrong)
    with pytest.raises(ValueError, match="rows, columns"):
        views.moved([1.0, 2.0])


def test_change_of_activations(generator):
    model, image = small(), generator.normal(size=(2, 16, 16))
    transforms = [partial(views.moved, right=k) for k in (0, 1)] + [lambda x: 2 * x, lambda x: x[:, ::-1]]
    change = views.invariance(model, image, "3", transforms)
    still = views.activation(model, image[None], "3")
    for transform, each in zip(transforms, change, strict=True):
        other = views.activation(model, transform(image)[None], "3")
        assert each == pytest.approx(np.linalg.norm(other - still) / np.linalg.norm(still), abs=1e-12)
    assert change[0] == pytest.approx(0, abs=1e-12)
    linear = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False)).double()
    assert views.invariance(linear, image, "0", [lambda x: 3 * x]) == pytest.approx(2)
    with pytest.raises(ValueError, match=r"transforms\[0\] made shape \(2, 8, 16\)"):
        views.invariance(model, image, "3", [lambda x: x[:, ::2]])
    with pytest.raises(ValueError, match="answers to this image with zeros"):
        views.invariance(linear, np.zeros((2, 16, 16)), "0", [partial(views.moved, down=1)])


# Filters.


def test_filters_are_shown_around_middle_grey(generator):
    weight = generator.normal(size=(4, 3, 5, 6))
    weight[2] = 0
    images = views.filter_images(weight)
    assert images.shape == (4, 5, 6, 3)
    assert (images[2] == 0.5).all()
    for filter_, image in zip(weight, images, strict=True):
        most = np.abs(filter_).max() or 1
        np.testing.assert_allclose(np.moveaxis(2 * image - 1, -1, 0) * most, filter_, atol=1e-12)
    np.testing.assert_array_equal(views.filter_images(nn.Parameter(weight)), images)
    assert views.filter_images(weight[:, :1]).shape == (4, 5, 6)
    for shape in ((4, 2, 5, 5), (4, 5, 5), (0, 1, 3, 3)):
        with pytest.raises(ValueError, match="give filters"):
            views.filter_images(np.ones(shape))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8])
def test_an_image_that_does_not_move_is_the_same_in_any_order_of_memory(dtype):
    x = np.asfortranarray((np.arange(70).reshape(2, 5, 7) % 11).astype(dtype))
    for image in (x, x[:, ::-1], np.ascontiguousarray(x)):
        np.testing.assert_array_equal(views.moved(image), image)
