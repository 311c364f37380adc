"""Steps of optimizers over parameters that lie in one buffer, one pass over all that a step reads and writes.

A kernel takes ``parameters``, flat, of one dtype; ``sources``, the addresses of gradients of that dtype, the k-th of
``sizes[k]`` elements for the parameters from ``starts[k]`` on; ``first`` and ``last``, the stretch to be walked; then what is
remembered, flat as the parameters and modified; then factors of their dtype. ``decay`` times the parameters is added to the
gradient.
"""

from __future__ import annotations

import numpy as np
from numba import carray, config, types
from numba.extending import intrinsic

from convkit._core.jit import helper, kernel


@intrinsic
def _pointer(typingctx, address, like):
    """The address as a pointer to elements of the dtype of `like`."""
    pointer = types.CPointer(like.dtype)

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(types.int64, like), codegen


@helper
def _compiled(address, size, like):
    return carray(_pointer(address, like), size)


def _plain(address, size, like):
    return np.ctypeslib.as_array((np.ctypeslib.as_ctypes_type(like.dtype) * size).from_address(int(address)))


_elements = _plain if config.DISABLE_JIT else _compiled


@helper
def _part(parameters, sources, starts, sizes, k, first, last):
    """Where the k-th stretch begins and ends between `first` and `last`, and its gradient there."""
    start, size = starts[k], sizes[k]
    begin = max(start, first)
    end = max(begin, min(start + size, last))
    return begin, end, _elements(sources[k], size, parameters)[begin - start : end - start]


@kernel
def sgd(parameters, sources, starts, sizes, first, last, rate, decay):
    """Go against the gradients."""
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p = parameters[begin:end]
        for i in range(gradient.size):
            p[i] -= rate * (gradient[i] + decay * p[i])


@kernel
def sgd_momentum(parameters, sources, starts, sizes, first, last, velocity, rate, decay, momentum, share, direct, ahead, reach):
    """Go along ``direct gradient + ahead velocity``, with ``velocity = momentum velocity + share gradient``.

    The gradients were taken where the parameters are after ``reach`` times the old velocity.
    """
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, v = parameters[begin:end], velocity[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * (p[i] - reach * v[i])
            v[i] = momentum * v[i] + share * g
            p[i] -= rate * (direct * g + ahead * v[i])


@kernel
def normalized(parameters, sources, starts, sizes, first, last, rate, decay, eps):
    """Go against the gradients, each divided by its absolute value and `eps`."""
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p = parameters[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            p[i] -= rate * (g / (abs(g) + eps))


@kernel
def adagrad(parameters, sources, starts, sizes, first, last, total, rate, decay, inside, outside):
    """Divide by the root of the sum of squares; `inside` is added below the root, `outside` to it."""
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, s = parameters[begin:end], total[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            s[i] += g * g
            p[i] -= rate * (g / (np.sqrt(s[i] + inside) + outside))


@kernel
def adadelta(parameters, sources, starts, sizes, first, last, square, moved, rate, decay, rho, fresh, eps):
    """Divide by the root mean square of the gradients, multiply by that of the steps; `fresh` is ``1 - rho``."""
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, s, u = parameters[begin:end], square[begin:end], moved[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            s[i] = rho * s[i] + fresh * g * g
            d = np.sqrt(u[i] + eps) / np.sqrt(s[i] + eps) * g
            u[i] = rho * u[i] + fresh * d * d
            p[i] -= rate * d


@kernel
def rmsprop(parameters, sources, starts, sizes, first, last, square, mean, velocity, rate, decay, alpha, fresh, inside, outside,
            momentum, centred):
    """Divide by the root of a mean of squares, where `centred` is 1 less the square of a mean; along a velocity with momentum.

    `fresh` is ``1 - alpha``. `mean` and `velocity` may be any array where they are not wanted.
    """
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, s, m, v = parameters[begin:end], square[begin:end], mean[begin:end], velocity[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            s[i] = alpha * s[i] + fresh * g * g
            power = s[i]
            if centred > 0:
                m[i] += fresh * (g - m[i])
                power -= m[i] * m[i]
            d = g / (np.sqrt(power + inside) + outside)
            if momentum > 0:
                d += momentum * v[i]
                v[i] = d
            p[i] -= rate * d


@kernel
def adam(parameters, sources, starts, sizes, first, last, mean, square, rate, decay, kept, beta1, fresh1, beta2, fresh2,
         correction, inside, outside):
    """Go along the mean gradient over the root of the mean square, which is times `correction`.

    ``fresh`` is ``1 - beta``; the parameters are multiplied by `kept`.
    """
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, m, s = parameters[begin:end], mean[begin:end], square[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            m[i] = beta1 * m[i] + fresh1 * g
            s[i] = beta2 * s[i] + fresh2 * g * g
            p[i] = kept * p[i] - rate * (m[i] / (np.sqrt(correction * s[i] + inside) + outside))


@kernel
def adabelief(parameters, sources, starts, sizes, first, last, mean, variance, rate, decay, kept, beta1, fresh1, beta2, fresh2,
              correction, stored, outside):
    """As `adam`, with squares of the distance from the mean, to which `stored` is added."""
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, m, s = parameters[begin:end], mean[begin:end], variance[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            m[i] = beta1 * m[i] + fresh1 * g
            d = g - m[i]
            s[i] = beta2 * s[i] + fresh2 * d * d + stored
            p[i] = kept * p[i] - rate * (m[i] / (np.sqrt(correction * s[i]) + outside))


@kernel
def diffgrad(parameters, sources, starts, sizes, first, last, mean, square, previous, rate, decay, beta1, fresh1, beta2, fresh2,
             correction, eps):
    """As `adam`, the mean times the logistic function of how far the gradient has changed."""
    one = parameters.dtype.type(1)
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, m, s, old = parameters[begin:end], mean[begin:end], square[begin:end], previous[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            m[i] = beta1 * m[i] + fresh1 * g
            s[i] = beta2 * s[i] + fresh2 * g * g
            friction = one / (one + np.exp(-abs(old[i] - g)))
            old[i] = g
            p[i] -= rate * (friction * m[i] / (np.sqrt(correction * s[i]) + eps))


@kernel
def angulargrad(parameters, sources, starts, sizes, first, last, mean, square, previous, tangent, rate, decay, beta1, fresh1,
                beta2, fresh2, correction, eps, cosine):
    """As `adam`, the mean times a number from the lesser of this angle between gradients and the last.

    `tangent` holds the tangents of the angles, `cosine` is 1 for the number from the cosine, 0 for that from the tangent.
    """
    one, half = parameters.dtype.type(1), parameters.dtype.type(0.5)
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, m, s = parameters[begin:end], mean[begin:end], square[begin:end]
        old, angle = previous[begin:end], tangent[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            m[i] = beta1 * m[i] + fresh1 * g
            s[i] = beta2 * s[i] + fresh2 * g * g
            now = abs((old[i] - g) / (one + old[i] * g))
            least = min(now, angle[i])
            old[i], angle[i] = g, now
            score = one / np.sqrt(one + least * least) if cosine > 0 else least
            p[i] -= rate * ((half * np.tanh(score) + half) * m[i] / (np.sqrt(correction * s[i]) + eps))


@kernel
def adainject(parameters, sources, starts, sizes, first, last, mean, square, previous, rate, decay, beta1, fresh1, beta2,
              fresh2, correction, eps, share, injected):
    """As `adam`, the mean being of ``share gradient + injected (previous - parameters) gradient**2``.

    `previous` are the parameters before the last step.
    """
    for k in range(sources.size):
        begin, end, gradient = _part(parameters, sources, starts, sizes, k, first, last)
        p, m, s, old = parameters[begin:end], mean[begin:end], square[begin:end], previous[begin:end]
        for i in range(gradient.size):
            g = gradient[i] + decay * p[i]
            m[i] = beta1 * m[i] + fresh1 * (share * g + injected * (old[i] - p[i]) * g * g)
            s[i] = beta2 * s[i] + fresh2 * g * g
            old[i] = p[i]
            p[i] -= rate * (m[i] / (np.sqrt(correction * s[i]) + eps))
