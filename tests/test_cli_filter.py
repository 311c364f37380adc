"""``convkit filter``: what it computes, which files it keeps as they were, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pywt.data
import scipy.ndimage
from PIL import Image as Pillow
from typer.testing import CliRunner

from convkit import filters
from convkit.cli import app, images, rasters

BINOMIAL = "1 2 1; 2 4 2; 1 2 1"
MIRROR = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "zero": "constant", "wrap": "wrap"}


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, status=0):
    result = CliRunner().invoke(app, ["filter", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def gaussian(sigma):
    radius = int(4 * sigma + 0.5)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.outer(taps, taps) / taps.sum() ** 2


def expected(image, weights, boundary="reflect"):
    weights = np.asarray(weights, float)
    origin = tuple(-1 if n % 2 == 0 else 0 for n in weights.shape)
    return scipy.ndimage.convolve(np.asarray(image, float), weights, mode=MIRROR[boundary], origin=origin)


# --- what it computes


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        (["--gaussian", "1.3"], gaussian(1.3)),
        (["--gaussian", "0.1"], [[1.0]]),
        (["--box", "5"], np.full((5, 5), 1 / 25)),
        (["--box", "4"], np.full((4, 4), 1 / 16)),
        (["--sharpen"], [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        (["--kernel", "0 1 2; 3 4 -5"], [[0, 1, 2], [3, 4, -5]]),
        (["--kernel", "-1,0,1"], [[-1, 0, 1]]),
        (["--kernel", "1/4; 1/2; 1/4;"], [[0.25], [0.5], [0.25]]),
        (["--kernel", BINOMIAL, "--normalize"], np.outer([1, 2, 1], [1, 2, 1]) / 16),
    ],
)
def test_every_filter_is_the_convolution_it_says(options, weights, tmp_path):
    run("aero", "-o", "out.npy", "--float", *options)
    out = np.load("out.npy")
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected(pywt.data.aero(), weights), atol=2e-3)


@pytest.mark.parametrize("boundary", MIRROR)
@pytest.mark.parametrize("kind", [["--box", "7"], ["--kernel", "1 2 3; 4 5 6; 7 8 10", "--normalize"]])
def test_boundary(boundary, kind):
    weights = np.full((7, 7), 1 / 49) if kind[0] == "--box" else np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]]) / 46
    run("camera", "-o", "out.npy", "--float", *kind, "--boundary", boundary)
    np.testing.assert_allclose(np.load("out.npy"), expected(pywt.data.camera(), weights, boundary), atol=2e-3)


@pytest.mark.parametrize("method", ["auto", "direct", "separable", "fft"])
@pytest.mark.parametrize("kind", [["--gaussian", "2"], ["--kernel", BINOMIAL, "--normalize"]])
def test_method(method, kind):
    weights = gaussian(2) if kind[0] == "--gaussian" else np.outer([1, 2, 1], [1, 2, 1]) / 16
    run("camera", "-o", "out.npy", "--float", *kind, "--method", method)
    np.testing.assert_allclose(np.load("out.npy"), expected(pywt.data.camera(), weights), atol=5e-3)


NAMED = [
    (["--gaussian", "2", "--order", "1"], lambda x: filters.gaussian(x, 2.0, order=1, axes=(0, 1))),
    (["--gaussian", "2", "--order", "0 2"], lambda x: filters.gaussian(x, 2.0, order=(0, 2), axes=(0, 1))),
    (["--unsharp", "2"], lambda x: filters.unsharp(x, 2.0, axes=(0, 1))),
    (["--unsharp", "2", "--amount", "0.5"], lambda x: filters.unsharp(x, 2.0, 0.5, axes=(0, 1))),
    (["--laplacian"], lambda x: filters.laplacian(x, axes=(0, 1))),
    (["--laplacian", "--boundary", "zero"], lambda x: filters.laplacian(x, axes=(0, 1), boundary="zero")),
    (["--log", "1.5"], lambda x: filters.gaussian_laplace(x, 1.5, axes=(0, 1))),
    (["--dog", "1"], lambda x: filters.difference_of_gaussians(x, 1.0, axes=(0, 1))),
    (["--dog", "1,3"], lambda x: filters.difference_of_gaussians(x, 1.0, 3.0, axes=(0, 1))),
    (["--gradient", "2"], lambda x: filters.gaussian_gradient_magnitude(x, 2.0, axes=(0, 1))),
    (["--gabor", "0.2"], lambda x: filters.gabor(x, 0.2, axes=(0, 1)).real),
    (["--gabor", "0.2", "--angle", "30", "--abs"], lambda x: abs(filters.gabor(x, 0.2, np.pi / 6, axes=(0, 1)))),
    (["--gabor", "0.2", "--bandwidth", "1.5"], lambda x: filters.gabor(x, 0.2, bandwidth=1.5, axes=(0, 1)).real),
    (["--steerable", "2"], lambda x: filters.steerable(x, 0.0, order=2, axes=(0, 1))),
    (["--steerable", "4", "--angle", "90", "--sigma", "2"],
     lambda x: filters.steerable(x, np.pi / 2, order=4, sigma=2.0, axes=(0, 1))),
    (["--emboss"], lambda x: filters.emboss(x, axes=(0, 1))),
    (["--median", "5"], lambda x: filters.median(x, 5, axes=(0, 1))),
    (["--bilateral", "1.5 60"],
     lambda x: filters.bilateral(x, 1.5, 60.0, axes=(0, 1), channel_axis=2 if x.ndim == 3 else None)),
    (["--coherence", "3"], lambda x: filters.structure_tensor(x, 3.0, axes=(0, 1)).coherence()),
    (["--orientation", "3"], lambda x: np.degrees(filters.structure_tensor(x, 3.0, axes=(0, 1)).orientation()) % 180),
]  # fmt: skip


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "rgb"])
@pytest.mark.parametrize(("options", "call"), NAMED, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_every_filter_of_the_package(options, call, colour):
    samples = picture((30, 32, 3) if colour else (30, 32), "uint8")
    alpha = picture((30, 32), "uint8", seed=4)
    images.write("in.png", images.Image(samples, alpha))
    want = call(samples)
    run("in.png", "-o", "out.tiff", "--float", *options)
    found = images.read("out.tiff")
    assert found.samples.dtype == np.float32
    np.testing.assert_allclose(found.samples, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.alpha, alpha)
    run("in.png", "-o", "out.png", *options)
    found = images.read("out.png")
    full = 255 if "--coherence" in options else 1
    np.testing.assert_allclose(found.samples, np.clip(np.rint(full * want), 0, 255), atol=1)
    np.testing.assert_array_equal(found.alpha, alpha)


def test_the_median_keeps_every_integer():
    x = np.array([[2**62 + 1, -(2**62) - 1, 3], [5, 2**62 + 3, 2**62 + 1]])
    np.save("in.npy", x)
    run("in.npy", "-o", "out.npy", "--median", "1")
    np.testing.assert_array_equal(np.load("out.npy"), x)
    np.save("in.npy", np.array([[-128, 100]], np.int8))
    run("in.npy", "-o", "out.npy", "--median", "1", "--abs", "--offset", "-0.6")
    assert np.load("out.npy").tolist() == [[127, 99]]


def test_gabor_keeps_what_a_complex_file_can_hold():
    x = picture((20, 21), "float32").astype(np.complex64)
    np.save("in.npy", x)
    run("in.npy", "-o", "out.npy", "--gabor", "0.2", "--angle", "20")
    np.testing.assert_allclose(np.load("out.npy"), filters.gabor(x, 0.2, np.radians(20)), atol=1e-6)


def test_a_method_that_does_not_fit_the_kernel_is_told():
    result = run("camera", "-o", "out.png", "--kernel", "1 0; 0 1", "--method", "separable", status=2)
    assert "rank" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", images.EMBEDDED)
def test_embedded_images(name):
    run(name, "-o", "out.png", "--kernel", "1")
    np.testing.assert_array_equal(np.array(Pillow.open("out.png")), getattr(pywt.data, name)())


def test_a_file_of_that_name_comes_first(tmp_path):
    Pillow.fromarray(np.full((4, 5), 9, np.uint8)).save(tmp_path / "camera", "PNG")
    run("camera", "-o", "out.png", "--kernel", "1")
    assert np.array(Pillow.open("out.png")).shape == (4, 5)


def test_abs_and_offset():
    weights = np.array([[1, 0, -1]])
    run("camera", "-o", "abs.npy", "--float", "--kernel", "1 0 -1", "--abs", "--offset", "3")
    run("camera", "-o", "plain.npy", "--float", "--kernel", "1 0 -1", "--offset", "128")
    exact = expected(pywt.data.camera(), weights)
    np.testing.assert_allclose(np.load("abs.npy"), np.abs(exact) + 3)
    np.testing.assert_allclose(np.load("plain.npy"), exact + 128)


def test_integers_round_half_to_even_and_saturate(tmp_path):
    np.save("in.npy", np.array([[1, 3, 5, 200, 250]], np.uint8))
    run("in.npy", "-o", "half.npy", "--kernel", "1/2")
    assert np.load("half.npy").tolist() == [[0, 2, 2, 100, 125]]
    run("in.npy", "-o", "twice.npy", "--kernel", "2")
    assert np.load("twice.npy").tolist() == [[2, 6, 10, 255, 255]]
    run("in.npy", "-o", "minus.npy", "--kernel", "-1")
    assert np.load("minus.npy").tolist() == [[0, 0, 0, 0, 0]]


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16", "int32", "uint32", "int64", "uint64"])
def test_every_integer_saturates_at_its_own_range(dtype):
    limits = np.iinfo(dtype)
    np.save("in.npy", np.array([[limits.min, limits.max]], dtype))
    run("in.npy", "-o", "out.npy", "--kernel", "2")
    out = np.load("out.npy")
    assert out.dtype == dtype
    assert out.tolist() == [[limits.min if limits.min else 0, limits.max]]


# --- files


def picture(shape, dtype, seed=3):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


DTYPES = {
    ".png": ("uint8", "uint16"),
    ".tiff": ("uint8", "uint16", "int16", "uint32", "float16", "float32", "float64"),
    ".npy": ("uint8", "uint16", "int16", "uint32", "float16", "float32", "float64"),
}
KEPT = [
    (ending, dtype, alpha)
    for ending, dtypes in DTYPES.items()
    for dtype in dtypes
    for alpha in ((False,) if ending == ".npy" else (False, True))  # a .npy file has no alpha: all is filtered
]


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "rgb"])
@pytest.mark.parametrize(("ending", "dtype", "alpha"), KEPT)
def test_dtype_and_alpha_are_kept_and_each_channel_is_filtered(ending, dtype, colour, alpha):
    samples = picture((9, 12, 3) if colour else (9, 12), dtype)
    transparency = picture((9, 12), dtype, seed=4) if alpha else None
    images.write("in" + ending, images.Image(samples, transparency))
    run("in" + ending, "-o", "out" + ending, "--box", "3")
    found = images.read("out" + ending)
    channels = samples if colour else samples[..., None]
    exact = np.stack([expected(channels[..., c], np.full((3, 3), 1 / 9)) for c in range(channels.shape[2])], axis=2)
    assert found.samples.dtype == dtype
    tolerance = {"rtol": 2e-3 if dtype == "float16" else 1e-5}
    if np.dtype(dtype).kind != "f":
        tolerance = {"atol": 0.51 + 1e-6 * np.iinfo(dtype).max}
    np.testing.assert_allclose(found.samples.reshape(exact.shape).astype(float), exact, **tolerance)
    if alpha:
        np.testing.assert_array_equal(found.alpha, transparency)
    else:
        assert found.alpha is None


def test_what_pillow_reads_of_our_files_is_the_same():
    wide = picture((5, 7, 3), "uint16")
    images.write("a.png", images.Image(wide))
    np.testing.assert_array_equal(np.array(Pillow.open("a.png")), wide >> 8)  # Pillow keeps the high byte
    for dtype in ("uint16", "float32", "int32"):
        grey = picture((5, 7), dtype)
        images.write("a.tiff", images.Image(grey))
        np.testing.assert_array_equal(np.array(Pillow.open("a.tiff")), grey)


@pytest.mark.parametrize(("channels", "colour"), [(2, 4), (3, 2), (4, 6)])
def test_every_row_filter_of_a_wide_png_is_undone(channels, colour, tmp_path):
    import struct
    import zlib

    samples = picture((5, 6, channels), "uint16")
    raw = samples.astype(">u2").view(np.uint8).reshape(5, -1).astype(int)
    step, body = 2 * channels, b""
    for i, row in enumerate(raw):
        above = raw[i - 1] if i else np.zeros_like(row)
        left, corner = (np.concatenate([np.zeros(step, int), r[:-step]]) for r in (row, above))
        guess = left + above - corner
        nearest = np.argmin([abs(guess - left), abs(guess - above), abs(guess - corner)], axis=0)
        paeth = np.choose(nearest, [left, above, corner])
        rest = row - [0 * row, left, above, (left + above) // 2, paeth][i]
        body += bytes([i]) + (rest % 256).astype("u1").tobytes()
    header = struct.pack(">IIBBBBB", 6, 5, 16, colour, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
    )
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    found, alpha = rasters.read_wide_png(tmp_path / "x.png")
    np.testing.assert_array_equal(found, samples)
    assert alpha == (channels != 3)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "int32"])
def test_tiffs_that_pillow_wrote(dtype, compression):
    samples = picture((40, 30), dtype)
    predictor = {} if compression in (None, "tiff_lzw") or dtype == "uint8" else {317: 3 if dtype == "float32" else 2}
    Pillow.fromarray(samples).save("in.tif", compression=compression, tiffinfo=predictor)
    found = images.read("in.tif").samples
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, samples)


def test_a_palette_becomes_rgb_and_bits_become_bytes():
    colour = Pillow.fromarray(picture((6, 4, 3), "uint8"))
    colour.quantize(8).save("p.png")
    np.testing.assert_array_equal(images.read("p.png").samples, np.array(colour.quantize(8).convert("RGB")))
    colour.quantize(8).save("t.png", transparency=3)
    found = images.read("t.png")
    assert found.samples.shape == (6, 4, 3)
    np.testing.assert_array_equal(found.alpha == 0, np.array(colour.quantize(8)) == 3)
    colour.convert("1").save("b.png")
    run("b.png", "-o", "out.png", "--kernel", "1")
    assert set(np.unique(np.array(Pillow.open("out.png")))) == {0, 255}


def test_jpeg_is_turned_upright_and_keeps_its_colour_profile():
    exif = Pillow.Exif()
    exif[274] = 6  # the camera was turned: rows are columns
    Pillow.fromarray(picture((8, 16, 3), "uint8")).save("in.jpg", exif=exif, icc_profile=b"a profile", dpi=(300, 300))
    run("in.jpg", "-o", "out.jpg", "--kernel", "1")
    with Pillow.open("out.jpg") as out:
        assert out.size == (8, 16)
        assert out.info["icc_profile"] == b"a profile"
        assert out.info["dpi"] == (300, 300)
        assert 274 not in out.getexif()


def test_complex_and_bool_arrays():
    np.save("c.npy", picture((5, 6), "float32") * np.complex64(1 + 2j))
    run("c.npy", "-o", "out.npy", "--box", "3")
    assert np.load("out.npy").dtype == np.complex64
    exact = expected(np.load("c.npy").imag, np.full((3, 3), 1 / 9))
    np.testing.assert_allclose(np.load("out.npy").imag, exact, rtol=1e-5)
    np.save("b.npy", np.eye(5, dtype=bool))
    run("b.npy", "-o", "out.npy", "--box", "3")
    assert np.load("out.npy").dtype == np.float32
    assert np.load("out.npy")[2, 2] == pytest.approx(1 / 3)


def test_the_input_may_be_the_output():
    np.save("in.npy", picture((5, 6), "float32"))
    exact = expected(np.load("in.npy"), np.full((3, 3), 1 / 9))
    run("in.npy", "-o", "in.npy", "--box", "3")
    np.testing.assert_allclose(np.load("in.npy"), exact, rtol=1e-5)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "out.npy").write_bytes(b"precious")

    def broken(file, *_, **__):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images.np, "save", broken)
    result = run("camera", "-o", "out.npy", "--box", "3", status=2)
    assert "No space left on device" in result.stderr
    assert (tmp_path / "out.npy").read_bytes() == b"precious"
    assert [file.name for file in tmp_path.iterdir()] == ["out.npy"]


# --- clipping


@pytest.mark.parametrize(
    ("options", "named", "unnamed"),
    [
        (["--kernel", BINOMIAL], ["--normalize", "--offset", "--float"], ["--abs"]),
        (["--kernel", "1 0 -1"], ["--normalize", "--abs", "--offset", "--float"], []),
        (["--kernel", "-1"], ["--abs"], []),
        (["--kernel", "2", "--offset", "-300"], ["--abs"], []),
        (["--sharpen", "--offset", "200"], ["--offset", "--float"], ["--normalize"]),
    ],
)
def test_clipping_is_told_in_one_line_that_names_what_helps(options, named, unnamed):
    result = run("camera", "-o", "out.png", *options)
    assert len(result.stderr.splitlines()) == 1
    assert "clip" in result.stderr
    assert all(word in result.stderr for word in named), result.stderr
    assert not any(word in result.stderr for word in unnamed), result.stderr


@pytest.mark.parametrize(
    "options", [["--box", "3"], ["--kernel", BINOMIAL, "--normalize"], ["--kernel", BINOMIAL, "--float"]]
)
def test_nothing_is_said_where_little_clips(options):
    assert run("camera", "-o", "out.npy", *options).stderr == ""


def test_one_percent_is_the_limit():
    samples = np.zeros((10, 10, 3), np.uint8)
    samples[0, 0] = 200
    np.save("in.npy", samples)
    assert run("in.npy", "-o", "out.npy", "--kernel", "2").stderr == ""
    samples[0, 1, 2] = 200  # one channel is enough for a pixel to clip
    np.save("in.npy", samples)
    assert "2 % of the pixels clip" in run("in.npy", "-o", "out.npy", "--kernel", "2").stderr


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "o.png"], ["--gaussian", "--box", "--sharpen", "--kernel"]),
        (["-o", "o.png", "--box", "3", "--sharpen"], ["--box", "--sharpen", "exactly one"]),
        (["-o", "o.png", "--box", "0"], ["--box", "0"]),
        (["-o", "o.png", "--box", "99999999"], ["--box", "taps"]),
        (["-o", "o.png", "--gaussian", "0"], ["--gaussian", "0"]),
        (["-o", "o.png", "--gaussian", "-1"], ["--gaussian", "-1"]),
        (["-o", "o.png", "--gaussian", "nan"], ["--gaussian", "nan"]),
        (["-o", "o.png", "--gaussian", "1e12"], ["--gaussian", "1e+12"]),
        (["-o", "o.png", "--kernel", ""], ["--kernel"]),
        (["-o", "o.png", "--kernel", "1 2; 3"], ["--kernel", "rows"]),
        (["-o", "o.png", "--kernel", "1 x"], ["--kernel", "'x'"]),
        (["-o", "o.png", "--kernel", "1 nan"], ["--kernel", "'nan'"]),
        (["-o", "o.png", "--kernel", "1/0"], ["--kernel", "'1/0'"]),
        (["-o", "o.png", "--kernel", "1 -1", "--normalize"], ["--normalize", "sum"]),
        (["-o", "o.png", "--box", "3", "--normalize"], ["--normalize", "--kernel"]),
        (["-o", "o.png", "--box", "3", "--boundary", "mirrored"], ["boundary", "mirrored", "reflect"]),
        (["-o", "o.png", "--box", "3", "--method", "magic"], ["--method", "'magic'", "direct"]),
        (["-o", "o.png", "--box", "3", "--offset", "inf"], ["--offset", "inf"]),
        (["-o", "o.png", "--gaussian", "1", "--order", "x"], ["--order", "'x'"]),
        (["-o", "o.png", "--gaussian", "1", "--order", "1 2 3"], ["--order", "'1 2 3'"]),
        (["-o", "o.png", "--gaussian", "1", "--order", "-1"], ["--order", "'-1'"]),
        (["-o", "o.png", "--box", "3", "--order", "1"], ["--order", "--gaussian", "--box"]),
        (["-o", "o.png", "--unsharp", "-1"], ["--unsharp", "-1"]),
        (["-o", "o.png", "--unsharp", "1", "--amount", "nan"], ["--unsharp", "amount=nan"]),
        (["-o", "o.png", "--log", "1", "--amount", "2"], ["--amount", "--unsharp", "--log"]),
        (["-o", "o.png", "--log", "0"], ["--log", "sigma=0"]),
        (["-o", "o.png", "--gradient", "inf"], ["--gradient", "inf"]),
        (["-o", "o.png", "--dog", "x"], ["--dog", "'x'"]),
        (["-o", "o.png", "--dog", "1 2 3"], ["--dog", "numbers"]),
        (["-o", "o.png", "--dog", "2 1"], ["--dog", "high_sigma=1.0"]),
        (["-o", "o.png", "--gabor", "0"], ["--gabor", "frequency=0"]),
        (["-o", "o.png", "--median", "0"], ["--median", "size=0"]),
        (["-o", "o.png", "--bilateral", "3"], ["--bilateral", "'3'", "2 numbers"]),
        (["-o", "o.png", "--bilateral", "3 0"], ["--bilateral", "sigma_color=0"]),
        (["-o", "o.png", "--gabor", "0.1", "--angle", "nan"], ["--gabor", "angle=nan"]),
        (["-o", "o.png", "--gabor", "0.1", "--bandwidth", "0"], ["--gabor", "bandwidth=0"]),
        (["-o", "o.png", "--gabor", "0.1", "--sigma", "2"], ["--sigma", "--steerable", "--gabor"]),
        (["-o", "o.png", "--steerable", "3"], ["--steerable", "order=3"]),
        (["-o", "o.png", "--steerable", "1", "--sigma", "0.1"], ["--steerable", "sigma=0.1"]),
        (["-o", "o.png", "--laplacian", "--method", "fft"], ["--method", "--kernel", "--laplacian"]),
        (["-o", "o.png", "--laplacian", "--angle", "10"], ["--angle", "--gabor", "--laplacian"]),
        (["-o", "o.png", "--emboss", "--laplacian"], ["--laplacian", "--emboss", "exactly one"]),
        (["-o", "o.png", "--coherence", "-1"], ["--coherence", "sigma=-1"]),
        (["-o", "o.png", "--orientation", "nan"], ["--orientation", "sigma=nan"]),
        (["-o", "o.png", "--emboss", "--boundary", "mirrored"], ["boundary", "mirrored", "reflect"]),
        (["-o", "o.bmp", "--box", "3"], ["o.bmp", ".png"]),
        (["-o", "nowhere/o.png", "--box", "3"], ["nowhere"]),
        (["-o", "o.png", "--box", "3", "--float"], ["PNG", "float32", ".npy"]),
        (["-o", "o.jpg", "--box", "3", "--float"], ["JPEG", "float32"]),
    ],
)
def test_a_wrong_option_is_told_in_one_line(arguments, words, tmp_path):
    result = run("camera", *arguments, status=2)
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    assert not list(tmp_path.iterdir())


def unreadable():
    colour = Pillow.fromarray(picture((6, 4, 3), "uint8"))
    colour.convert("CMYK").save("cmyk.jpg")
    colour.save("a.gif")
    colour.save("frames.tif", save_all=True, append_images=[colour])
    colour.save("whole.png")
    Pillow.fromarray(picture((6, 4), "float32")).save("f.tif")
    files = {
        "text.png": b"hello",
        "empty.png": b"",
        "empty.npy": b"",
        "junk.npy": b"junk",
        "cut.png": Path("whole.png").read_bytes()[:70],
        "cut.tif": Path("f.tif").read_bytes()[:40],
    }
    for name, data in files.items():
        Path(name).write_bytes(data)
    np.save("objects.npy", np.array([[None]]))
    np.save("text.npy", np.array([["a"]]))
    np.save("volume.npy", np.zeros((9, 9, 9)))
    np.save("signal.npy", np.zeros(9))
    np.save("none.npy", np.zeros((0, 9)))
    os.mkdir("directory.png")
    arrays = ["objects.npy", "text.npy", "volume.npy", "signal.npy", "none.npy"]
    return [*files, *arrays, "cmyk.jpg", "a.gif", "frames.tif"]


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path):
    for name in [*unreadable(), "directory.png", "missing.png"]:
        result = run(name, "-o", "out.npy", "--box", "3", status=2)
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert name in result.stderr
        assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize(
    ("samples", "output", "words"),
    [
        (np.zeros((4, 4), np.float32), "o.png", ["PNG", "float32"]),
        (np.zeros((4, 4), np.uint16), "o.jpg", ["JPEG", "uint16"]),
        (np.zeros((4, 4, 2), np.uint8), "o.png", ["2 channels", ".npy"]),
        (np.zeros((4, 4), np.complex64), "o.tiff", ["TIFF", "complex64"]),
    ],
)
def test_a_format_that_cannot_hold_the_result_is_told(samples, output, words):
    np.save("in.npy", samples)
    result = run("in.npy", "-o", output, "--box", "3", status=2)
    assert all(word in result.stderr for word in words), result.stderr


def test_jpeg_has_no_alpha():
    Pillow.fromarray(picture((4, 4, 4), "uint8")).save("in.png")
    assert "alpha" in run("in.png", "-o", "out.jpg", "--box", "3", status=2).stderr


def test_as_a_program(tmp_path):
    command = [sys.executable, "-c", "from convkit.cli import main; main()", "filter"]
    good = subprocess.run([*command, "camera", "-o", "out.png", "--gaussian", "2"], capture_output=True, text=True)
    assert (good.returncode, good.stdout.split()[0]) == (0, "out.png:"), good.stderr
    bad = subprocess.run([*command, "missing.png", "-o", "out.png", "--box", "3"], capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "Traceback" not in bad.stderr
