"""The formulas of the optimizers as textbooks and slides print them, in NumPy: what the fast ones are tested against.

Each function starts at `x` and makes `steps` steps with ``compute_gradient(x)``; it returns all points, shape ``(steps + 1,
*x.shape)``, float64. Names of variables are those of the source, which the first line of a docstring names: [Ruder] S. Ruder,
"An overview of gradient descent optimization algorithms", arXiv:1609.04747; [CS231n] the slides of Stanford's CS231n, lecture
7; [Prince] S. J. D. Prince, *Understanding Deep Learning*, chapter 6; [Delft] the slides of the deep learning course of TU
Delft, lecture 5, after *Deep Learning* by Goodfellow, Bengio and Courville, chapter 8; or a paper.

Sums over the past begin at 0, and steps are counted from 1: a slide of [CS231n] counts from 0, where its correction divides by
0.

Examples
--------
>>> from convkit.optim import reference
>>> reference.momentum(1.0, lambda x: 2 * x, 3, learning_rate=0.1, rho=0.9)
array([1.   , 0.8  , 0.46 , 0.062])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from convkit._core.typing import Array

Gradient: TypeAlias = Callable[[Any], Any]


def _start(x: Any) -> list[Any]:
    return [np.array(x, np.float64)]


def gradient_descent(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float) -> Array:
    """[CS231n, Prince]: x -= learning_rate * dx."""
    path = _start(x)
    for _ in range(steps):
        dx = compute_gradient(path[-1])
        path.append(path[-1] - learning_rate * dx)
    return np.array(path)


def momentum(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, rho: float) -> Array:
    """[CS231n], and PyTorch: v = rho v + dx, x -= learning_rate v."""
    path, vx = _start(x), 0.0
    for _ in range(steps):
        dx = compute_gradient(path[-1])
        vx = rho * vx + dx
        path.append(path[-1] - learning_rate * vx)
    return np.array(path)


def momentum_classic(x: Any, compute_gradient: Gradient, steps: int, *, eta: float, gamma: float) -> Array:
    """[Ruder], eq. 4: the rate is in the velocity."""
    path, v = _start(x), 0.0
    for _ in range(steps):
        v = gamma * v + eta * compute_gradient(path[-1])
        path.append(path[-1] - v)
    return np.array(path)


def momentum_ewma(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, beta: float) -> Array:
    """[Prince], eq. 6.11, and [Delft]: the velocity is an exponentially weighted moving average."""
    path, m = _start(x), 0.0
    for _ in range(steps):
        m = beta * m + (1 - beta) * compute_gradient(path[-1])
        path.append(path[-1] - alpha * m)
    return np.array(path)


def nesterov(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, mu: float) -> Array:
    """PyTorch: the gradient is taken at x, and the step is what it will have become in the velocity."""
    path, v = _start(x), 0.0
    for _ in range(steps):
        g = compute_gradient(path[-1])
        v = mu * v + g
        path.append(path[-1] - learning_rate * (g + mu * v))
    return np.array(path)


def nesterov_classic(x: Any, compute_gradient: Gradient, steps: int, *, eta: float, gamma: float) -> Array:
    """[Ruder], eq. 5: the gradient is taken where the velocity alone would lead."""
    path, v = _start(x), 0.0
    for _ in range(steps):
        v = gamma * v + eta * compute_gradient(path[-1] - gamma * v)
        path.append(path[-1] - v)
    return np.array(path)


def nesterov_ewma(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, beta: float) -> Array:
    """[Prince], eq. 6.12: the gradient is taken at phi - alpha m, without beta."""
    path, m = _start(x), 0.0
    for _ in range(steps):
        m = beta * m + (1 - beta) * compute_gradient(path[-1] - alpha * m)
        path.append(path[-1] - alpha * m)
    return np.array(path)


def normalized(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, epsilon: float) -> Array:
    """[Prince], eq. 6.13 and 6.14: a fixed distance along each coordinate."""
    path = _start(x)
    for _ in range(steps):
        m = compute_gradient(path[-1])
        v = compute_gradient(path[-1]) ** 2
        path.append(path[-1] - alpha * m / (np.sqrt(v) + epsilon))
    return np.array(path)


def adagrad(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, epsilon: float = 1e-7) -> Array:
    """[CS231n]: epsilon is added to the root."""
    path, grad_squared = _start(x), 0.0
    for _ in range(steps):
        dx = compute_gradient(path[-1])
        grad_squared = grad_squared + dx * dx
        path.append(path[-1] - learning_rate * dx / (np.sqrt(grad_squared) + epsilon))
    return np.array(path)


def adagrad_inside(x: Any, compute_gradient: Gradient, steps: int, *, eta: float = 0.01, epsilon: float = 1e-8) -> Array:
    """[Ruder], eq. 8: epsilon is added below the root."""
    path, G = _start(x), 0.0
    for _ in range(steps):
        g = compute_gradient(path[-1])
        G = G + g**2
        path.append(path[-1] - eta / np.sqrt(G + epsilon) * g)
    return np.array(path)


def adadelta(x: Any, compute_gradient: Gradient, steps: int, *, rho: float, epsilon: float) -> Array:
    """M. D. Zeiler, arXiv:1212.5701, algorithm 1."""
    path, square, moved = _start(x), 0.0, 0.0
    for _ in range(steps):
        g = compute_gradient(path[-1])
        square = rho * square + (1 - rho) * g**2
        delta = -np.sqrt(moved + epsilon) / np.sqrt(square + epsilon) * g
        moved = rho * moved + (1 - rho) * delta**2
        path.append(path[-1] + delta)
    return np.array(path)


def rmsprop(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, decay_rate: float,
            epsilon: float = 1e-7) -> Array:
    """[CS231n]: epsilon is added to the root."""
    path, grad_squared = _start(x), 0.0
    for _ in range(steps):
        dx = compute_gradient(path[-1])
        grad_squared = decay_rate * grad_squared + (1 - decay_rate) * dx * dx
        path.append(path[-1] - learning_rate * dx / (np.sqrt(grad_squared) + epsilon))
    return np.array(path)


def rmsprop_inside(x: Any, compute_gradient: Gradient, steps: int, *, epsilon: float, rho: float = 0.9,
                   delta: float = 1e-6) -> Array:
    """[Delft]: epsilon is the rate, and delta is added to r below the root, where it does not stay."""
    path, r = _start(x), 0.0
    for _ in range(steps):
        g = compute_gradient(path[-1])
        r = rho * r + (1 - rho) * g**2
        path.append(path[-1] - epsilon * g / np.sqrt(delta + r))
    return np.array(path)


def rmsprop_centered(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, alpha: float, momentum: float,
                     epsilon: float) -> Array:
    """A. Graves, arXiv:1308.0850: divided by the standard deviation, with momentum; epsilon where PyTorch has it."""
    path, n, mean, delta = _start(x), 0.0, 0.0, 0.0
    for _ in range(steps):
        g = compute_gradient(path[-1])
        n = alpha * n + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        delta = momentum * delta - learning_rate * g / (np.sqrt(n - mean**2) + epsilon)
        path.append(path[-1] + delta)
    return np.array(path)


def adam_uncorrected(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, beta1: float = 0.9,
                     beta2: float = 0.999, epsilon: float = 1e-7) -> Array:
    """[CS231n], its first form: the moments begin at 0, and the first steps are too long."""
    path, first_moment, second_moment = _start(x), 0.0, 0.0
    for _ in range(steps):
        dx = compute_gradient(path[-1])
        first_moment = beta1 * first_moment + (1 - beta1) * dx
        second_moment = beta2 * second_moment + (1 - beta2) * dx * dx
        path.append(path[-1] - learning_rate * first_moment / (np.sqrt(second_moment) + epsilon))
    return np.array(path)


def adam(x: Any, compute_gradient: Gradient, steps: int, *, learning_rate: float, beta1: float = 0.9, beta2: float = 0.999,
         epsilon: float = 1e-7) -> Array:
    """[CS231n], and with epsilon=1e-8 [Ruder], eq. 19 to 21, and [Prince], eq. 6.15 to 6.17."""
    path, first_moment, second_moment = _start(x), 0.0, 0.0
    for t in range(1, steps + 1):
        dx = compute_gradient(path[-1])
        first_moment = beta1 * first_moment + (1 - beta1) * dx
        second_moment = beta2 * second_moment + (1 - beta2) * dx * dx
        first_unbias = first_moment / (1 - beta1**t)
        second_unbias = second_moment / (1 - beta2**t)
        path.append(path[-1] - learning_rate * first_unbias / (np.sqrt(second_unbias) + epsilon))
    return np.array(path)


def adam_inside(x: Any, compute_gradient: Gradient, steps: int, *, epsilon: float, rho1: float = 0.9, rho2: float = 0.999,
                delta: float = 1e-6) -> Array:
    """[Delft]: epsilon is the rate, and delta is added to the corrected r below the root, where it does not stay."""
    path, v, r = _start(x), 0.0, 0.0
    for i in range(1, steps + 1):
        g = compute_gradient(path[-1])
        v, r = rho1 * v + (1 - rho1) * g, rho2 * r + (1 - rho2) * g**2
        v_hat, r_hat = v / (1 - rho1**i), r / (1 - rho2**i)
        path.append(path[-1] - epsilon * v_hat / np.sqrt(delta + r_hat))
    return np.array(path)


def adamw(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, lambda_: float, beta1: float = 0.9,
          beta2: float = 0.999, epsilon: float = 1e-8) -> Array:
    """I. Loshchilov and F. Hutter, ICLR 2019, algorithm 2; as in PyTorch the decay is times the rate too."""
    path, m, v = _start(x), 0.0, 0.0
    for t in range(1, steps + 1):
        g = compute_gradient(path[-1])
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        path.append(path[-1] - alpha * (m_hat / (np.sqrt(v_hat) + epsilon) + lambda_ * path[-1]))
    return np.array(path)


def radam(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, beta1: float = 0.9, beta2: float = 0.999,
          epsilon: float = 1e-8) -> Array:
    """L. Liu et al., ICLR 2020, algorithm 2; rectified from rho_t > 5 on and with epsilon where PyTorch has it."""
    path, m, v = _start(x), 0.0, 0.0
    rho_inf = 2 / (1 - beta2) - 1
    for t in range(1, steps + 1):
        g = compute_gradient(path[-1])
        v, m = beta2 * v + (1 - beta2) * g**2, beta1 * m + (1 - beta1) * g
        m_hat = m / (1 - beta1**t)
        rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho_t > 5:
            length = np.sqrt(1 - beta2**t) / (np.sqrt(v) + epsilon)
            r = np.sqrt((rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t))
            path.append(path[-1] - alpha * r * m_hat * length)
        else:
            path.append(path[-1] - alpha * m_hat)
    return np.array(path)


def diffgrad(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, beta1: float = 0.9, beta2: float = 0.999,
             epsilon: float = 1e-8) -> Array:
    """S. R. Dubey et al., IEEE Trans. Neural Networks and Learning Systems 31 (2020), 4500-4511."""
    path, m, v, before = _start(x), 0.0, 0.0, 0.0
    for t in range(1, steps + 1):
        g = compute_gradient(path[-1])
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        xi = 1 / (1 + np.exp(-np.abs(before - g)))
        before = g
        path.append(path[-1] - alpha * xi * m_hat / (np.sqrt(v_hat) + epsilon))
    return np.array(path)


def adabelief(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, beta1: float = 0.9, beta2: float = 0.999,
              epsilon: float = 1e-8) -> Array:
    """J. Zhuang et al., NeurIPS 2020, algorithm 2: epsilon stays in s, and is added to its root."""
    path, m, s = _start(x), 0.0, 0.0
    for t in range(1, steps + 1):
        g = compute_gradient(path[-1])
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + epsilon
        m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
        path.append(path[-1] - alpha * m_hat / (np.sqrt(s_hat) + epsilon))
    return np.array(path)


def angulargrad(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, trace: Callable[[Any], Any] = np.cos,
                beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Array:
    """S. K. Roy et al., arXiv:2105.10190, element by element; `trace` is ``np.cos`` or ``np.tan``."""
    path, m, v, before, last = _start(x), 0.0, 0.0, 0.0, np.inf
    for t in range(1, steps + 1):
        g = compute_gradient(path[-1])
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        angle = np.arctan(np.abs((before - g) / (1 + before * g)))
        phi = np.tanh(np.abs(trace(np.minimum(angle, last)))) / 2 + 1 / 2
        before, last = g, angle
        path.append(path[-1] - alpha * phi * m_hat / (np.sqrt(v_hat) + epsilon))
    return np.array(path)


def adainject(x: Any, compute_gradient: Gradient, steps: int, *, alpha: float, beta1: float = 0.9, beta2: float = 0.999,
              epsilon: float = 1e-8) -> Array:
    """S. R. Dubey et al., arXiv:2109.12504, AdamInject with k = 2."""
    path, m, v = _start(x), 0.0, 0.0
    for t in range(1, steps + 1):
        g = compute_gradient(path[-1])
        s = (g + (path[-2] - path[-1]) * g**2) / 2 if t > 1 else g
        m, v = beta1 * m + (1 - beta1) * s, beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        path.append(path[-1] - alpha * m_hat / (np.sqrt(v_hat) + epsilon))
    return np.array(path)


def ewma(y: Any, rho: float) -> Array:
    """[Delft]: S_t = rho S_(t-1) + (1 - rho) y_t, S_0 = 0."""
    S, values = 0.0, []
    for sample in y:
        S = rho * S + (1 - rho) * sample
        values.append(S)
    return np.array(values)
