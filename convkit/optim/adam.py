"""Momentum and rates of their own for each parameter together: Adam, AdamW, RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from convkit.kernels import update as kernels
from convkit.optim.adaptive import inside_and_outside
from convkit.optim.flat import Run
from convkit.optim.optimizer import Optimizer, a_share, at_least_zero


class Moments(Optimizer):
    """Base of the optimizers with means of gradients and of their squares, which are corrected for beginning at 0."""

    known: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(settings, "lr", "eps", "weight_decay")
        if not isinstance(settings["betas"], tuple | list) or len(settings["betas"]) != 2:
            raise ValueError(f"betas={settings['betas']!r} is not allowed; it must be two numbers, such as (0.9, 0.999)")
        a_share(settings, "betas")

    def names(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The means, and what else there is."""
        return self.known


def corrections(run: Run, settings: Mapping[str, Any]) -> tuple[float, float]:
    """What the two means have in them at this step of what they would have had from an endless past."""
    first, second = settings["betas"]
    return 1 - first ** (run.steps + 1), 1 - second ** (run.steps + 1)


def shares(settings: Mapping[str, Any]) -> tuple[float, ...]:
    """What is kept of each mean, and the share of what is new."""
    return tuple(share for beta in settings["betas"] for share in (beta, 1 - beta))


def decays(settings: Mapping[str, Any]) -> tuple[float, float]:
    """What is added to the gradient, and what the parameters are multiplied by."""
    decay = settings["weight_decay"]
    return (0, 1 - settings["lr"] * decay) if settings["decoupled_weight_decay"] else (decay, 1)


def rectified(step: int, beta2: float) -> float:
    """How much shorter than Adam's a step is to be for the scatter of its rate; 0 where that is not known."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


class Adam(Moments):
    """Steps along the mean gradient, divided by the root of the mean square.

    With g = gradient + weight_decay * x, step t = 1, 2, ... of a parameter x is ``m = beta1 m + (1 - beta1) g``,
    ``v = beta2 v + (1 - beta2) g**2`` and ``x -= lr m' / (sqrt(v') + eps)`` with ``m' = m / (1 - beta1**t)`` and
    ``v' = v / (1 - beta2**t)``. With `eps_inside` it is ``/ sqrt(v' + eps)``: eps is added to the corrected mean and not kept
    in it.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Learning rate: about the length of a step along each coordinate.
    betas : (float, float)
        How much is kept of the mean gradient and of the mean square.
    eps : float
        Keeps gradients of 0 from dividing by it. CS231n's slides have 1e-7.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    eps_inside : bool
        Add `eps` below the root.
    bias_correction : bool
        False leaves m and v as they are: the first steps are then ``(1 - beta1) / sqrt(1 - beta2)`` times as long, 3.16 times
        with the betas above.
    decoupled_weight_decay : bool
        Multiply the parameters by ``1 - lr * weight_decay`` instead of changing the loss, as `AdamW` does.

    Raises
    ------
    ValueError
        For negative settings, and betas that are not two numbers from 0 to below 1.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    .. [2] I. Goodfellow, Y. Bengio, A. Courville, *Deep Learning*, MIT Press 2016, algorithm 8.7.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([1.0, -100.0])
    >>> optim.Adam([w], lr=0.001).step()
    >>> w.data.round(6)
    array([-0.001,  0.001])
    """

    extras: ClassVar[Mapping[str, Any]] = {"eps_inside": False, "bias_correction": True}

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, *, eps_inside: bool = False, bias_correction: bool = True,
                 decoupled_weight_decay: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "eps_inside": eps_inside,
                                  "bias_correction": bias_correction, "decoupled_weight_decay": decoupled_weight_decay})

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        first, second = corrections(run, settings) if settings["bias_correction"] else (1.0, 1.0)
        run.walk(kernels.adam, self.known, (settings["lr"] / first, *decays(settings), *shares(settings), 1 / second,
                                            *inside_and_outside(settings)))


class AdamW(Adam):
    """Adam with weights that decay by themselves: ``x *= 1 - lr * weight_decay`` before each step of `Adam`.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr, betas, eps, eps_inside, bias_correction
        As `Adam` has them.
    weight_decay : float
        How fast the parameters decay, in units of the rate.

    Raises
    ------
    ValueError
        As `Adam`.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.ones(1))
    >>> w.grad = np.zeros(1)
    >>> optim.AdamW([w], lr=0.1, weight_decay=0.5).step()
    >>> w.data
    array([0.95])
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 1e-2, *, eps_inside: bool = False, bias_correction: bool = True) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, eps_inside=eps_inside, bias_correction=bias_correction,
                         decoupled_weight_decay=True)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        super().check(settings)
        if not settings["decoupled_weight_decay"]:
            raise ValueError("decoupled_weight_decay=False is not AdamW; use Adam, which adds the decay to the gradient")


class RAdam(Moments):
    """Adam that waits for its mean square: plain momentum at first, then steps shortened for the scatter of their rate.

    With ``rho = 2 / (1 - beta2) - 1`` and ``rho_t = rho - 2 t beta2**t / (1 - beta2**t)``, step t of a parameter x, with m' and
    v' as in `Adam`, is ``x -= lr m'`` while rho_t is 5 or less, which is for five steps, and then
    ``x -= lr r m' / (sqrt(v') + eps / sqrt(1 - beta2**t))`` with
    ``r**2 = (rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t)``.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr, betas, eps
        As `Adam` has them.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    decoupled_weight_decay : bool
        Multiply the parameters by ``1 - lr * weight_decay`` instead.

    Raises
    ------
    ValueError
        As `Adam`.

    References
    ----------
    .. [1] L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([1.0, -100.0])
    >>> optim.RAdam([w], lr=0.001).step()
    >>> w.data.round(6)
    array([-0.001,  0.1  ])
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, decoupled_weight_decay: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "decoupled_weight_decay": decoupled_weight_decay})

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        first, second = corrections(run, settings)
        share = rectified(run.steps + 1, settings["betas"][1])
        rate, root = settings["lr"] / first, (0, 0, 1)  # of the mean square nothing, and the divisor is 1
        if share:
            rate, root = rate * share * math.sqrt(second), (1, 0, settings["eps"])
        run.walk(kernels.adam, self.known, (rate, *decays(settings), *shares(settings), *root))
