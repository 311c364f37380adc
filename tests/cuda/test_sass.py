"""Machine code of the loops that take the time: how much of it is arithmetic, and all tiles for both devices."""

import numpy as np
import pytest

from tests.cuda.compiler import DEVICES, compiled, disassembler, needed, spills, stretches
from tests.cuda.test_ptx import tiles
from tests.cuda.test_ptx_channels import FORMS, arrays, sizes
from tests.cuda.test_ptx_march import march

pytestmark = needed
shown = pytest.mark.skipif(not disassembler(), reason="nvdisasm is not here: pip install nvidia-cuda-nvdisasm")


def product(form, dtype, tile):
    """Plain function and signature of a tile of a product."""
    from numba import types

    from convkit.engines.cuda.multiply import TILES
    from convkit.kernels.multiply_cuda import Sizes, multiply_body

    number, index = arrays(dtype, "int32")
    signature = types.void(number, number, index, number, number, sizes(len(Sizes(1, 1, 1).numbers)))
    return multiply_body(TILES[np.dtype(dtype).itemsize][tile], dtype, FORMS[form]), signature


def hottest(body, signature, registers, tmp_path):
    """Stretches with the most multiply-adds that follow one another without a jump back."""
    found = stretches(compiled(body, signature, DEVICES[1]), registers, tmp_path)
    return sorted(found, key=lambda stretch: -stretch["FFMA"])


@shown
def test_turns_of_tiles_are_multiply_adds(tmp_path):
    """A row of a full vector of taps: 96 FMA for two vectors of samples and four taps."""
    from convkit.engines.cuda.direct import TILES
    from convkit.kernels.correlate_cuda import REGISTERS

    tile = TILES[4]
    found = hottest(*tiles("float32", "vectors"), REGISTERS[4], tmp_path)[: tile.rows]
    total = sum(found[1:], found[0])
    assert total["FFMA"] >= (tile.rows - 1) * tile.rows * tile.columns**2
    assert total["FFMA"] > 0.9 * sum(total.values())


@shown
def test_turns_of_a_march_are_multiply_adds(tmp_path):
    from convkit.engines.cuda.direct import MARCHES
    from convkit.kernels.march_cuda import REGISTERS

    m = MARCHES[4]
    along, down = hottest(*march("float32", "float32", "vectors"), REGISTERS[4], tmp_path)[:2]
    assert along["FFMA"] == m.rows * 8 * 12
    assert along["LDS.128"] == 3 * m.rows
    assert down["FFMA"] == m.length**2 * m.columns
    assert along["FFMA"] + down["FFMA"] > 0.85 * sum((along + down).values())


@shown
@pytest.mark.parametrize("form", ["correlate", "products", "lines"])
def test_panels_of_products_are_multiply_adds(form, tmp_path):
    from convkit.kernels.multiply_cuda import REGISTERS

    loop = hottest(*product(form, "float32", 0), REGISTERS, tmp_path)[0]
    assert loop["FFMA"] == 16 * loop["LDS.128"] == 128
    assert loop["FFMA"] > 0.85 * sum(loop.values())


@pytest.mark.parametrize("tile", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_no_tile_of_a_product_spills(form, dtype, tile):
    from convkit.kernels.multiply_cuda import REGISTERS

    assert not spills(*product(form, dtype, tile), REGISTERS)
