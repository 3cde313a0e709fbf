import hashlib
import importlib.util

import numpy as np
import pytest

from hsvlm.datasets import load_indian_pines
from hsvlm.exceptions import DataError, MissingDependencyError

COUNTS = [46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93]


def test_the_scene_is_the_published_one():
    scene = load_indian_pines()
    assert scene.cube.shape == (145, 145, 200)
    assert scene.cube.dtype == np.uint16
    assert scene.cube.flags.c_contiguous
    assert scene.cube.flags.writeable
    assert (scene.cube.min(), scene.cube.max()) == (955, 9604)
    assert np.bincount(scene.labels.ravel())[1:].tolist() == COUNTS
    assert len(scene.class_names) == 16
    assert scene.class_names[16] == "Stone-Steel-Towers"


def test_wavelengths_step_back_where_spectrometers_meet():
    wavelengths = load_indian_pines().wavelengths_nm
    assert (wavelengths.min(), wavelengths.max()) == (400.02, 2489.11)
    steps = np.diff(wavelengths)
    assert np.flatnonzero(steps < 0).tolist() == [30, 93]
    # Carbon dioxide absorbs most at 2008 and 2058 nm, so the dips of the spectrum tell whether
    # the centres are those of the bands kept.
    spectrum = load_indian_pines().cube.mean(axis=(0, 1))
    for centre in (2008, 2058):
        near = np.flatnonzero(abs(wavelengths - centre) < 20)
        assert abs(wavelengths[near[spectrum[near].argmin()]] - centre) < 6
    # Ordinary steps are about 10 nm; the removed water bands leave two gaps.
    assert np.flatnonzero(steps > 15).tolist() == [102, 143]


def test_missing_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError) as error:
        load_indian_pines()
    assert str(error.value) == (
        "The Indian Pines scene comes with the package tensorly, which is not installed. Install "
        'it with: pip install "hsvlm[data]"'
    )


def test_damaged_and_missing_files(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("tensorly", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    folder = tmp_path / "datasets" / "data"
    path = folder / "Indian_pines_corrected.npy"
    with pytest.raises(DataError) as error:
        load_indian_pines()
    assert str(error.value) == (
        f"{path} is missing from the installed tensorly. Reinstall it with: "
        'pip install --force-reinstall "hsvlm[data]"'
    )
    folder.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError) as error:
        load_indian_pines()
    assert str(error.value) == (
        f"{path} has the SHA-256 digest {hashlib.sha256(b'nothing').hexdigest()}, expected "
        "8f038e4d81569e38ebfc72a15c9984c150de42580ab260be10a13442e912e451. The file is damaged or "
        'another version. Reinstall it with: pip install --force-reinstall "hsvlm[data]"'
    )
