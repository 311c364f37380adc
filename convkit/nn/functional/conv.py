"""Convolutions and transposed convolutions, by the correlations of `convkit.engines.channels`.

A convolution runs the engine's forward pass; its VJP the gradients of samples and of weights. A transposed convolution is the
gradient of the samples run forward, so its VJP runs the forward pass and the gradient of the weights. As everywhere in
networks, "convolution" means correlation: weights are not flipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convkit._core.typing import Array
from convkit._core.workers import available
from convkit.autodiff import apply
from convkit.autodiff.pairs import Pair
from convkit.engines.channel_passes import Convolution
from convkit.engines.places import place_of
from convkit.nn.functional.operands import like, parameter_dtype, setting, several
from convkit.nn.functional.shape import MODES, refuse_reach

Kind = TypeVar("Kind")

BOUNDARIES = {"zeros": "zero"} | {mode: word for mode, word in MODES.items() if mode != "constant"}


class _Layout(NamedTuple):
    """A convolution prepared for arrays of given shapes: their shapes with an axis for items, and that of the result."""

    plan: Any
    batch: tuple[int, ...]
    batch_out: tuple[int, ...]
    out: tuple[int, ...]


def _batched(name: str, dims: int, x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None,
             rows: int) -> tuple[int, ...]:
    """The shape of the input with an axis for items; refuses what does not fit together."""
    axes = ("L", "H, W", "D, H, W")[dims - 1]
    if len(w) != dims + 2:
        raise ValueError(f"{name}: weight has shape {w}; expected {dims + 2} axes, (channels, channels, {axes})")
    if min(w) < 1:
        raise ValueError(f"{name}: weight has shape {w}, which holds no numbers")
    if len(x) not in (dims + 1, dims + 2):
        raise ValueError(f"{name}: input has shape {x}; expected (N, C, {axes}), or (C, {axes}) for one item"
                         + (". One grey image? Add axes with x[None, None]" if len(x) == dims == 2 else ""))
    if bias is not None and bias != (rows,):
        raise ValueError(f"{name}: bias has shape {bias}; expected ({rows},), one number for each output channel")
    batch = x if len(x) == dims + 2 else (1, *x)
    if min(batch) < 1:
        raise ValueError(f"{name}: input has shape {x}, which holds no samples")
    return batch


@lru_cache(maxsize=512, typed=True)
def _convolution(place: Any, dims: int, x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None, stride: Any,
                 padding: Any, dilation: Any, groups: int, padding_mode: str, dtype: np.dtype[Any]) -> _Layout:
    """Check the arguments of a convolution, and prepare it for a place."""
    name = f"conv{dims}d"
    batch = _batched(name, dims, x, w, bias, w[0])
    groups, = several(groups, 1, "groups", 1)
    if w[0] % groups or batch[1] % groups:
        raise ValueError(f"{name}: groups={groups} must divide the {batch[1]} input channels and the {w[0]} output channels")
    if batch[1] != w[1] * groups:
        raise ValueError(f"{name}: input has {batch[1]} channels (shape {x}), but weight of shape {w} with groups={groups} "
                         f"expects {w[1] * groups}; give input of {w[1] * groups} channels, or a layer for {batch[1]}")
    if padding_mode not in BOUNDARIES:
        raise ValueError(f"{name}: padding_mode={padding_mode!r} is not known; it may be {', '.join(map(repr, BOUNDARIES))}")
    strides, dilations = several(stride, dims, "stride", 1), several(dilation, dims, "dilation", 1)
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, w[2:], strict=True)]
    if padding == "same":
        if max(strides) > 1:
            raise ValueError(f"{name}: padding='same' needs stride 1, and stride is {stride!r}; give padding as a number")
        pads = [((span - 1) // 2, span // 2) for span in spans]
    elif padding == "valid":
        pads = [(0, 0)] * dims
    elif isinstance(padding, str):
        raise ValueError(f"{name}: padding={padding!r} is not known; it may be 'same', 'valid' or numbers")
    else:
        pads = [(p, p) for p in several(padding, dims, "padding", 0)]
    refuse_reach(name, padding_mode, pads, batch[2:])
    for n, (before, after), span in zip(batch[2:], pads, spans, strict=True):
        if n + before + after < span:
            raise ValueError(f"{name}: the kernel covers {span} samples, but the input, of shape {x}, has {n} along that axis, "
                             f"{n + before + after} with padding; use a smaller kernel, more padding or a larger input")
    c = Convolution(batch, w, strides, dilations, tuple(pads), BOUNDARIES[padding_mode], groups, parameter_dtype(name, dtype))
    return _Layout(place.channels.prepare(c), batch, c.out_shape, c.out_shape if batch is x else c.out_shape[1:])


class BoundConvolution:
    """A pair for operands of the shapes and settings that it was made with; for others it makes another."""

    def __init__(self, x: tuple[int, ...], w: Any, bias: Any, *, dims: int, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, padding_mode: str = "zeros", relu: bool = False) -> None:
        self._settings = {"dims": dims, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
                          "padding_mode": padding_mode, "relu": relu}
        self._place = place_of(w)
        self._layout = _convolution(self._place, dims, x, w.shape, None if bias is None else bias.shape, stride, padding,
                                    dilation, groups, padding_mode, w.dtype)
        self._shape, self._relu = x, relu
        self._weights, self._dtype = w.shape, w.dtype
        self._held = self._flattened(w, bias)

    def _flattened(self, w: Array, bias: Array | None) -> tuple[Array, Array | None, Array, Array | None]:
        flat = self._place.flat
        return w, bias, flat(w), None if bias is None else flat(like(bias, w))

    def __call__(self, x: Any, w: Any, bias: Any = None) -> Pair:
        """Correlation with channels, plus a bias."""
        held = self._held
        if w is not held[0] or bias is not held[1]:
            if (x.shape, w.shape, w.dtype, type(w), bias is None) != (
                    self._shape, self._weights, self._dtype, type(held[0]), held[1] is None):
                return conv_pair(x, w, bias, **self._settings)
            held = self._held = self._flattened(w, bias)
        _, _, weights, biases = held
        dtype, layout, place = self._dtype, self._layout, self._place
        x = like(x, w)
        plan, workers = layout.plan, available()
        y = place.empty(layout.out, dtype)
        samples = place.flat(x)
        plan.forward(samples, weights, biases, y, workers, self._relu)
        shape, w_shape, kept = x.shape, w.shape, y if self._relu else None

        def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
            by_x = by_w = by_bias = None
            if biases is not None and wanted[2]:
                by_bias = place.empty((biases.size,), dtype)
            g = place.array(g, dtype)
            if kept is None:
                g = place.flat(g)
                if by_bias is not None:
                    plan.bias_gradient(g, by_bias)
            elif by_bias is None:
                g = place.flat(place.activation.masked(g, kept))
            else:
                g = plan.rectified_gradient(g, kept, by_bias)
            if wanted[0]:
                by_x = place.empty(shape, dtype)
                plan.input_gradient(g, weights, by_x, workers)
            if wanted[1]:
                by_w = place.empty(w_shape, dtype)
                plan.weight_gradient(samples, g, by_w, workers)
            return by_x, by_w, by_bias

        return y, vjp


def conv_pair(x: Any, w: Any, bias: Any = None, **settings: Any) -> Pair:
    """Correlation with channels, plus a bias; with `relu` its positive part."""
    return BoundConvolution(x.shape, w, bias, **settings)(x, w, bias)


@lru_cache(maxsize=512, typed=True)
def _transposed(place: Any, dims: int, x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None, stride: Any,
                padding: Any, output_padding: Any, groups: int, dilation: Any, dtype: np.dtype[Any]) -> _Layout:
    """Check the arguments of a transposed convolution, and prepare the convolution that it is the adjoint of."""
    name = f"conv_transpose{dims}d"
    groups, = several(groups, 1, "groups", 1)
    batch = _batched(name, dims, x, w, bias, w[1] * groups)
    if batch[1] != w[0] or w[0] % groups:
        raise ValueError(f"{name}: input has {batch[1]} channels (shape {x}), weight of shape {w} expects {w[0]}, and groups="
                         f"{groups} must divide them; weights are (input channels, output channels / groups, ...)")
    strides, dilations = several(stride, dims, "stride", 1), several(dilation, dims, "dilation", 1)
    pads, extra = several(padding, dims, "padding", 0), several(output_padding, dims, "output_padding", 0)
    for e, s, d in zip(extra, strides, dilations, strict=True):
        if e >= max(s, d):
            raise ValueError(f"{name}: output_padding={output_padding!r} must be less than stride or dilation ({s} and {d}): "
                             "it says which of the lengths that a convolution makes equal is meant")
    sizes = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in
                  zip(batch[2:], strides, pads, dilations, w[2:], extra, strict=True))
    if min(sizes) < 1:
        raise ValueError(f"{name}: padding={padding!r} leaves nothing of the result, of shape {sizes}; pad less")
    out = (batch[0], w[1] * groups, *sizes)
    # What lies behind the last sum is not read, so that its number settles only the length.
    around = tuple((p, p - e) for p, e in zip(pads, extra, strict=True))
    c = Convolution(out, w, strides, dilations, around, "zero", groups, parameter_dtype(name, dtype))
    return _Layout(place.channels.prepare(c), batch, out, out if batch is x else out[1:])


def conv_transpose_pair(x: Any, w: Any, bias: Any = None, *, dims: int, stride: Any = 1, padding: Any = 0,
                        output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Pair:
    """The adjoint of a correlation with channels, plus a bias."""
    dtype, place = w.dtype, place_of(w)
    layout = _transposed(place, dims, x.shape, w.shape, None if bias is None else bias.shape, stride, padding, output_padding,
                         groups, dilation, dtype)
    x = like(x, w)
    plan, workers = layout.plan, available()
    y = place.empty(layout.out, dtype)
    plan.input_gradient(x.reshape(layout.batch), w, y, workers)
    if bias is not None:
        y += like(bias, w).reshape(-1, *(1,) * dims)

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        g = place.array(g, dtype).reshape(layout.batch_out)
        by_x = by_w = by_bias = None
        if wanted[0]:
            by_x = place.empty(x.shape, dtype)
            plan.forward(g, w, None, by_x, workers)
        if wanted[1]:
            by_w = place.empty(w.shape, dtype)
            plan.weight_gradient(g, x.reshape(layout.batch), by_w, workers)
        if bias is not None and wanted[2]:
            by_bias = place.empty((g.shape[1],), dtype)
            plan.bias_gradient(g, by_bias)
        return by_x, by_w, by_bias

    return y, vjp


conv1d_pair = partial(conv_pair, dims=1)
conv2d_pair = partial(conv_pair, dims=2)
conv3d_pair = partial(conv_pair, dims=3)
conv_transpose1d_pair = partial(conv_transpose_pair, dims=1)
conv_transpose2d_pair = partial(conv_transpose_pair, dims=2)
conv_transpose3d_pair = partial(conv_transpose_pair, dims=3)


def _convolve(dims: int, x: Kind, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int,
              mode: str) -> Kind:
    found: Kind = apply(conv_pair, x, w, bias, dims=dims, stride=setting(stride), padding=setting(padding),
                        dilation=setting(dilation), groups=groups, padding_mode=mode)
    return found


def conv1d(input: Kind, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
           padding_mode: str = "zeros") -> Kind:
    """Convolution of signals (N, C_in, L) or (C_in, L) with weights (C_out, C_in / groups, K); see `conv2d`.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.conv1d([[[1.0, 2.0, 4.0, 8.0]]], [[[-1.0, 1.0]]])
    array([[[1., 2., 4.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv2d(input: Kind, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
           padding_mode: str = "zeros") -> Kind:
    """Convolution of images with channels, as networks mean it: a correlation, without flipping the weights.

    Parameters
    ----------
    input : Tensor or array_like
        Images (N, C_in, H, W), or one of them, (C_in, H, W). They are converted to the dtype of `weight`.
    weight : Tensor or array_like
        Of shape (C_out, C_in / groups, KH, KW), float32 or float64.
    bias : Tensor or array_like, optional
        A number for each output channel.
    stride : int or pair of int
        Distance of neighbouring outputs, in samples.
    padding : int, pair of int, "same" or "valid"
        Samples put before and after each axis. "same": so many that the output has the input's size, for stride 1; an odd
        one goes to the right or the bottom. "valid": none.
    dilation : int or pair of int
        Distance of neighbouring taps, in samples.
    groups : int
        Channels are split into so many groups that do not mix.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds; see `pad`.

    Returns
    -------
    Tensor or ndarray
        Of shape (N, C_out, OH, OW) with ``OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1``.

    Raises
    ------
    ValueError
        For shapes, channels and groups that do not fit, for a kernel larger than the padded image, and for settings out of
        range.
    TypeError
        For complex data, and for weights that are not float32 or float64.

    Warns
    -----
    UserWarning
        Where float64 images meet float32 weights.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, relations 1-6.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> images = np.arange(18.0).reshape(1, 2, 3, 3)
    >>> F.conv2d(images, np.ones((1, 2, 2, 2)), np.array([0.5]))
    array([[[[52.5, 60.5],
             [76.5, 84.5]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv3d(input: Kind, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
           padding_mode: str = "zeros") -> Kind:
    """Convolution of volumes (N, C_in, D, H, W) with weights (C_out, C_in / groups, KD, KH, KW); see `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.conv3d(np.ones((1, 1, 3, 4, 5)), np.ones((2, 1, 3, 3, 3))).shape
    (1, 2, 1, 2, 3)
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def _transpose(dims: int, x: Kind, w: Any, bias: Any, stride: Any, padding: Any, extra: Any, groups: int,
               dilation: Any) -> Kind:
    found: Kind = apply(conv_transpose_pair, x, w, bias, dims=dims, stride=setting(stride), padding=setting(padding),
                        output_padding=setting(extra), groups=groups, dilation=setting(dilation))
    return found


def conv_transpose1d(input: Kind, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Kind:
    """Transposed convolution of signals (N, C_in, L) with weights (C_in, C_out / groups, K); see `conv_transpose2d`.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 1.0, 1.0]]], stride=2)
    array([[[1., 1., 3., 2., 2.]]])
    """
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Kind, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Kind:
    """Transposed convolution: the adjoint of `conv2d` with the same weights, stride, padding, dilation and groups.

    Parameters
    ----------
    input : Tensor or array_like
        Images (N, C_in, H, W), or one of them.
    weight : Tensor or array_like
        Of shape (C_in, C_out / groups, KH, KW), float32 or float64.
    bias : Tensor or array_like, optional
        A number for each output channel.
    stride, padding, dilation : int or pair of int
        Of the convolution that this is the adjoint of: `stride` spreads the input, `padding` crops the result.
    output_padding : int or pair of int
        Rows and columns more at the end of the result, fewer than `stride` or `dilation`.
    groups : int
        Channels are split into so many groups that do not mix.

    Returns
    -------
    Tensor or ndarray
        (N, C_out, OH, OW) with ``OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1``.

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, for an `output_padding` too large, and where `padding` leaves nothing.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, relations 8-14.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Kind, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Kind:
    """Transposed convolution of volumes (N, C_in, D, H, W), weights (C_in, C_out / groups, KD, KH, KW); see `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.conv_transpose3d(np.ones((1, 1, 2, 2, 2)), np.ones((1, 3, 2, 2, 2)), stride=2).shape
    (1, 3, 4, 4, 4)
    """
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
