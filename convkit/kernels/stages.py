"""Windows of a few fixed sizes: their networks written out, so that what they compare stays in vector registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from convkit._core.jit import helper
from convkit.kernels.networks import MINIMUM, Network, Ref, shifted
from convkit.kernels.simd import vector_bits


class Stage(NamedTuple):
    """Part of a network: from some lines, read at shifts, to others."""

    network: Network
    results: list[Ref]


def _evaluate(stage: Stage, leaf: Callable[[int, int], Any], least: Callable[[Any, Any], Any],
              most: Callable[[Any, Any], Any]) -> list[Any]:
    """The results of a stage: values of lines are made by ``leaf(line, shift)``, others by ``least`` and ``most``."""
    made: dict[Ref, Any] = {}

    def value(line: int, shift: int) -> Any:
        found = made.get((line, shift))
        if found is None:
            node = stage.network.nodes[line]
            if node is None:
                found = leaf(line, shift)
            else:
                a, b = (value(n, s + shift) for n, s in node[1:])
                found = (least if node[0] == MINIMUM else most)(a, b)
            made[line, shift] = found
        return found

    return [value(*ref) for ref in stage.results]


def extreme(builder: Any, name: str, a: Any, b: Any) -> Any:
    """The smaller (``umin``) or larger (``umax``) of each pair of unsigned integers of two vectors."""
    vector = a.type
    signature = ir.FunctionType(vector, [vector, vector])
    word = f"llvm.{name}.v{vector.count}i{vector.element.width}"
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, word), [a, b])


def _make_stage(stage: Stage) -> Any:
    """``run(buffer, places, first, to, step, count)``: from the lines at ``places[first:]`` to those at ``places[to:]``.

    Whole vectors are written; ``step`` is how many elements a shift of one is.
    """

    def run(buffer, places, first, to, step, count):
        for i in range(count):
            def leaf(line, shift, i=i):
                return buffer[places[first + line] + shift * step + i]

            for k, value in enumerate(_evaluate(stage, leaf, min, max)):
                buffer[places[to + k] + i] = value

    @intrinsic
    def vectors(typingctx, buffer, places, first, to, step, count):
        signature = types.void(buffer, places, types.int64, types.int64, types.int64, types.int64)

        def codegen(context, builder, sig, args):
            element = context.get_data_type(sig.args[0].dtype)
            size = context.get_abi_sizeof(element)
            width = vector_bits() // (8 * size)
            vector = ir.VectorType(element, width)
            i64 = ir.IntType(64)
            data = context.make_array(sig.args[0])(context, builder, value=args[0]).data
            table = context.make_array(sig.args[1])(context, builder, value=args[1]).data

            def place(index, at):
                return builder.bitcast(builder.gep(data, [builder.add(index, at)]), vector.as_pointer())

            starts: dict[tuple[int, int], Any] = {}

            def start(base, line, shift=0):
                if (line, shift) not in starts:
                    index = builder.load(builder.gep(table, [builder.add(base, i64(line))]))
                    starts[line, shift] = builder.add(index, builder.mul(args[4], i64(shift)))
                return starts[line, shift]

            _evaluate(stage, lambda line, shift: start(args[2], line, shift), lambda a, b: a, lambda a, b: a)
            ends = [builder.load(builder.gep(table, [builder.add(args[3], i64(k))])) for k in range(len(stage.results))]
            blocks = builder.sdiv(builder.add(args[5], i64(width - 1)), i64(width))
            with cgutils.for_range(builder, blocks) as loop:
                at = builder.mul(loop.index, i64(width))

                def leaf(line, shift):
                    value = builder.load(place(starts[line, shift], at))
                    value.align = size
                    return value

                def chosen(name):
                    return lambda a, b: extreme(builder, name, a, b)

                for value, end in zip(_evaluate(stage, leaf, chosen("umin"), chosen("umax")), ends, strict=True):
                    builder.store(value, place(end, at)).align = size
            return context.get_dummy_value()

        return signature, codegen

    @overload(run)
    def _run(buffer, places, first, to, step, count):
        return lambda buffer, places, first, to, step, count: vectors(buffer, places, first, to, step, count)

    return run


def _sorting(lines: int) -> Any:
    """Sorts a number of lines."""
    network = Network(lines)
    return _make_stage(Stage(network, network.sort([(line, 0) for line in range(lines)])))


def _merging(first: int, second: int, by: int, least: int = 0, most: int | None = None) -> Any:
    """Merges sorted lines with others, or if there are none with themselves, ``by`` samples on: ranks ``least:most``."""
    network = Network(first + second)
    a = [(line, 0) for line in range(first)]
    b = [(first + line, by) for line in range(second)] if second else shifted(a, by)
    return _make_stage(Stage(network, network.merge(a, b)[least:most]))


def _median_of_3_columns() -> Any:
    network = Network(3)
    lines = [(line, 0) for line in range(3)]
    pair = network.merge(lines, shifted(lines, 1))
    return _make_stage(Stage(network, [network.select(pair, shifted(lines, 2), 4)]))


def _median_of_5_columns() -> Any:
    """Of pairs of columns, ten lines, and of columns."""
    network = Network(15)
    pair = [(line, 0) for line in range(10)]
    four = network.merge(pair, shifted(pair, 2))
    return _make_stage(Stage(network, [network.select(four, [(line, 4) for line in range(10, 15)], 12)]))


def _median_of_7_columns() -> Any:
    """Of quadruples of columns, of which ranks 3 to 24 can be the median, and of triples."""
    network = Network(43)
    three = [(line, 4) for line in range(22, 43)]
    return _make_stage(Stage(network, [network.select([(line, 0) for line in range(22)], three, 21)]))


_sort_3, _choose_3 = _sorting(3), _median_of_3_columns()
_sort_5, _pairs_5, _choose_5 = _sorting(5), _merging(5, 0, 1), _median_of_5_columns()
_sort_7, _pairs_7, _fours_7 = _sorting(7), _merging(7, 0, 1), _merging(14, 0, 2, 3, 25)
_threes_7, _choose_7 = _merging(14, 7, 2), _median_of_7_columns()

# Lines that `square_median` needs beside the rows of a window of so many rows and columns.
SIDES = {3: 4, 5: 16, 7: 65}


@helper
def square_median(buffer, places, side, step, count):
    """Write medians of windows of ``side`` rows and columns; rows lie at the first ``places``, the last one is the result's."""
    if side == 3:
        _sort_3(buffer, places, 0, 3, step, count + 2 * step)
        _choose_3(buffer, places, 3, 6, step, count)
    elif side == 5:
        _sort_5(buffer, places, 0, 15, step, count + 4 * step)
        _pairs_5(buffer, places, 15, 5, step, count + 2 * step)
        _choose_5(buffer, places, 5, 20, step, count)
    else:
        _sort_7(buffer, places, 0, 21, step, count + 6 * step)
        _pairs_7(buffer, places, 21, 7, step, count + 4 * step)
        _fours_7(buffer, places, 7, 28, step, count)
        _threes_7(buffer, places, 7, 50, step, count + 4 * step)
        _choose_7(buffer, places, 28, 71, step, count)
