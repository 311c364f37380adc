"""Steps of optimizers over parameters that lie back to back, one pass over all that a step reads and writes."""

from __future__ import annotations

from convkit._core.jit import kernel


@kernel
def sgd(parameters, gradients, rate, decay):
    """Go against the gradients, to which `decay` times the parameters is added. All arrays are flat, of one length."""
    for i in range(parameters.size):
        parameters[i] -= rate * (gradients[i] + decay * parameters[i])


@kernel
def sgd_momentum(parameters, gradients, velocity, rate, decay, momentum, share, ahead):
    """As `sgd`, along ``velocity = momentum velocity + share gradient``, or ``gradient + ahead velocity`` where ahead > 0.

    `velocity` is modified.
    """
    for i in range(parameters.size):
        g = gradients[i] + decay * parameters[i]
        v = momentum * velocity[i] + share * g
        velocity[i] = v
        parameters[i] -= rate * (g + ahead * v if ahead > 0 else v)
