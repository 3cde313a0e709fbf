"""Label maps that are turned or mirrored where neither size nor place shows it."""

import warnings

import numpy as np
import pytest
import rasterio
import scipy.io

from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io import read_labels, read_scene

TURNS = {
    "transposed": np.transpose,
    "mirrored left to right": np.fliplr,
    "mirrored top to bottom": np.flipud,
    "turned by 180 degrees": lambda labels: np.rot90(labels, 2),
    "turned counterclockwise by 90 degrees": np.rot90,
    "turned clockwise by 90 degrees": lambda labels: np.rot90(labels, -1),
    "transposed along the other diagonal": lambda labels: np.rot90(labels, 2).T,
}


@pytest.fixture(scope="module", params=[(40, 40), (36, 48)], ids=str)
def scene(request):
    height, width = request.param
    return make_synthetic_scene(height=height, width=width, labeled_share=0.6, random_state=1)


def write(folder, suffix, cube, labels):
    """Write cube and labels with libraries of other people."""
    paths = folder / f"cube{suffix}", folder / f"labels{suffix}"
    for path, values in zip(paths, (cube, labels), strict=True):
        if suffix == ".npy":
            np.save(path, values)
        elif suffix == ".mat":
            scipy.io.savemat(path, {"data": values})
        else:
            bands = np.moveaxis(np.atleast_3d(values), -1, 0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
                count, height, width = bands.shape
                with rasterio.open(
                    path, "w", "GTiff", width, height, count, dtype=bands.dtype
                ) as file:
                    file.write(bands)
    return paths


@pytest.mark.parametrize("suffix", [".npy", ".mat", ".tif"])
@pytest.mark.parametrize("turn", TURNS)
def test_turned_maps_are_pointed_out(scene, tmp_path, suffix, turn):
    labels = TURNS[turn](scene.labels)
    if labels.shape != scene.labels.shape:
        pytest.skip("the size shows it")
    cube, path = write(tmp_path, suffix, scene.cube, np.ascontiguousarray(labels))
    with pytest.warns(HSVLMWarning) as caught:
        read_scene(cube, labels=path)
    messages = [str(one.message) for one in caught if "may be" in str(one.message)]
    assert len(messages) == 1
    assert f"{path}: the label map may be {turn}. Its classes explain " in messages[0]
    with pytest.warns(HSVLMWarning, match="may be"):
        read_labels(path, read_scene(cube))


@pytest.mark.parametrize("suffix", [".npy", ".mat", ".tif"])
def test_maps_as_they_should_be_pass_without_a_word(scene, tmp_path, suffix):
    cube, path = write(tmp_path, suffix, scene.cube, scene.labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error", HSVLMWarning)
        np.testing.assert_array_equal(read_scene(cube, labels=path).labels, scene.labels)


@pytest.mark.parametrize("seed", range(20))
def test_labels_that_mean_nothing_raise_no_alarm(tmp_path, seed):
    rng = np.random.default_rng(seed)
    scene = make_synthetic_scene(random_state=seed, noise=rng.choice([0.05, 0.3, 0.6]))
    fields = np.kron(rng.integers(0, 5, (8, 8)), np.ones((4, 4), dtype=int))
    sparse = np.where(rng.random((32, 32)) < 0.02, scene.labels, 0)
    for labels in (rng.integers(0, 5, (32, 32)), fields, sparse):
        cube, path = write(tmp_path, ".npy", scene.cube, labels.astype(np.uint8))
        with warnings.catch_warnings():
            warnings.simplefilter("error", HSVLMWarning)
            read_scene(cube, labels=path)
