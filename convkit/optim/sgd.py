"""Gradient descent: plain, with momentum in its forms, and with steps of a fixed length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from convkit._core.checks import word
from convkit.kernels import update as kernels
from convkit.optim.flat import Run
from convkit.optim.optimizer import Optimizer, at_least_zero

FORMS = ("torch", "classic", "ewma")


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    With g = gradient + weight_decay * parameter, a parameter x and its velocity v, which begins at 0, a step is

    ============ ================================================ ======================= ===================================
    ``form``     velocity                                         step                    with ``nesterov=True``
    ============ ================================================ ======================= ===================================
    ``torch``    ``v = momentum v + (1 - dampening) g``           ``x -= lr v``           ``x -= lr (g + momentum v)``
    ``classic``  ``v = momentum v + lr g``                        ``x -= v``              ``x -= lr g + momentum v``
    ``ewma``     ``v = momentum v + (1 - momentum) g``            ``x -= lr v``           ``x -= lr ((1 - momentum) g +``
                                                                                          ``momentum v)``
    ============ ================================================ ======================= ===================================

    In the form ``torch`` v is g itself at a parameter's first step, whatever the dampening. At a constant rate the first two
    are the same, and the third is the first at the rate ``lr * (1 - momentum)``; when the rate changes, ``classic`` goes on
    with the old one in its velocity. Parameters without a gradient stay as they are.

    With ``nesterov="lookahead"`` the gradient is taken ahead of x, at ``x - lr momentum v`` (``torch``), ``x - momentum v``
    (``classic``), which is Nesterov's method, or ``x - lr v`` (``ewma``), as [3]_ has it; `step` needs a closure then.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Learning rate, the length of a step.
    momentum : float
        How much of the velocity v is kept; 0 for none.
    dampening : float
        Share of a new gradient that is kept from the velocity; of the form ``torch``.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.
    nesterov : bool or "lookahead"
        Look one step of the momentum ahead: by the formula above, or by taking the gradient there.
    form : {"torch", "classic", "ewma"}
        How the velocity is written.

    Raises
    ------
    ValueError
        For negative settings, unknown forms, no parameters, a parameter given twice, `nesterov` without momentum or with
        dampening, dampening in another form than ``torch``; from `step` for lookahead without a closure.
    TypeError
        For what is no parameter.

    References
    ----------
    .. [1] I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, eq. 3 and 4:
       the form ``classic``, with lookahead.
    .. [2] S. Ruder, "An overview of gradient descent optimization algorithms", arXiv:1609.04747, eq. 4: ``classic``.
    .. [3] S. J. D. Prince, *Understanding Deep Learning*, MIT Press 2023, eq. 6.11 and 6.12: ``ewma``, with lookahead.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.array([4.0]))
    >>> optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(200):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> bool(abs(w.data[0] - 1) < 1e-3)
    True
    """

    extras: ClassVar[Mapping[str, Any]] = {"form": "torch"}
    known = ("momentum_buffer",)
    counts = False

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool | str = False, *, form: str = "torch") -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                                  "nesterov": nesterov, "form": form})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(settings, "lr", "momentum", "weight_decay")
        nesterov, form, dampening = settings["nesterov"], settings["form"], settings["dampening"]
        word(form, "form", FORMS)
        if nesterov not in (True, False, "lookahead"):
            raise ValueError(f"nesterov={nesterov!r} is not known; it may be False, True or 'lookahead'")
        if nesterov and (settings["momentum"] <= 0 or dampening != 0):
            raise ValueError(f"nesterov={nesterov!r} needs momentum above 0 and dampening=0; they are "
                             f"momentum={settings['momentum']!r} and dampening={dampening!r}")
        if dampening and form != "torch":
            raise ValueError(f"dampening={dampening!r} belongs to form='torch'; form={form!r} has its own "
                             "share of new gradients")

    def names(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The velocity."""
        return self.known if settings["momentum"] else ()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Drops the gradients, computes loss and gradients anew, and returns the loss. With ``nesterov="lookahead"`` it is
            called while the parameters are ahead; they are put back before the step.

        Returns
        -------
        Any
            What `closure` returned, or None.

        Raises
        ------
        ValueError
            For lookahead without `closure`.
        """
        if all(group["nesterov"] != "lookahead" for group in self.param_groups):
            return super().step(closure)
        if closure is None:
            raise ValueError("nesterov='lookahead' takes the gradient ahead of the parameters, so step() must compute it: call "
                             "step(closure) with a function that calls zero_grad() and backward() and returns the loss; or use "
                             "nesterov=True, which needs none")
        self._settle()
        kept = [(flat, flat.buffer.copy()) for flats in self._flats for flat in flats]
        self._look_ahead()
        try:
            loss = closure()
        finally:
            for flat, buffer in kept:
                flat.buffer[...] = buffer
        super().step()
        return loss

    def _look_ahead(self) -> None:
        """Put the parameters that are learnt where their velocities alone would take them."""
        for group, flats in zip(self.param_groups, self._flats, strict=True):
            if group["nesterov"] == "lookahead":
                for flat in flats:
                    for i, parameter in enumerate(flat.parameters):
                        if flat.steps[i] and parameter.requires_grad:
                            flat.views[i][...] -= _reach(group) * flat.view("momentum_buffer", i)
                            parameter.modified()

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        rate, momentum, decay = settings["lr"], settings["momentum"], settings["weight_decay"]
        if not momentum:
            run.walk(kernels.sgd, (), (rate, decay))
            return
        form, nesterov = settings["form"], settings["nesterov"]
        share = {"torch": 1 - settings["dampening"] if run.steps else 1, "classic": rate, "ewma": 1 - momentum}[form]
        direct, ahead = (share, momentum) if nesterov is True else (0, 1)
        reach = _reach(settings) if nesterov == "lookahead" else 0
        length = 1 if form == "classic" else rate
        run.walk(kernels.sgd_momentum, self.known, (length, decay, momentum, share, direct, ahead, reach))


def _reach(settings: Mapping[str, Any]) -> float:
    """How many velocities ahead of the parameters the gradient is taken."""
    rate, momentum = settings["lr"], settings["momentum"]
    return float({"torch": rate * momentum, "classic": momentum, "ewma": rate}[settings["form"]])


class NormalizedSGD(Optimizer):
    """Steps of a fixed length along each coordinate: ``x -= lr * g / (sqrt(g**2) + eps)``.

    Only the sign of g = gradient + weight_decay * x is left of it. The steps go on at a minimum, unless they happen to meet it:
    Adam's averages mend that.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        ``model.parameters()``, or groups with ``"params"`` and settings of their own.
    lr : float
        Length of a step along each coordinate.
    eps : float
        Keeps gradients of 0 from dividing by it.
    weight_decay : float
        Adds ``weight_decay / 2 * sum(parameter**2)`` to the loss.

    Raises
    ------
    ValueError
        For negative settings.

    References
    ----------
    .. [1] S. J. D. Prince, *Understanding Deep Learning*, MIT Press 2023, eq. 6.13 and 6.14.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> w = nn.Parameter(np.zeros(3))
    >>> w.grad = np.array([3.0, -2.0, 5.0])
    >>> optim.NormalizedSGD([w], lr=1.0).step()
    >>> w.data.round(6)
    array([-1.,  1., -1.])
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, eps: float = 1e-8, weight_decay: float = 0) -> None:
        super().__init__(params, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that are not allowed."""
        at_least_zero(settings, "lr", "eps", "weight_decay")

    def update(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Make one step."""
        run.walk(kernels.normalized, (), (settings["lr"], settings["weight_decay"], settings["eps"]))
