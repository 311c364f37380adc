"""Tensors as users of PyTorch know them: data, gradients, dtypes, comparison, as numbers and as sequences."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import convkit.autodiff as ad
from convkit.autodiff import Tensor, no_grad, tensor
from convkit.autodiff.tape import Leaf


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_data_may_be_replaced():
    w = leaf(1, 2)
    old = (w * w).sum()
    (w * w).sum().backward()
    w.data = np.array([5.0, 6.0])
    assert w.grad.tolist() == [2, 4]
    with pytest.raises(RuntimeError, match="changed in place"):
        old.backward()
    w.data = w.data.astype(np.float32)
    assert w.grad is None
    w.sum().backward()
    assert w.grad.dtype == np.float32
    with pytest.raises(TypeError, match="floating-point"):
        w.data = np.array([1, 2])
    y = w * 2
    with pytest.raises(RuntimeError, match="data of a result cannot be replaced"):
        y.data = w.data
    x = Tensor([1, 2])
    x.data = np.array(["1"], dtype=float)
    assert x.item() == 1


def test_requires_grad():
    x = Tensor(np.array([1.0, 2.0]))
    assert not x.requires_grad
    assert x.is_leaf
    x.requires_grad = True
    y = x * 2
    assert (y.requires_grad, y.is_leaf, y.grad) == (True, False, None)
    with pytest.raises(RuntimeError, match="follows from its operands"):
        y.requires_grad = False
    y.sum().backward()
    x.requires_grad = True
    assert x.grad.tolist() == [2, 2]
    x.requires_grad = False
    assert x.grad is None
    assert not (x * 2).requires_grad
    for bad in ([1, 2], [True], [1j]):
        with pytest.raises(TypeError, match=r"requires_grad=True needs floating-point data"):
            Tensor(bad, requires_grad=True)
        x = Tensor(bad)
        with pytest.raises(TypeError, match=r"requires_grad=True needs floating-point data"):
            x.requires_grad = True


def test_grad_may_be_set():
    w = leaf(1, 2)
    w.grad = np.array([3.0, 4.0])
    w.sum().backward()
    assert w.grad.tolist() == [4, 5]
    with pytest.raises(ValueError, match=r"grad has shape \(1,\) and dtype float64"):
        w.grad = np.zeros(1)
    with pytest.raises(ValueError, match=r"dtype float32, but the data have .* float64"):
        w.grad = np.zeros(2, np.float32)
    with pytest.raises(RuntimeError, match="this is a result"):
        (w * 2).grad = None
    with pytest.raises(RuntimeError, match="this is a Tensor without"):
        Tensor([1.0]).grad = None


def test_gradients_have_the_dtype_of_their_tensor():
    a, b = leaf(1, 2, dtype=np.float32), leaf(3, 4)
    y = (a * b).sum()
    assert y.dtype == np.float64
    y.backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
    assert (0.5 * a + 1).dtype == np.float32


def test_comparisons_and_integers_are_off_the_tape():
    x = leaf(1, 2, 3)
    for result, expected in [(x > 2, [0, 0, 1]), (x >= 2, [0, 1, 1]), (x < [2, 2, 3], [1, 0, 0]), (x <= Tensor(2), [1, 1, 0]),
                             (x == 2, [0, 1, 0]), (x != np.array([1, 2, 0]), [0, 0, 1])]:
        assert result.dtype == np.bool_
        assert result.numpy().tolist() == expected
    assert (x == x).sum().item() == 3
    assert (np.array([1, 2, 4]) == x).numpy().tolist() == [True, True, False]
    predicted, labels = Tensor([3, 1, 2]), np.array([3, 0, 2])
    assert (predicted == labels).sum().item() == 2
    assert (predicted + labels).dtype == np.int64


def test_dtypes_on_and_off_the_tape():
    x = Tensor(np.array([1.5, -2.5]), requires_grad=True)
    narrow = x.float()
    assert (narrow.dtype, narrow.double().dtype, x.long().dtype) == (np.float32, np.float64, np.int64)
    assert x.long().tolist() == [1, -2]
    assert not x.long().requires_grad
    (narrow * narrow).sum().backward()
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [3, -5]
    assert (x.dim(), x.sum().dim()) == (1, 0)
    assert x.eq(Tensor([1.5, 0])).numpy().tolist() == [True, False]


def test_as_a_number_and_as_a_sequence():
    x = Tensor([[1.5, 2.0], [3.0, 4.0]])
    assert (len(x), x.shape, x.ndim, x.size(), x.size(1), x.numel()) == (2, (2, 2), 2, (2, 2), 2, 4)
    one = x[0, 0]
    assert (float(one), int(one), one.item(), f"{one:.3f}", f"{one}") == (1.5, 1, 1.5, "1.500", "1.5")
    assert f"{x[0]}" == "Tensor([1.5, 2. ], dtype=float64)"
    assert "abc"[Tensor(1)] == "b"
    assert bool(x[0, 0] > 1)
    assert [row.numpy().tolist() for row in x] == [[1.5, 2], [3, 4]]
    with pytest.raises(TypeError, match="single number, has no length"):
        len(one)
    for ask in (Tensor.item, float, bool):
        with pytest.raises(ValueError, match=r"one element; this one has shape \(2, 2\)"):
            ask(x)
    assert repr(leaf(1, 2)) == "Tensor([1., 2.], dtype=float64, requires_grad=True)"
    assert len({x, x, one}) == 2


def test_numpy_shares_memory_and_refuses_what_is_on_the_tape():
    array = np.array([1.0, 2.0])
    x = Tensor(array)
    assert x.numpy() is array
    assert np.asarray(x) is array
    assert np.array(x, np.float32).dtype == np.float32
    w = leaf(1, 2)
    for ask in (Tensor.numpy, np.asarray):
        with pytest.raises(RuntimeError, match=r"x\.detach\(\)\.numpy\(\)"):
            ask(w)
    assert np.shares_memory(w.detach().numpy(), w.data)
    assert not w.detach().requires_grad


def test_tensor_copies_and_reads_python_numbers_as_float32():
    array = np.array([1.0, 2.0])
    assert not np.shares_memory(tensor(array).data, array)
    assert [tensor(v).dtype for v in (array, [1.0], 2.0, [1, 2], [True], np.float64(1), Tensor(array))] == [
        np.float64, np.float32, np.float32, np.int64, np.bool_, np.float64, np.float64]  # fmt: skip
    assert tensor([1, 2], dtype=ad.float64, requires_grad=True).requires_grad
    assert np.shares_memory(Tensor(array).data, array)
    for bad in (["a"], [[1], [1, 2]], None):
        with pytest.raises((TypeError, ValueError), match=r"a Tensor holds numbers|inhomogeneous"):
            tensor(bad)


def test_a_leaf_can_be_copied():
    w = leaf(1, 2)
    w.sum().backward()
    other = copy.deepcopy(w)
    (3 * other).sum().backward()
    assert (w.grad.tolist(), other.grad.tolist()) == ([1, 1], [4, 4])


def test_subclasses_are_leaves_of_their_own_kind():
    class Parameter(Tensor):
        pass

    w = Parameter([1.0, 2.0], requires_grad=True)
    assert type(w * 2) is Tensor
    assert isinstance(w._node, Leaf)
    with no_grad():
        same = w
        w -= 1
    assert w is same
