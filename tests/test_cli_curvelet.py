"""``convkit curvelet``: what it writes and draws, which files it keeps as they were, and what it refuses."""

import numpy as np
import pytest
import pywt.data
from PIL import Image as Pillow
from typer.testing import CliRunner

from convkit import plots
from convkit.cli import app
from convkit.curvelets.approximation import curvelet_nterm
from convkit.curvelets.bank import orientation_map
from convkit.curvelets.denoise import curvelet_denoise
from convkit.curvelets.wavelets import noise_level, wavelet_denoise

N = 96


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Pillow.fromarray(grey()).save("in.png")


@pytest.fixture
def drawn(monkeypatch):
    """What the functions of plots are called with."""
    calls = {}

    def spy(name):
        draw = getattr(plots, name)

        def call(*arguments, **options):
            calls[name] = (arguments, options)
            return draw(*arguments, **options)

        monkeypatch.setattr(plots, name, call)

    for name in ("tiling", "atoms", "denoising", "orientation"):
        spy(name)
    return calls


def run(*arguments, status=0):
    result = CliRunner().invoke(app, ["curvelet", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def opened(name):
    with Pillow.open(name) as picture:
        return np.array(picture)


def grey(dtype=np.uint8):
    noise = np.random.default_rng(0).normal(0, 9, (N, N))
    return np.clip(pywt.data.camera()[100 : 100 + N, 200 : 200 + N] + noise, 0, 255).astype(dtype)


def colour():
    return np.stack([grey(), pywt.data.aero()[:N, :N], pywt.data.ascent()[200 : 200 + N, :N].astype(np.uint8)], axis=-1)


def as_bytes(result):
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def test_denoise_tells_the_noise_level_that_it_finds_or_is_given():
    found = run("in.png", "-o", "out.png", "--denoise")
    np.testing.assert_array_equal(opened("out.png"), as_bytes(curvelet_denoise(grey())))
    assert found.stdout == f"out.png: {N} x {N} uint8, noise level {noise_level(grey()):.4g} (found)\n"
    given = run("in.png", "-o", "out.png", "--denoise", "--sigma", "20")
    np.testing.assert_array_equal(opened("out.png"), as_bytes(curvelet_denoise(grey(), 20.0)))
    assert given.stdout == f"out.png: {N} x {N} uint8, noise level 20\n"


def test_nterm_keeps_the_largest_coefficients():
    result = run("in.png", "-o", "out.png", "--nterm", 300)
    np.testing.assert_array_equal(opened("out.png"), as_bytes(curvelet_nterm(grey(), 300)))
    assert "300 coefficients\n" in result.stdout


def test_colour_is_worked_on_per_channel():
    rgb = colour()
    Pillow.fromarray(rgb).save("rgb.png")
    result = run("rgb.png", "-o", "out.png", "--denoise")
    for i in range(3):
        np.testing.assert_array_equal(opened("out.png")[..., i], as_bytes(curvelet_denoise(rgb[..., i])))
        assert f"{noise_level(rgb[..., i]):.4g}" in result.stdout
    result = run("rgb.png", "-o", "out.png", "--nterm", 500)
    for i in range(3):
        np.testing.assert_array_equal(opened("out.png")[..., i], as_bytes(curvelet_nterm(rgb[..., i], 500)))
    assert "500 coefficients per channel" in result.stdout


def test_alpha_profile_and_resolution_pass_through():
    rgba = np.dstack([colour(), np.add.outer(np.arange(N), np.arange(N)).astype(np.uint8)])
    Pillow.fromarray(rgba).save("rgba.png", icc_profile=b"profile of colours", dpi=(72, 72))
    run("rgba.png", "-o", "out.png", "--denoise")
    np.testing.assert_array_equal(opened("out.png")[..., 3], rgba[..., 3])
    with Pillow.open("out.png") as out:
        assert out.info["icc_profile"] == b"profile of colours"
        assert "dpi" in out.info
    assert "alpha" in run("rgba.png", "-o", "out.jpg", "--denoise", status=2).stderr


@pytest.mark.parametrize("task", [["--denoise"], ["--nterm", "400"]])
def test_the_sample_type_is_kept(task):
    np.save("in.npy", grey(np.uint16) * 257)
    run("in.npy", "-o", "out.npy", *task)
    assert np.load("out.npy").dtype == np.uint16
    assert 1000 < np.load("out.npy").mean() < 60000
    np.save("in.npy", grey() / 255)
    run("in.npy", "-o", "out.npy", *task)
    assert np.load("out.npy").dtype == np.float64
    run("in.png", "-o", "float.npy", *task, "--float")
    assert np.load("float.npy").dtype == np.float32
    run("in.png", "-o", "out.png", *task)
    np.testing.assert_array_equal(opened("out.png"), as_bytes(np.load("float.npy")))


def test_complex_samples_can_be_approximated():
    x = grey() + 1j * grey().T
    np.save("in.npy", x)
    run("in.npy", "-o", "out.npy", "--nterm", 400)
    np.testing.assert_array_equal(np.load("out.npy"), curvelet_nterm(x, 400))


def test_clipping_is_told():
    edge = np.where(np.add.outer(np.arange(N), np.arange(N)) > N, 255, 0).astype(np.uint8)
    Pillow.fromarray(edge).save("edge.png")
    result = run("edge.png", "-o", "out.png", "--nterm", 60)
    assert "% of the pixels clip at the range of uint8; what helps: --float" in result.stderr
    assert run("edge.png", "-o", "out.npy", "--nterm", 60, "--float").stderr == ""


@pytest.mark.parametrize("task", ["tiling", "atoms"])
def test_pictures_of_the_plan(task, drawn):
    Pillow.fromarray(colour()[:, :64]).save("rgb.png")
    result = run("rgb.png", "-o", "out.png", f"--{task}")
    ((plan,), _) = drawn[task]
    assert plan.shape == (N, 64)
    assert min(opened("out.png").shape[:2]) > 400
    assert result.stdout == f"out.png: {task} of {N} x 64 samples, {plan.scales} scales\n"


def test_a_picture_of_directions(drawn):
    rgb = colour()
    Pillow.fromarray(rgb).save("rgb.png")
    run("rgb.png", "-o", "out.png", "--orientation")
    image, angle, strength = drawn["orientation"][0]
    luma = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(image, luma, rtol=1e-6)
    want = orientation_map(image)
    np.testing.assert_array_equal(angle, want.angle)
    np.testing.assert_array_equal(strength, want.strength)
    assert min(opened("out.png").shape[:2]) > 400


@pytest.mark.parametrize("sigma", [None, 15.0])
def test_a_picture_beside_wavelets(drawn, sigma):
    options = [] if sigma is None else ["--sigma", sigma]
    result = run("in.png", "-o", "out.png", "--denoise", "--compare", "wavelet", *options)
    noisy, results = drawn["denoising"][0]
    np.testing.assert_array_equal(noisy, grey())
    curvelets, wavelets = results.values()
    np.testing.assert_array_equal(curvelets, curvelet_denoise(grey(), sigma))
    np.testing.assert_array_equal(wavelets, wavelet_denoise(grey(), sigma))
    assert min(opened("out.png").shape[:2]) > 400
    assert "noise level" in result.stdout
    assert opened("in.png").shape == (N, N)


def test_one_channel_is_compared_as_grey(drawn):
    np.save("in.npy", grey()[..., None])
    run("in.npy", "-o", "out.png", "--denoise", "--compare", "wavelet")
    np.testing.assert_array_equal(drawn["denoising"][0][0], grey())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no task given; give exactly one of --denoise, --tiling, --atoms, --nterm N, --orientation"),
        (["--denoise", "--atoms"], "--denoise and --atoms given; give exactly one"),
        (["--tiling", "--sigma", "3"], "--sigma goes with --denoise, not with --tiling"),
        (["--nterm", "9", "--compare", "wavelet"], "--compare goes with --denoise, not with --nterm"),
        (["--orientation", "--float"], "--float goes with --denoise and --nterm, not with --orientation"),
        (["--denoise", "--compare", "wavelet", "--float"], "--compare draws a picture"),
        (["--denoise", "--sigma", "-1"], "--sigma is -1.0; give the standard deviation"),
        (["--denoise", "--sigma", "nan"], "--sigma is nan"),
        (["--denoise", "--compare", "bm3d"], "--compare is 'bm3d'; allowed is wavelet"),
        (["--nterm", "-3"], "--nterm -3: "),
        (["--nterm", "99999999"], "--nterm 99999999: "),
        (["--denoise", "--float"], "this is float32"),
    ],
)
def test_refusals(options, words):
    result = run("in.png", "-o", "out.png", *options, status=2)
    assert words in result.stderr
    assert result.stderr.startswith("convkit curvelet: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("task", ["--tiling", "--atoms", "--orientation", "--denoise --compare wavelet"])
def test_pictures_are_png_files(task):
    result = run("in.png", "-o", "out.tiff", *task.split(), status=2)
    assert f"{task.split()[-1] if len(task.split()) == 1 else '--compare'} draws a picture, name a .png file" in result.stderr


def test_refused_images():
    np.save("complex.npy", np.ones((20, 20), complex))
    for task in ("--denoise", "--orientation"):
        assert "complex128" in run("complex.npy", "-o", "out.png", task, status=2).stderr
    np.save("small.npy", np.ones((15, 40)))
    for task in (["--denoise"], ["--tiling"], ["--atoms"], ["--nterm", "3"], ["--orientation"]):
        assert "16" in run("small.npy", "-o", "out.npy" if len(task) > 1 or task == ["--denoise"] else "out.png", *task,
                           status=2).stderr
    holes = grey().astype(float)
    holes[3, 4] = np.nan
    np.save("holes.npy", holes)
    assert "finite" in run("holes.npy", "-o", "out.npy", "--denoise", status=2).stderr
    assert "no such file" in run("none.png", "-o", "out.png", "--atoms", status=2).stderr
    assert "ending" in run("in.png", "-o", "out.gif", "--denoise", status=2).stderr
