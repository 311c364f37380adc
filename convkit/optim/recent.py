"""Later relatives of Adam: diffGrad, AdaBelief, AngularGrad, AdaInject."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from convkit._core.checks import word
from convkit.kernels import update as kernels
from convkit.optim.adam import Moments, corrections, decays, rectified, shares
from convkit.optim.flat import Run


class diffGrad(Moments):  # noqa: N801 - its name
    """Adam whose steps shrink where the gradient hardly changes: against overshooting minima.

    With g = gradient + weight_decay * x, and m' and v' as in `Adam`, a step of a parameter x is
    ``x -= lr xi m' / (sqrt(v') + eps)`` with ``xi = 1 / (1 + exp(-abs(g_old - g)))``, from 1/2 to 1; g_old is the gradient of
    the step before, 0 at first.

    The authors' first program kept no copy of g_old: there the two were the same array, xi was 1/2 throughout, and the method
    Adam at half the rate. This is the formula, as in their second one.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr, betas, eps
        As `Adam` has them.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.

    Raises
    ------
    ValueError
        As `Adam`.

    References
    ----------
    .. [1] S. R. Dubey et al., "diffGrad: an optimization method for convolutional neural networks", IEEE Trans. Neural Networks
       and Learning Systems 31 (2020), 4500-4511.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([0.01, -100.0])
    >>> optim.diffGrad([w], lr=0.001).step()
    >>> w.data.round(6)
    array([-0.000502,  0.001   ])
    """

    known = ("exp_avg", "exp_avg_sq", "previous_grad")

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        first, second = corrections(run, settings)
        run.walk(kernels.diffgrad, self.known, (settings["lr"] / first, settings["weight_decay"], *shares(settings), 1 / second,
                                                settings["eps"]))


class AdaBelief(Moments):
    """Adam with the mean square distance of the gradient from its mean: long steps where gradients are as expected.

    With g = gradient + weight_decay * x and ``m = beta1 m + (1 - beta1) g``, step t of a parameter x is
    ``s = beta2 s + (1 - beta2) (g - m)**2 + eps``, with the new m, and
    ``x -= lr m / (1 - beta1**t) / (sqrt(s / (1 - beta2**t)) + eps)``. eps stays in s, and is added once more to its root.

    The defaults are those of the paper and of the authors' program up to version 0.0.5. From version 0.1.0 on that has
    ``eps=1e-16, decoupled_weight_decay=True, rectify=True``; it recommends 1e-8 for convolutional networks.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr, betas
        As `Adam` has them.
    eps : float
        As above: it also sets the longest step.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    decoupled_weight_decay : bool
        Multiply the parameters by ``1 - lr * weight_decay`` instead.
    rectify : bool
        Shorten the first steps as `RAdam` does.

    Raises
    ------
    ValueError
        As `Adam`.

    References
    ----------
    .. [1] J. Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients", NeurIPS 2020,
       algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([1.0, -100.0])
    >>> optim.AdaBelief([w], lr=0.001).step()  # the mean is a tenth of the gradient, which is nine tenths away
    >>> w.data.round(6)
    array([-0.001111,  0.001111])
    """

    known = ("exp_avg", "exp_avg_var")

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, *, decoupled_weight_decay: bool = False, rectify: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "decoupled_weight_decay": decoupled_weight_decay, "rectify": rectify})

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        first, second = corrections(run, settings)
        eps, rate, root = settings["eps"], settings["lr"] / first, (1 / second, settings["eps"], settings["eps"])
        if settings["rectify"]:
            share = rectified(run.steps + 1, settings["betas"][1])
            if share:
                rate, root = rate * share * math.sqrt(second), (1, eps, eps)
            else:
                root = (0, eps, 1)  # of the mean square nothing, and the divisor is 1
        run.walk(kernels.adabelief, self.known, (rate, *decays(settings), *shares(settings), *root))


class AngularGrad(Moments):
    """Experimental: Adam whose steps are scaled by the angle between the last gradients.

    With g = gradient + weight_decay * x, and m' and v' as in `Adam`, ``tan A = abs((g_old - g) / (1 + g_old g))`` is the angle
    between two gradients taken as slopes, and a step of a parameter x is ``x -= lr phi m' / (sqrt(v') + eps)`` with
    ``phi = tanh(cos B) / 2 + 1 / 2``, or the same of ``tan B``, where B is the lesser of this step's A and the last one's.
    g_old is 0 at first, and at the first step B is A.

    Experimental, because the authors' program does something else than their formula: it keeps an angle for all of a
    parameter array when more than half of its entries are not above it, beginning with 0. Nobody's results are reproduced by
    this class.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr, betas, eps
        As `Adam` has them.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    angle : {"cos", "tan"}
        Scale by the cosine of the angle, which shortens steps where gradients turn, or by the tangent.

    Raises
    ------
    ValueError
        As `Adam`, and for another `angle`.

    References
    ----------
    .. [1] S. K. Roy et al., "AngularGrad: a new optimization technique for angular convergence of convolutional neural
       networks", arXiv:2105.10190.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([0.01, -100.0])
    >>> optim.AngularGrad([w], lr=0.001).step()
    >>> w.data.round(6)
    array([-0.000881,  0.000505])
    """

    known = ("exp_avg", "exp_avg_sq", "previous_grad", "previous_tan")

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, *, angle: str = "cos") -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "angle": angle})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        super().check(settings)
        word(settings["angle"], "angle", ("cos", "tan"))

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        if not run.steps:
            run.fill("previous_tan", math.inf)
        first, second = corrections(run, settings)
        run.walk(kernels.angulargrad, self.known, (
            settings["lr"] / first, settings["weight_decay"], *shares(settings), 1 / second, settings["eps"],
            settings["angle"] == "cos"))


class AdaInject(Moments):
    """Adam with second-order information injected into the mean gradient (AdamInject).

    With g = gradient + weight_decay * x, a step of a parameter x is as in `Adam`, but from the second step on the mean m is
    of ``(g + (x_old - x) g**2) / 2`` in the place of g, where x_old is the parameter before the last step. The mean is then
    about half of Adam's.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr, betas, eps
        As `Adam` has them.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.

    Raises
    ------
    ValueError
        As `Adam`.

    References
    ----------
    .. [1] S. R. Dubey et al., "AdaInject: injection-based adaptive gradient descent optimizers for convolutional neural
       networks", arXiv:2109.12504.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(1))
    >>> optimizer = optim.AdaInject([w], lr=0.001)
    >>> for _ in range(2):
    ...     w.grad = np.array([1.0])
    ...     optimizer.step()
    ...     print(f"{w.data[0]:.6f}")
    -0.001000
    -0.001737
    """

    known = ("exp_avg", "exp_avg_sq", "previous_data")

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        first, second = corrections(run, settings)
        share, injected = (0.5, 0.5) if run.steps else (1, 0)
        run.walk(kernels.adainject, self.known, (
            settings["lr"] / first, settings["weight_decay"], *shares(settings), 1 / second, settings["eps"], share, injected))
