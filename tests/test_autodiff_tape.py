"""The tape: what it records, keeps, frees and refuses; loops that train."""

from __future__ import annotations

import doctest
import gc
import importlib
import pkgutil
import threading
import weakref

import numpy as np
import pytest

import convkit.autodiff as ad
from convkit.autodiff import Tensor, no_grad


def leaf(*values):
    return Tensor(np.array(values, float), requires_grad=True)


def test_the_chain_rule_with_one_weight():
    # d/dw sum (f(x, w) - y)^2 = 2 sum (f(x, w) - y) df/dw, over a part of the data, here for f = sin(w x).
    x, y, part, w = np.linspace(0.1, 2, 20), np.linspace(1, 3, 20) ** 0.5, [3, 4, 11, 17], leaf(0.7)
    loss = ad.sum((ad.sin(w * x[part]) - y[part]) ** 2)
    loss.backward()
    expected = 2 * np.sum((np.sin(0.7 * x) - y)[part] * (x * np.cos(0.7 * x))[part])
    np.testing.assert_allclose(w.grad, [expected], rtol=1e-14)


def test_the_chain_rule_with_two_weights():
    # f = f2(f1(x, w1), w2): the first layer hands on f1 and has back the derivative by it.
    x, y, w1, w2 = np.linspace(-1, 1, 9), np.linspace(0, 2, 9), leaf(0.8), leaf(-1.3)
    first = ad.tanh(w1 * x)
    loss = ad.sum((ad.exp(w2 * first) - y) ** 2)
    loss.backward()
    f1 = np.tanh(0.8 * x)
    f2 = np.exp(-1.3 * f1)
    by_f2 = 2 * (f2 - y)
    np.testing.assert_allclose(w2.grad, [np.sum(by_f2 * f1 * f2)], rtol=1e-13)
    np.testing.assert_allclose(w1.grad, [np.sum(by_f2 * -1.3 * f2 * x * (1 - f1**2))], rtol=1e-13)


def test_the_function_of_table_2_backwards():
    x1, x2 = leaf(2), leaf(5)
    y = ad.log(x1) + x1 * x2 - ad.sin(x2)
    y.backward()
    assert round(y.item(), 3) == 11.652
    assert x1.grad.item() == 5.5
    assert round(x2.grad.item(), 9) == 1.716337815


def test_gradients_add_up_until_they_are_set_to_none():
    w = leaf(1, 2)
    for _ in range(2):
        (w * w).sum().backward()
    assert w.grad.tolist() == [4, 8]
    held = w.grad
    (3 * w).sum().backward()
    assert held is w.grad
    w.grad = None
    (3 * w).sum().backward()
    assert w.grad.tolist() == [3, 3]
    w.grad[:] = 0
    w.sum().backward()
    assert w.grad.tolist() == [1, 1]


def test_a_value_used_on_several_ways_has_the_sum_of_their_gradients():
    x = leaf(3)
    y = x * x
    z = y + y + y * x + x
    z.backward()
    assert x.grad.item() == 2 * 2 * 3 + 3 * 9 + 1
    near, far = leaf(3), leaf(1)
    middle = near * far
    (middle + middle * 2 * 3).backward()  # one way is longer than the other
    assert near.grad.item() == 7


def test_gradients_are_contiguous_whatever_the_data():
    w = Tensor(np.asfortranarray(np.ones((2, 3))), requires_grad=True)
    (w * w).sum().backward()
    assert w.grad.flags.c_contiguous


def test_no_two_gradients_share_memory():
    a, b, seed = leaf(1, 2), leaf(3, 4), np.ones(2)
    c = a + b
    d = c.reshape(2, 1).reshape(2)
    d.backward(seed)
    a.grad += 10
    a.grad *= 2
    assert b.grad.tolist() == [1, 1]
    assert seed.tolist() == [1, 1]
    x = leaf(1, 2)
    x.backward(seed)
    x.grad[0] = 7
    assert seed[0] == 1


def test_a_gradient_may_be_given_for_a_result_of_any_shape():
    x = leaf(1, 2, 3)
    (x**2).backward(Tensor([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [2, 40, 600]
    with pytest.raises(RuntimeError, match=r"shape \(3,\) needs gradient="):
        (x**2).backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\), but the Tensor has shape \(3,\)"):
        (x**2).backward([1, 2])
    y = leaf(5)
    y.backward()
    assert y.grad.tolist() == [1]


def test_the_graph_is_freed_on_the_way_back_and_a_second_time_is_refused():
    x = leaf(1, 2)
    y = x.exp()
    held = weakref.ref(y.data)
    z = (y * y).sum()
    del y
    z.backward()
    assert held() is None
    with pytest.raises(RuntimeError, match=r"has been here before.*retain_graph=True"):
        z.backward()
    y = x * 2
    y.sum().backward()
    before = x.grad.copy()
    with pytest.raises(RuntimeError, match="has been here before"):
        (y + x).sum().backward()
    np.testing.assert_array_equal(x.grad, before)


def test_retain_graph_keeps_it():
    x = leaf(2)
    y = x**3
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24
    with pytest.raises(RuntimeError, match="has been here before"):
        y.backward()


def test_memory_is_freed_without_the_garbage_collector_and_results_are_not_held():
    gc.disable()
    try:
        x = leaf(1, 2)
        y = x + 1
        data = weakref.ref(y.data)
        z = y.sum()
        del y
        assert data() is None  # the sum needs the shape only
        squared = x * x
        data = weakref.ref(squared.data)
        loss = (squared * squared).sum()
        del squared
        assert data() is not None
        loss.backward()
        assert data() is None
        held = weakref.ref(x)
        del x, z, loss
        assert held() is None
    finally:
        gc.enable()


def test_a_long_chain_is_derived_and_dropped():
    x = leaf(1)
    y = x
    for _ in range(50_000):
        y = y + 1e-5
    y.backward()
    assert x.grad.item() == 1
    for _ in range(50_000):
        y = y * 1.0
    del y


def test_only_what_is_wanted_is_computed():
    asked = []

    def pair(a, b, c):
        def vjp(gradient, wanted):
            asked.append(tuple(wanted))
            return gradient, None, gradient * 2

        return a + b + c, vjp

    x, c = leaf(1), leaf(3)
    ad.apply(pair, x, np.array([2.0]), c).backward()
    assert asked == [(True, False, True)]
    assert (x.grad.item(), c.grad.item()) == (1, 2)
    assert ad.apply(pair, 1.0, 2.0, np.array([3.0])).tolist() == [6]
    assert asked == [(True, False, True)]


def test_operands_may_be_absent_and_a_vjp_may_give_no_gradient():
    def pair(x, bias, *, scale):
        return scale * x if bias is None else scale * x + bias, lambda gradient, wanted: (None, gradient)

    x, bias = leaf(1, 2), leaf(1)
    assert ad.apply(pair, x, None, scale=3).data.tolist() == [3, 6]
    (ad.apply(pair, x * 1, bias, scale=3)).sum().backward()
    assert x.grad is None
    assert bias.grad.tolist() == [2]


def test_a_gradient_of_a_wrong_shape_is_the_pairs_fault():
    x = leaf(1, 2, 3)
    y = ad.apply(lambda x: (x * 2, lambda gradient, wanted: (np.ones(2),)), x)
    with pytest.raises(ValueError, match=r"VJP returned a gradient of shape \(2,\) for an operand of shape \(3,\)"):
        y.sum().backward()
    y = ad.apply(lambda x: (x * 2, lambda gradient, wanted: (np.ones(()),)), x)
    with pytest.raises(ValueError, match=r"shape \(\) for"):
        y.sum().backward()


def test_derivatives_are_of_first_order():
    x = leaf(2)
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        (x * x).backward(create_graph=True)

    def vjp(gradient, wanted):
        (x * x).backward()
        return (gradient,)

    y = ad.apply(lambda x: (x * 1, vjp), x)
    with pytest.raises(RuntimeError, match="no Tensor that this one came from"):
        y.backward()
    inner = x * x
    y = ad.apply(lambda x: (x * 1, lambda gradient, wanted: inner.backward()), x)
    with pytest.raises(RuntimeError, match=r"inside backward.*first derivatives only"):
        y.backward()
    (x * x).backward()  # the tape runs again
    assert x.grad.item() == 4


def test_no_grad_in_a_block_in_a_function_and_in_one_thread():
    x = leaf(1)

    @no_grad()
    def double():
        return 2 * x

    with no_grad():
        with no_grad():
            assert not (x * 2).requires_grad
        assert not (x * 2).requires_grad
        elsewhere = []
        other = threading.Thread(target=lambda: elsewhere.append((x * 2).requires_grad))
        other.start()
        other.join()
        assert elsewhere == [True]
    assert (x * 2).requires_grad
    for _ in range(2):
        assert not double().requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        _ = 1 / 0
    assert (x * 2).requires_grad
    with pytest.raises(RuntimeError, match="nowhere to go"):
        double().backward()


def test_in_place_changes_are_refused_where_they_would_spoil_a_gradient():
    w, x = leaf(1, 2), Tensor([3.0, 4.0])
    with pytest.raises(TypeError, match="not changed in place"):
        w[0] = 5
    with pytest.raises(TypeError, match="not changed in place"):
        x[0] = 5
    for change in ("w += 1", "w -= 1", "w *= 2", "w /= 2"):
        with pytest.raises(RuntimeError, match="not changed in place while the tape runs"):
            exec(change, {"w": w})
    loss = (w * x).sum()
    loss += w.sum()  # a new Tensor
    x += 1  # another: the product keeps the old one
    loss.backward()
    assert w.grad.tolist() == [4, 5]
    assert x.numpy().tolist() == [4, 5]
    loss *= 2
    loss /= 4
    loss -= 1
    assert loss.item() == 14 / 2 - 1


def test_an_update_under_no_grad_is_in_place_and_old_graphs_refuse():
    w = leaf(1, 2)
    data = w.data
    loss, other = (w * w).sum(), (3 * w).sum()
    loss.backward()
    with no_grad():
        w -= 0.5 * w.grad
        w += 1
        w *= 4
        w /= 2
    assert w.data is data
    assert data.tolist() == [2, 2]
    assert w.requires_grad
    with pytest.raises(RuntimeError, match=r"shape \(2,\) was changed in place after the forward pass had used it"):
        other.backward()
    assert w.grad.tolist() == [2, 4]
    (w * w).sum().backward()
    assert w.grad.tolist() == [6, 8]


def test_modified_tells_of_a_change_by_hand():
    w, x = leaf(1, 2), Tensor([1.0])
    loss = (w * w).sum()
    w.data[0] = 7
    w.modified()
    x.modified()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("module", [info.name for info in pkgutil.iter_modules(ad.__path__)])
def test_examples_in_docstrings_run(module):
    failed, _ = doctest.testmod(importlib.import_module(f"convkit.autodiff.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_the_magic_code_of_the_notes():
    import convkit.autodiff as torch

    rng = np.random.default_rng(0)
    train_x = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
    train_y = (3 * train_x - 0.5).astype(np.float32)
    weight, bias = torch.tensor([[0.0]], requires_grad=True), torch.tensor([0.0], requires_grad=True)
    for _ in range(200):
        weight.grad = bias.grad = None
        prediction = train_x @ weight + bias
        loss = 0.5 * torch.mean((train_y - prediction) ** 2)
        loss.backward()
        with torch.no_grad():
            for parameter in (weight, bias):
                parameter -= 0.5 * parameter.grad
    assert loss.item() < 1e-10
    assert abs(weight.item() - 3) < 1e-4
    assert abs(bias.item() + 0.5) < 1e-4


def test_counting_right_answers_as_the_cifar_tutorial_does():
    import convkit.autodiff as torch

    x = torch.tensor(np.arange(48).reshape(4, 3, 2, 2))
    outputs = torch.flatten(x, 1) * torch.tensor([-1] * 6 + [1] * 6)
    labels = torch.tensor([11, 0, 11, 3])
    with torch.no_grad():
        _, predicted = torch.max(outputs, 1)
    assert labels.size(0) == 4
    assert (predicted == labels).sum().item() == 2
