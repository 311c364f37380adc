"""Rates of their own for each parameter, from the squares of its gradients: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from convkit.kernels import update as kernels
from convkit.optim.flat import Run
from convkit.optim.optimizer import Optimizer, a_share, at_least_zero


def inside_and_outside(settings: Mapping[str, Any]) -> tuple[float, float]:
    """What is added below the root, and to it."""
    eps = settings["eps"]
    return (eps, 0) if settings["eps_inside"] else (0, eps)


class Adagrad(Optimizer):
    """Each gradient divided by the root of the sum of all its squares so far.

    With g = gradient + weight_decay * x, step t = 1, 2, ... of a parameter x is ``G += g**2`` and
    ``x -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(G) + eps)``, or ``/ sqrt(G + eps)`` with `eps_inside`. Rare features get
    large steps; all steps fall as ``1 / sqrt(t)``.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Learning rate: the length of the first step along each coordinate.
    lr_decay : float
        How fast the rate falls besides.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    initial_accumulator_value : float
        What G begins with.
    eps : float
        Keeps gradients of 0 from dividing by it. CS231n's slides have 1e-7; [2]_ has 1e-8 below the root.
    eps_inside : bool
        Add it below the root.

    Raises
    ------
    ValueError
        For negative settings.

    References
    ----------
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
       J. Machine Learning Research 12 (2011), 2121-2159.
    .. [2] S. Ruder, "An overview of gradient descent optimization algorithms", arXiv:1609.04747, eq. 8: below the root.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> optimizer = optim.Adagrad([w], lr=0.1)
    >>> for _ in range(2):
    ...     w.grad = np.array([1.0, -100.0])
    ...     optimizer.step()
    >>> w.data.round(4)
    array([-0.1707,  0.1707])
    """

    extras: ClassVar[Mapping[str, Any]] = {"eps_inside": False}
    known = ("sum",)

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, *, eps_inside: bool = False) -> None:
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "eps": eps, "eps_inside": eps_inside})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(settings, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def names(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The sum of squares."""
        return self.known

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        if not run.steps:
            run.fill("sum", settings["initial_accumulator_value"])
        rate = settings["lr"] / (1 + run.steps * settings["lr_decay"])
        run.walk(kernels.adagrad, self.known, (rate, settings["weight_decay"], *inside_and_outside(settings)))


class Adadelta(Optimizer):
    """Each gradient divided by its root mean square, times the root mean square of the parameter's own steps.

    With g = gradient + weight_decay * x, a step of a parameter x is ``E = rho E + (1 - rho) g**2``,
    ``d = sqrt(D + eps) / sqrt(E + eps) * g``, ``D = rho D + (1 - rho) d**2``, ``x -= lr d``: steps have the unit of the
    parameter, and need no rate.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Learning rate; 1 is the method as published.
    rho : float
        How much of the averages is kept.
    eps : float
        Added below both roots; it sets the length of the first steps.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.

    Raises
    ------
    ValueError
        For negative settings, and a `rho` that is not below 1.

    References
    ----------
    .. [1] M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(1))
    >>> w.grad = np.array([5.0])
    >>> optim.Adadelta([w]).step()
    >>> print(f"{w.data[0]:.6f}")
    -0.003162
    """

    known = ("square_avg", "acc_delta")

    def __init__(self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(settings, "lr", "eps", "weight_decay")
        a_share(settings, "rho")

    def names(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Mean squares of gradients and steps."""
        return self.known

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        rho = settings["rho"]
        run.walk(kernels.adadelta, self.known, (settings["lr"], settings["weight_decay"], rho, 1 - rho, settings["eps"]))


class RMSprop(Optimizer):
    """Each gradient divided by its root mean square.

    With g = gradient + weight_decay * x, a step of a parameter x is ``r = alpha r + (1 - alpha) g**2`` and
    ``x -= lr g / (sqrt(r) + eps)``, or ``/ sqrt(r + eps)`` with `eps_inside`. `centered` takes the square of the mean gradient
    from r, which leaves the variance. With momentum ``v = momentum v + g / (sqrt(r) + eps)`` and ``x -= lr v``.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Learning rate.
    alpha : float
        How much of the averages is kept; textbooks have 0.9.
    eps : float
        Keeps gradients of 0 from dividing by it. CS231n's slides have 1e-7; [3]_ has 1e-6 below the root.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    momentum : float
        How much of the velocity v is kept; 0 for none.
    centered : bool
        Divide by the standard deviation of the gradient.
    eps_inside : bool
        Add `eps` below the root.

    Raises
    ------
    ValueError
        For negative settings, and `alpha` of 1 or more.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Lecture 6.5 - RMSProp", COURSERA: Neural Networks for Machine Learning, 2012.
    .. [2] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850: centred, with momentum.
    .. [3] I. Goodfellow, Y. Bengio, A. Courville, *Deep Learning*, MIT Press 2016, algorithm 8.5: below the root.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([1.0, -100.0])
    >>> optim.RMSprop([w], lr=0.01, alpha=0.9).step()
    >>> w.data.round(4)
    array([-0.0316,  0.0316])
    """

    extras: ClassVar[Mapping[str, Any]] = {"eps_inside": False}
    known = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0, momentum: float = 0, centered: bool = False, *, eps_inside: bool = False) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
                                  "centered": centered, "eps_inside": eps_inside})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(settings, "lr", "eps", "weight_decay", "momentum")
        a_share(settings, "alpha")

    def names(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The mean square, the mean where it is centred, and the velocity."""
        wanted = (True, settings["centered"], settings["momentum"])
        return tuple(name for name, on in zip(self.known, wanted, strict=True) if on)

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        alpha, momentum, names = settings["alpha"], settings["momentum"], self.names(settings)
        places = [name if name in names else "" for name in self.known]
        run.walk(kernels.rmsprop, places, (settings["lr"], settings["weight_decay"], alpha, 1 - alpha,
                                           *inside_and_outside(settings), momentum, bool(settings["centered"])))
