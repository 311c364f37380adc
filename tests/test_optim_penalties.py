"""Penalties and clipping: gradients of both paths, and what PyTorch calls weight decay."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convkit import nn, optim
from convkit.autodiff import Tensor, gradcheck
from convkit.nn.penalties import Penalty

RNG = np.random.default_rng(8)
PENALTIES = [nn.L1Penalty(0.3), nn.L2Penalty(0.3), nn.ElasticNetPenalty(0.3, 0.2)]


def weights():
    return nn.Parameter(np.array([[1.5, -2.0, 0.0], [0.5, -0.25, 3.0]]))


@pytest.mark.parametrize(("penalty", "value", "slope"), [
    (nn.L1Penalty(0.3), 0.3 * 7.25, lambda w: 0.3 * np.sign(w)), (nn.L2Penalty(0.3), 0.3 * 15.5625, lambda w: 2 * 0.3 * w),
    (nn.ElasticNetPenalty(0.3, 0.2), 0.3 * 7.25 + 0.2 * 15.5625, lambda w: 2 * 0.2 * w + 0.3 * np.sign(w)),
])
def test_values_and_gradients_on_both_paths(penalty, value, slope):
    w, b = weights(), nn.Parameter(np.zeros(2))
    total = penalty([w, b])
    assert total.item() == pytest.approx(value)
    (2 * total).backward()
    np.testing.assert_allclose(w.grad, 2 * slope(w.data), rtol=1e-14)
    v = weights()
    v.grad = np.ones((2, 3))
    held = v.grad
    assert penalty.add_gradients([v]) == pytest.approx(value)
    np.testing.assert_allclose(v.grad, 1 + slope(v.data), rtol=1e-14)
    assert (held == 1).all()
    u = weights()
    penalty.add_gradients([u])
    np.testing.assert_allclose(u.grad, slope(u.data), rtol=1e-14)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_gradients_by_differences(penalty):
    assert gradcheck(lambda a, b: penalty([a, b]), (np.array([1.0, -2.0]), np.array([[0.5, 3.0]])))


def test_hinge_with_a_penalty():
    x, y = RNG.standard_normal((5, 4)), np.array([0, 2, 1, 1, 0])
    for penalty, slope in ((nn.L2Penalty(0.1), lambda w: 2 * 0.1 * w), (nn.L1Penalty(0.1), lambda w: 0.1 * np.sign(w)),
                           (nn.ElasticNetPenalty(0.1, 0.1), lambda w: 2 * 0.1 * w + 0.1 * np.sign(w))):
        layer = nn.Linear(4, 3).double()
        plain = nn.Hinge()(layer(Tensor(x)), y)
        plain.backward()
        of_loss = layer.weight.grad
        layer.zero_grad()
        loss = nn.Hinge()(layer(Tensor(x)), y) + penalty([layer.weight])
        loss.backward()
        np.testing.assert_allclose(layer.weight.grad - of_loss, slope(layer.weight.data), rtol=1e-12, atol=1e-15)
        assert loss.item() == pytest.approx(plain.item() + penalty.add_gradients([layer.weight]))


def test_the_strength_of_l2_is_half_of_weight_decay():
    x, y = RNG.standard_normal((6, 4)).astype(np.float32), np.array([0, 1, 2, 0, 1, 2])
    one, other = nn.Sequential(nn.Linear(4, 3)), nn.Sequential(nn.Linear(4, 3))
    other.load_state_dict(one.state_dict())
    first, second = optim.SGD(one.parameters(), 0.1, 0.9), optim.SGD(other.parameters(), 0.1, 0.9, weight_decay=2 * 0.05)
    for _ in range(10):
        for model, optimizer in ((one, first), (other, second)):
            optimizer.zero_grad()
            model.loss_and_grad(x, y, nn.CrossEntropyLoss())
            if model is one:
                nn.L2Penalty(0.05).add_gradients(model)
            optimizer.step()
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_model_means_all_of_its_parameters_and_frozen_ones_get_no_gradient(penalty):
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    model[0].freeze()
    value = penalty.add_gradients(model)
    assert value == pytest.approx(penalty(model).item(), rel=1e-6)
    assert value == pytest.approx(sum(penalty([p]).item() for p in model.parameters()), rel=1e-6)
    assert model[0].weight.grad is None
    assert model[1].weight.grad.dtype == np.float32
    model.zero_grad()
    penalty(model).backward()
    assert model[0].weight.grad is None
    assert model[1].bias.grad is not None


def test_of_arrays_it_is_a_number():
    assert nn.L2Penalty(0.5)([np.array([3.0, -2.0])]) == 6.5


def test_a_million_small_weights_in_float32_add_up():
    w = nn.Parameter(np.full(1_000_000, 1e-3, np.float32))
    assert nn.L1Penalty(1.0).add_gradients([w]) == pytest.approx(1000, rel=1e-6)
    assert nn.L2Penalty(1.0).add_gradients([w]) == pytest.approx(1, rel=1e-6)


def test_penalties_are_told_and_refused():
    assert repr(nn.ElasticNetPenalty(0.1, 0.2)) == "ElasticNetPenalty(l1=0.1, l2=0.2)"
    assert repr(nn.L1Penalty(0.1)) == "L1Penalty(strength=0.1)"
    assert all(isinstance(penalty, Penalty) for penalty in PENALTIES)
    for make, said in ((lambda: nn.L1Penalty(-1), "strength=-1"), (lambda: nn.L2Penalty(math.nan), "strength=nan"),
                       (lambda: nn.ElasticNetPenalty(0.1, -2), "l2=-2"), (lambda: nn.L1Penalty(1)([]), "no parameters")):
        with pytest.raises(ValueError, match=said):
            make()


# Clipping and vectors.


def test_norms_are_cut_down_in_place():
    p, q, r = nn.Parameter(np.zeros(2)), nn.Parameter(np.zeros(1)), nn.Parameter(np.zeros(3))
    p.grad, q.grad = np.array([2.0, 3.0]), np.array([6.0])
    held = p.grad
    assert nn.utils.clip_grad_norm_([p, q, r], 3.5) == 7
    np.testing.assert_allclose(np.hstack([p.grad, q.grad]), [1.0, 1.5, 3.0], rtol=1e-6)
    assert p.grad is held
    before = p.grad.copy()
    assert nn.utils.clip_grad_norm_(p, 100.0) == pytest.approx(math.sqrt(3.25), rel=1e-6)
    np.testing.assert_array_equal(p.grad, before)
    assert nn.utils.clip_grad_norm_([r], 1.0) == 0
    for kind, expected in ((1.0, 2.5), (math.inf, 1.5)):
        p.grad = before.copy()
        assert nn.utils.clip_grad_norm_([p], 1.0, kind) == pytest.approx(expected, rel=1e-6)
        assert nn.utils.clip_grad_norm_([p], 9.0, kind) == pytest.approx(1, rel=1e-5)


def test_gradients_that_are_no_numbers_spread_or_are_refused():
    p, q = nn.Parameter(np.zeros(2)), nn.Parameter(np.zeros(1))
    p.grad, q.grad = np.array([math.nan, 1.0]), np.array([1.0])
    with pytest.raises(RuntimeError, match="the norm nan"):
        nn.utils.clip_grad_norm_([p, q], 1.0, error_if_nonfinite=True)
    assert q.grad == [1.0]
    assert math.isnan(nn.utils.clip_grad_norm_([p, q], 1.0))
    assert math.isnan(q.grad[0])
    for arguments, said in (((0.0,), "max_norm=0.0"), ((1.0, -1.0), "norm_type=-1.0")):
        with pytest.raises(ValueError, match=said):
            nn.utils.clip_grad_norm_([p], *arguments)


def test_values_are_cut_off():
    p = nn.Parameter(np.zeros(3))
    p.grad = np.array([-5.0, 0.2, 3.0])
    nn.utils.clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [-1, 0.2, 1]
    with pytest.raises(ValueError, match="clip_value=-1"):
        nn.utils.clip_grad_value_([p], -1)


def test_vectors_there_and_back():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)).double()
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.shape == (14,)
    (vector**2).sum().backward()
    np.testing.assert_allclose(model[0].weight.grad, 2 * model[0].weight.data)
    loss = (model[0].weight ** 2).sum()
    nn.utils.vector_to_parameters(np.arange(14.0), model.parameters())
    assert model[0].weight.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert model[1].bias.data.tolist() == [12, 13]
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    nn.utils.vector_to_parameters(vector, model.parameters())
    np.testing.assert_array_equal(nn.utils.parameters_to_vector(model.parameters()).data, vector.data)
    with pytest.raises(ValueError, match=r"vec has shape \(3,\), and the parameters have 14 numbers"):
        nn.utils.vector_to_parameters(np.zeros(3), model.parameters())
