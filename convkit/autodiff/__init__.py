"""Automatic differentiation: reverse mode on arrays, forward mode on numbers, and expressions.

``import convkit.autodiff as torch`` serves scripts that use `tensor`, arithmetic, the functions here and `no_grad`.
`Tensor` and the functions are the reverse mode, for one number that depends on many; `Dual` is the forward mode, for many that
depend on one; `Variable` starts an expression. Derivatives are of first order. How to add an operation is told in
`convkit.autodiff.tape`.
"""

from numpy import float32, float64, int64

from convkit.autodiff.dual import Dual, derivative
from convkit.autodiff.expression import Expression, Variable, evaluate_and_derive, forward_trace
from convkit.autodiff.functions import (
    abs,
    argmax,
    cat,
    clamp,
    clip,
    concatenate,
    cos,
    exp,
    flatten,
    log,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    permute,
    reshape,
    sin,
    sqrt,
    squeeze,
    stack,
    sum,
    tanh,
    tensor,
    transpose,
    unsqueeze,
    var,
    where,
)
from convkit.autodiff.gradcheck import draw_inputs, gradcheck
from convkit.autodiff.tape import no_grad
from convkit.autodiff.tensor import Tensor, apply

__all__ = [
    "Dual",
    "Expression",
    "Tensor",
    "Variable",
    "abs",
    "apply",
    "argmax",
    "cat",
    "clamp",
    "clip",
    "concatenate",
    "cos",
    "derivative",
    "draw_inputs",
    "evaluate_and_derive",
    "exp",
    "flatten",
    "float32",
    "float64",
    "forward_trace",
    "gradcheck",
    "int64",
    "log",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "no_grad",
    "permute",
    "reshape",
    "sin",
    "sqrt",
    "squeeze",
    "stack",
    "sum",
    "tanh",
    "tensor",
    "transpose",
    "unsqueeze",
    "var",
    "where",
]
