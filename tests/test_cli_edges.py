"""``convkit edges``: what it finds and draws, which files it keeps as they were, and what it refuses."""

import numpy as np
import pytest
import pywt.data
from PIL import Image as Pillow
from typer.testing import CliRunner

from convkit import edges, filters
from convkit.cli import app
from convkit.cli.edges import METHODS

GRADIENTS = ("sobel", "scharr", "prewitt", "roberts", "farid")


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, status=0):
    result = CliRunner().invoke(app, ["edges", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def opened(name):
    with Pillow.open(name) as picture:
        return np.array(picture)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ([], {}),
        (["--sigma", "2"], {"sigma": 2.0}),
        (["--low", "2", "--high", "9"], {"low": 2, "high": 9}),
        (["--low", "0.6", "--high", "0.9", "--quantiles"], {"low": 0.6, "high": 0.9, "quantiles": True}),
        (["--norm", "l1", "--high", "30"], {"norm": "l1", "high": 30}),
        (["--boundary", "zero"], {"boundary": "zero"}),
    ],
)
def test_canny(options, arguments):
    result = run("camera", "-o", "out.png", *options)
    out = opened("out.png")
    want = edges.canny(pywt.data.camera(), **arguments)
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, 255 * want)
    assert 0 < want.mean() < 0.5
    assert f"{100 * want.mean():.1f} % edges" in result.stdout


@pytest.mark.parametrize("options", [[], ["--sigma", "3"], ["--threshold", "4"], ["--boundary", "edge"]])
def test_zero_crossings(options):
    run("aero", "-o", "out.png", "--method", "log", *options)
    given = dict(zip((o.strip("-") for o in options[::2]), options[1::2], strict=True))
    want = edges.zero_crossings(pywt.data.aero(), float(given.get("sigma", 2)),
                                float(given["threshold"]) if "threshold" in given else None,
                                boundary=given.get("boundary", "reflect"))
    np.testing.assert_array_equal(opened("out.png"), 255 * want)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    x = pywt.data.aero()
    detector = getattr(edges, name)
    run("aero", "-o", "out.npy", "--method", name, "--float")
    out = np.load("out.npy")
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, detector(x))
    run("aero", "-o", "out.png", "--method", name)
    np.testing.assert_array_equal(opened("out.png"), np.rint(detector(x)).astype(np.uint8))
    run("aero", "-o", "raw.npy", "--method", name, "--float", "--scale", "raw", "--boundary", "wrap", "--sigma", "1.5")
    smooth = filters.gaussian(x, 1.5, boundary="wrap")
    np.testing.assert_array_equal(np.load("raw.npy"), detector(smooth, scale="raw", boundary="wrap"))
    run("aero", "-o", "cut.png", "--method", name, "--threshold", "12")
    want = detector(x) >= 12
    assert 0 < want.mean() < 1
    np.testing.assert_array_equal(opened("cut.png"), 255 * want)


def test_a_gradient_beyond_the_range_is_told():
    result = run("camera", "-o", "out.png", "--method", "sobel", "--scale", "raw")
    assert "% of the pixels clip" in result.stderr
    assert "--float" in result.stderr
    assert opened("out.png").max() == 255


@pytest.mark.parametrize("name", METHODS)
def test_overlay(name):
    x = pywt.data.camera()
    threshold = ["--threshold", "20"] if name in GRADIENTS else []
    run("camera", "-o", "on.png", "--method", name, "--overlay", *threshold)
    run("camera", "-o", "alone.png", "--method", name, *threshold)
    on, alone = opened("on.png"), opened("alone.png") > 0
    assert (on[alone] == [255, 0, 0]).all()
    np.testing.assert_array_equal(on[~alone], np.repeat(x[..., None], 3, axis=2)[~alone])


def test_overlay_of_a_gradient_is_redder_where_it_is_steeper():
    x = pywt.data.camera()
    run("camera", "-o", "on.png", "--method", "sobel", "--overlay")
    on, steep = opened("on.png").astype(float), edges.sobel(x)
    share = steep / steep.max()
    np.testing.assert_allclose(on[..., 1], x * (1 - share), atol=0.51)
    np.testing.assert_allclose(on[..., 0], x * (1 - share) + 255 * share, atol=0.51)


def colour(dtype=np.uint8):
    x, y = pywt.data.camera(), pywt.data.aero()
    n = 200
    rgb = np.stack([x[:n, :n], y[:n, :n], x[n : 2 * n, :n]], axis=-1)
    return rgb if dtype == np.uint8 else rgb.astype(dtype) * 257


def test_colour_is_searched_in_its_luma_and_kept_under_the_edges():
    rgb = colour()
    Pillow.fromarray(rgb).save("in.png")
    grey = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    want = edges.canny(grey)
    run("in.png", "-o", "out.png")
    np.testing.assert_array_equal(opened("out.png"), 255 * want)
    run("in.png", "-o", "on.png", "--overlay")
    np.testing.assert_array_equal(opened("on.png")[~want], rgb[~want])
    assert (opened("on.png")[want] == [255, 0, 0]).all()


def test_alpha_passes_through():
    rgba = np.dstack([colour(), np.arange(200 * 200).reshape(200, 200).astype(np.uint8)])
    Pillow.fromarray(rgba).save("in.png")
    run("in.png", "-o", "out.png")
    out = opened("out.png")
    assert out.shape == (200, 200, 2)
    np.testing.assert_array_equal(out[..., 1], rgba[..., 3])
    run("in.png", "-o", "on.png", "--overlay")
    np.testing.assert_array_equal(opened("on.png")[..., 3], rgba[..., 3])
    assert "alpha" in run("in.png", "-o", "out.jpg", status=2).stderr


def test_the_sample_type_is_kept():
    np.save("in.npy", colour(np.uint16))
    run("in.npy", "-o", "out.npy")
    out = np.load("out.npy")
    assert out.dtype == np.uint16
    assert set(np.unique(out)) == {0, 65535}
    np.save("in.npy", pywt.data.camera() / 255)
    run("in.npy", "-o", "out.npy")
    assert np.load("out.npy").dtype == np.float64
    assert set(np.unique(np.load("out.npy"))) == {0.0, 1.0}
    run("in.npy", "-o", "on.npy", "--overlay")
    assert np.load("on.npy").max() == 1.0
    run("camera", "-o", "out.npy", "--float")
    assert np.load("out.npy").dtype == np.float32


def test_a_profile_goes_along_only_with_its_channels():
    picture = Pillow.fromarray(colour())
    picture.save("in.png", icc_profile=b"profile of colours", dpi=(72, 72))
    run("in.png", "-o", "out.png")
    run("in.png", "-o", "on.png", "--overlay")
    with Pillow.open("out.png") as out, Pillow.open("on.png") as on:
        assert "icc_profile" not in out.info
        assert on.info["icc_profile"] == b"profile of colours"
        assert "dpi" in out.info


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "kirsch"], "--method is 'kirsch'; allowed are canny, sobel"),
        (["--sigma", "-1"], "--sigma is -1.0"),
        (["--method", "log", "--sigma", "0"], "--sigma is 0"),
        (["--method", "log", "--sigma", "0.1"], "sigma"),
        (["--method", "sobel", "--low", "1"], "--low goes with --method canny, not with sobel"),
        (["--method", "log", "--norm", "l1"], "--norm goes with"),
        (["--method", "sobel", "--quantiles"], "--quantiles goes with"),
        (["--threshold", "1"], "--threshold goes with"),
        (["--method", "log", "--scale", "raw"], "--scale goes with"),
        (["--method", "sobel", "--threshold", "nan"], "--threshold is nan"),
        (["--quantiles"], "--quantiles needs --low and --high"),
        (["--low", "9", "--high", "2"], "low"),
        (["--norm", "l3"], "l3"),
        (["--boundary", "mirrored"], "mirrored"),
        (["--float"], "this is float32"),
    ],
)
def test_refusals(options, words):
    result = run("camera", "-o", "out.png", *options, status=2)
    assert words in result.stderr
    assert result.stderr.startswith("convkit edges: ")
    assert len(result.stderr.splitlines()) == 1


def test_refused_images():
    np.save("complex.npy", np.ones((5, 5), complex))
    assert "complex128" in run("complex.npy", "-o", "out.npy", status=2).stderr
    np.save("four.npy", np.ones((5, 5, 4)))
    assert "4 channels" in run("four.npy", "-o", "out.npy", "--overlay", status=2).stderr
    assert "no such file" in run("none.png", "-o", "out.png", status=2).stderr
    assert "ending" in run("camera", "-o", "out.gif", status=2).stderr
